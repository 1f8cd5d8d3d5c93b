"""D-rows that no other table holds: limits (D16), retries (D20), mid-stream failures (D14), first bytes (D32),
configuration mistakes."""
import time

from harness import http
from harness.gateway import Gateway
from harness.runner import case, equal, fixture, truth

from ._env import Any, Env, Reply, check, completion, detail, model_error

PATH = "/v2/code/completions"
REFUSAL = Any("<JSON with detail or error>",
              lambda found: isinstance(found, dict) and ("detail" in found or "error" in found))


@fixture("dec")
def dec(ctx):
    return Env(ctx, bypass=True, name="dec")


@fixture("dec-limits")
def dec_limits(ctx):
    return Env(ctx, bypass=True, name="dec-limits", conf="""
limits: { header_ms = 600; body_ms = 600; idle_ms = 700; body_max = 65536; };
""")


@fixture("dec-idle")
def dec_idle(ctx):
    return Env(ctx, bypass=True, name="dec-idle", conf="upstream: { idle_ms = 600; connect_ms = 500; };\n")


# -- D16: limits -------------------------------------------------------------------------------------------------------

@case("D16-headers", "dec")
def header_block_limit(env):
    ok = env.request("GET", "/monitoring/healthz", {"X-Long": "a" * 20000})
    equal(ok.status, 200, "status with 20 KB of headers")
    with env.gw.connect() as conn:
        conn.send(http.render("GET", "/monitoring/healthz", [(f"X-Long-{n}", "a" * 1000) for n in range(60)]))
        equal(conn.read_response().status, 431, "status with 60 KB of headers")
    check(env.request("GET", "/monitoring/healthz"), 200)


@case("D16-body-default", "dec")
def body_limit_default(env):
    """16 MiB by default: 10 MB pass, 17 MiB are refused with 413 JSON without reading them all."""
    body = completion(env.models.script(Reply()))
    body["padding"] = "x" * (10 << 20)
    check(env.post(PATH, body), 200)
    with env.gw.connect() as conn:
        conn.send(http.render("POST", PATH, {"Content-Length": str(17 << 20), "Content-Type": "application/json"}))
        response = conn.read_response()
        equal(response.status, 413, "status")
        equal(response.json(), REFUSAL, "body")


@case("D16-body", "dec-limits")
def body_limit(env):
    body = completion(env.models.script(Reply()))
    body["padding"] = "x" * 60000
    check(env.post(PATH, body), 200)
    body["padding"] = "x" * 66000
    response = check(env.post(PATH, body), 413, REFUSAL)
    truth("65536" in response.text or "64" in response.text, "the limit in the text", response.text)


@case("D16-body-chunked", "dec-limits")
def chunked_body_limit(env):
    with env.gw.connect() as conn:
        conn.send(http.render("POST", PATH, {"Transfer-Encoding": "chunked", "Content-Length": None,
                                             "Content-Type": "application/json"}))
        try:
            for _ in range(80):
                conn.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
            conn.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = conn.read_response()
        equal(response.status, 413, "status")
        equal(response.json(), REFUSAL, "body")


@case("D16-chunked-ok", "dec-limits")
def chunked_body_is_read(env):
    import json
    data = json.dumps(completion(env.models.script(Reply()))).encode()
    with env.gw.connect() as conn:
        conn.send(http.render("POST", PATH, {"Transfer-Encoding": "chunked", "Content-Length": None,
                                             "Content-Type": "application/json"}))
        for at in range(0, len(data), 37):
            part = data[at:at + 37]
            conn.send(b"%x\r\n%s\r\n" % (len(part), part))
        conn.send(b"0\r\nX-Trailer: 1\r\n\r\n")
        equal(conn.read_response().status, 200, "status")


@case("D16-header-deadline", "dec-limits")
def header_deadline(env):
    with env.gw.connect(timeout=10) as conn:
        start = time.monotonic()
        conn.send(b"GET /monitoring/healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        truth(conn.is_closed_within(5), "the connection to be closed", "still open")  # nobody has asked for anything yet
        took = time.monotonic() - start
        truth(took < 5, "an end about 0.6 s later", f"{took:.1f} s")
        truth(took > 0.3, "some patience", f"{took:.2f} s")


@case("D16-body-deadline", "dec-limits")
def body_deadline(env):
    with env.gw.connect(timeout=10) as conn:
        start = time.monotonic()
        conn.send(http.render("POST", PATH, {"Content-Length": "1000", "Content-Type": "application/json"}) + b'{"a":')
        truth(conn.is_closed_within(5), "the connection to be closed", "still open")
        took = time.monotonic() - start
        truth(0.3 < took < 5, "an end about 0.6 s later", f"{took:.2f} s")


@case("D16-idle", "dec-limits")
def idle_keep_alive(env):
    with env.gw.connect(timeout=10) as conn:
        conn.send(http.render("GET", "/monitoring/healthz"))
        equal(conn.read_response().status, 200, "status")
        truth(conn.is_closed_within(6), "the idle connection to be closed after about 0.7 s", "still open")


@fixture("dec-connections")
def dec_connections(ctx):
    return Env(ctx, bypass=True, name="dec-connections", env={"WEB_CONCURRENCY": "1"},
               conf="limits: { connections_max = 8; };\n")


@case("D16-connections", "dec-connections")
def connection_limit(env):
    """Beyond the cap: 503 with Retry-After; when connections go, service resumes."""
    held = []
    refused = None
    try:
        for _ in range(14):
            conn = env.gw.connect(timeout=5)
            held.append(conn)
            conn.send(http.render("GET", "/monitoring/healthz"))
            try:
                response = conn.read_response()
            except (OSError, http.HttpError) as err:
                refused = err
                break
            if response.status != 200:
                refused = response
                break
        truth(isinstance(refused, http.Response), "an HTTP answer beyond the cap", repr(refused))
        equal(refused.status, 503, "status")
        truth(refused.header("retry-after"), "Retry-After", refused.headers)
    finally:
        for conn in held:
            conn.close()
    deadline = time.monotonic() + 5
    while True:
        try:
            if env.request("GET", "/monitoring/healthz").status == 200:
                break
        except (OSError, http.HttpError):
            pass
        truth(time.monotonic() < deadline, "service again once connections are free", "still refused")


# -- D20: retries ------------------------------------------------------------------------------------------------------

def attempts(env, *replies, expect=200, stream=False, calls=2, within=4.0, body=None):
    script = env.models.script(*replies)
    start = time.monotonic()
    response = env.post(PATH, completion(script, stream=stream))
    took = time.monotonic() - start
    check(response, expect, body)
    equal(script.count, calls, f"model calls for {[reply.status for reply in replies]}")
    truth(took < within, f"less than {within} s", f"{took:.1f} s")
    return response


@case("D20-503", "dec")
def retries_passing_trouble(env):
    for status in (502, 503, 504, 529):
        attempts(env, Reply(status=status), Reply())
    attempts(env, Reply(status=503), Reply(pieces=("a", "b")), stream=True)


@case("D20-429", "dec")
def retries_429_with_short_wait(env):
    attempts(env, Reply(status=429, headers=(("Retry-After", "1"),)), Reply(), within=5)


@case("D20-429-long", "dec")
def does_not_wait_long(env):
    attempts(env, Reply(status=429, headers=(("Retry-After", "60"),)), Reply(), expect=429, calls=1, within=2)


@case("D20-once", "dec")
def one_retry_only(env):
    attempts(env, Reply(status=503), Reply(status=503), Reply(), expect=503, calls=2, body=model_error())


@case("D20-no-retry", "dec")
def what_is_not_retried(env):
    for status in (400, 401, 403, 404, 422):
        attempts(env, Reply(status=status), Reply(), expect=503, calls=1)


@case("D20-cut-before-bytes", "dec")
def connection_dropped_before_an_answer(env):
    attempts(env, Reply(raw=b""), Reply())


@case("D20-not-after-bytes", "dec")
def no_retry_once_the_client_has_bytes(env):
    script = env.models.script(Reply(pieces=("a", "b", "c"), cut_after=2), Reply())
    response = env.post(PATH, completion(script, stream=True))
    equal(script.count, 1, "model calls")
    truth(not response.is_complete, "a broken connection", response)


# -- D14: a cut stream never looks finished ----------------------------------------------------------------------------

@case("D14-close", "dec")
def cut_by_close(env):
    cut(env, Reply(pieces=("a", "b", "c"), cut_after=2))


@case("D14-reset", "dec")
def cut_by_reset(env):
    cut(env, Reply(pieces=("a", "b", "c"), cut_after=2, cut="reset"))


@case("D14-silent-end", "dec")
def cut_by_clean_end(env):
    """The body ends cleanly, but no finish reason and no end marker came."""
    cut(env, Reply(pieces=("a", "b", "c"), cut_after=2, cut="end"))


@case("D14-no-finish", "dec")
def end_without_both(env):
    cut(env, Reply(pieces=("a", "b"), finish=None, done_marker=False))


@case("D14-error-event", "dec")
def error_inside_the_stream(env):
    cut(env, Reply(pieces=("a", "b"), cut_after=2, cut="end", error_event={"message": "out of memory", "code": 500}))


def cut(env, reply):
    script = env.models.script(reply)
    response = env.post(PATH, completion(script, stream=True))
    if response.status != 200:
        check(response, 503, model_error())
        return
    truth(not response.is_complete, "a connection that breaks off", response)
    truth("ab".startswith(response.text), "only the model's text", response.text)


@case("D14-marker-only", "dec")
def marker_without_finish_is_an_end(env):
    response = env.post(PATH, completion(env.models.script(Reply(pieces=("a", "b"), finish=None)), stream=True))
    check(response, 200, text="ab")


@case("D14-finish-only", "dec")
def finish_without_marker_is_an_end(env):
    response = env.post(PATH, completion(env.models.script(Reply(pieces=("a", "b"), done_marker=False)), stream=True))
    check(response, 200, text="ab")


@case("D14-whole-cut", "dec")
def cut_whole_answer(env):
    """Not streamed: a body shorter than its Content-Length is a failure, not an answer."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"choices\":["
    script = env.models.script(Reply(raw=raw))
    check(env.post(PATH, completion(script)), 503, model_error())


# -- D32 ---------------------------------------------------------------------------------------------------------------

@case("D32-early-status", "dec")
def status_after_a_second(env):
    """A slow model: 200 goes out after about 1 s, the text follows."""
    script = env.models.script(Reply(pieces=("late",), head_delay=5.0))
    with env.gw.connect() as conn:
        conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        head = conn.read_head()
        took = time.monotonic() - conn.sent_at
        equal(head.status, 200, "status")
        truth(0.5 < took < 4.5, "the head after about 1 s", f"{took:.2f} s")
        rest = conn._line()
        truth(int(rest, 16) > 0, "text to follow", rest)


@case("D13-timeout", "dec-idle")
def silent_model(env):
    script = env.models.script(Reply(hang=True))
    start = time.monotonic()
    check(env.post(PATH, completion(script)), 503, model_error())
    truth(time.monotonic() - start < 6, "an end after the idle limit", f"{time.monotonic() - start:.1f} s")


@case("D14-stall", "dec-idle")
def stalling_stream(env):
    script = env.models.script(Reply(pieces=("a", "b"), piece_delay=30))
    response = env.post(PATH, completion(script, stream=True), timeout=10)
    truth(not response.is_complete and response.text == "a", "the first piece, then a broken connection", response)


# -- configuration mistakes --------------------------------------------------------------------------------------------

class Nothing:
    def __init__(self, ctx):
        self.ctx = ctx

    def close(self):
        pass


@fixture("conf")
def conf(ctx):
    return Nothing(ctx)


def refuses(env, name, conf_text=None, settings=None, words=()):
    gateway = Gateway(env.ctx, settings, conf_text, name=name, wait=False)
    try:
        line = gateway.wait_line(lambda item: item.get("message") == "listening", 10)
        gateway._reader.join(5)
        truth(line is None, "a refusal to start", "it listens")
        code = gateway.process.wait(5)
        truth(code not in (0, 99) and code > 0, "a non-zero exit code", code)
        text = "".join(gateway.raw)
        for word in words:
            truth(word in text, f"{word!r} in the message", text)
    finally:
        gateway._expected_end = True
        gateway.kill()


@case("CONF-typo", "conf")
def unknown_key(env):
    refuses(env, "typo", "limits: {\n  header_sm = 500;\n};\n", words=["90-test.conf:2", "header_sm", "header_ms"])


@case("CONF-type", "conf")
def wrong_type(env):
    refuses(env, "type", 'limits: {\n  header_ms = "fast";\n};\n', words=["90-test.conf:2", "header_ms"])


@case("CONF-all-at-once", "conf")
def all_mistakes_in_one_run(env):
    refuses(env, "all", 'limits: {\n  header_ms = "fast";\n  body_sm = 1;\n};\n',
            words=["90-test.conf:2", "90-test.conf:3"])


@case("CONF-syntax", "conf")
def syntax_error(env):
    refuses(env, "syntax", "limits: {\n  header_ms = ;\n};\n", words=["90-test.conf:2"])


@case("CONF-env-bool", "conf")
def bad_boolean(env):
    refuses(env, "bool", settings={"AIGW_AUTH__BYPASS_EXTERNAL": "maybe"},
            words=["AIGW_AUTH__BYPASS_EXTERNAL", "maybe"])


@case("CONF-env-integer", "conf")
def bad_integer(env):
    refuses(env, "int", settings={"AIGW_FASTAPI__API_PORT": ""}, words=["AIGW_FASTAPI__API_PORT"])


@case("CONF-tls-files", "conf")
def tls_without_files(env):
    refuses(env, "tls", settings={"AIGW_FASTAPI__TLS__ENABLED": "true"},
            words=["cert_file and key_file must both be set when TLS is enabled"])


@case("CONF-tls-missing", "conf")
def tls_missing_file(env):
    refuses(env, "tls", settings={"AIGW_FASTAPI__TLS__ENABLED": "true", "AIGW_FASTAPI__TLS__CERT_FILE": "/nope.pem",
                                  "AIGW_FASTAPI__TLS__KEY_FILE": "/nope.key"},
            words=["cert_file does not point to a file: /nope.pem"])


@case("CONF-port-taken", "conf")
def taken_port(env):
    async def nobody(ex):
        ex.reply(200)
    from fakes.net import Server
    taken = Server(nobody)
    try:
        refuses(env, "port", settings={"AIGW_FASTAPI__API_PORT": str(taken.port)}, words=[str(taken.port)])
    finally:
        taken.close()


@case("CONF-disable-streaming", "dec-nostream")
def streaming_disabled(env):
    """AIGW_CUSTOM_MODELS__DISABLE_STREAMING: same framing, one piece, the model is asked without stream."""
    script = env.models.script(Reply(pieces=("a", "b")))
    check(env.post(PATH, completion(script, stream=True)), 200, text="ab",
          headers={"content-type": "text/event-stream; charset=utf-8"})
    equal(bool(script.seen[0].json().get("stream")), False, "stream upstream")


@case("CONF-extra-headers", "dec-nostream")
def extra_headers(env):
    script = env.models.script(Reply())
    check(env.post(PATH, completion(script)), 200)
    equal(script.seen[0].header("x-team"), "blue", "header X-Team upstream")


@case("CONF-extra-headers-replace", "dec-nostream")
def extra_headers_replace(env):
    """A header of the operator's goes out instead of the one that would have been sent, not beside it."""
    script = env.models.script(Reply())
    check(env.post(PATH, completion(script)), 200)
    sent = [(name, value) for name, value in script.seen[0].headers if name.lower() in ("authorization", "content-type")]
    equal(sent, [("Content-Type", "application/json"), ("AUTHORIZATION", "Basic dTpw")], "headers upstream")


@fixture("dec-nostream")
def dec_nostream(ctx):
    return Env(ctx, bypass=True, name="dec-nostream", env={
        "AIGW_CUSTOM_MODELS__DISABLE_STREAMING": "true", "AIGW_CUSTOM_MODELS__EXTRA_HEADERS":
        '{"X-Team":"blue","AUTHORIZATION":"Basic dTpw"}'})


@case("CONF-prefix", "dec-prefix")
def settable_prefix(env):
    check(env.request("GET", "/gateway/monitoring/healthz"), 200)
    check(env.request("GET", "/monitoring/healthz"), 200)
    check(env.request("GET", "/ai/nope"), 404, detail("Not Found"))


@fixture("dec-prefix")
def dec_prefix(ctx):
    return Env(ctx, bypass=True, name="dec-prefix", conf='server: { path_prefix = "/gateway"; };\n')


@case("CONF-allowed-endpoints", "dec-allowed")
def endpoint_allow_list(env):
    script = env.models.script(Reply())
    check(env.post(PATH, completion(script)), 200)
    other = f"http://localhost:{env.models.server.port}/s/{script.number}/v1"
    response = check(env.post(PATH, completion(script, model_endpoint=other)), (400, 403, 422, 503))
    truth("allow" in response.text.lower(), "a text about the allow-list", response.text)
    equal(script.count, 1, "model calls")


@fixture("dec-allowed")
def dec_allowed(ctx):
    return Env(ctx, bypass=True, name="dec-allowed",
               conf='routing: { allowed_endpoints = ( "http://127.0.0.1:*/s/*" ); };\n')


@case("TLS-serving", "dec-tls")
def tls_serving(env):
    check(env.request("GET", "/monitoring/healthz"), 200)
    check(env.post(PATH, completion(env.models.script(Reply(pieces=("a", "b"))), stream=True)), 200, text="ab")
    for version in ("TLSv1_2", "TLSv1_3"):
        import ssl
        context = env.ca.client_context()
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        check(env.request("GET", "/monitoring/healthz", tls=context), 200)
    try:
        with env.gw.connect(tls=None, timeout=3) as conn:
            conn.send(http.render("GET", "/monitoring/healthz"))
            response = conn.read_response()
            truth(response.status == 400, "no plain HTTP on the TLS port", response)
    except (http.HttpError, OSError):
        pass


@fixture("dec-tls")
def dec_tls(ctx):
    from fakes import pki
    ca = pki.CA(ctx.folder("ca"))
    cert, key = ca.issue()
    env = Env(ctx, bypass=True, name="dec-tls", tls=ca.client_context(), env={
        "AIGW_FASTAPI__TLS__ENABLED": "true", "AIGW_FASTAPI__TLS__CERT_FILE": cert, "AIGW_FASTAPI__TLS__KEY_FILE": key})
    env.ca = ca
    return env



# -- D37: the first event decides the status ---------------------------------------------------------------------------

BUSY = {"message": "engine is busy", "type": "server_error", "code": 503}


@case("D37-error-first", "dec")
def error_as_first_event(env):
    """A 200 stream whose first event is an error: an honest status, and the server's words."""
    script = env.models.script(Reply(cut_after=0, cut="end", error_event={"message": "no such LoRA", "code": 404}))
    check(env.post(PATH, completion(script, stream=True)), 503, model_error("no such LoRA"))


@case("D37-error-first-retried", "dec")
def error_as_first_event_is_retried(env):
    """Nothing of an answer was delivered: the usual retry applies, 200 or not."""
    script = env.models.script(Reply(cut_after=0, cut="end", error_event=BUSY), Reply(pieces=("fine",)))
    check(env.post(PATH, completion(script, stream=True)), 200, text="fine")
    equal(script.count, 2, "calls")


@case("D37-error-later", "dec")
def error_after_text(env):
    """Once text was delivered the stream is cut, and nothing is asked again."""
    script = env.models.script(Reply(pieces=("a", "b"), cut_after=1, cut="end", error_event=BUSY), Reply())
    response = env.post(PATH, completion(script, stream=True))
    equal(response.status, 200, "status")
    truth(not response.is_complete, "a visible cut", response)
    equal(script.count, 1, "calls")


@fixture("dec-fresh")
def dec_fresh(ctx):
    return Env(ctx, bypass=True, name="dec-fresh", env={"WEB_CONCURRENCY": "1"})


@case("D20-cut-is-not-repeated", "dec-fresh")
def a_cut_request_is_not_repeated(env):
    """The server took the whole request and hung up: the work may have been done, so it is not sent again. Only on a
    connection that had served before it may have been closing already: once more then, on a new one."""
    script = env.models.script(Reply(raw=b""))
    check(env.post(PATH, completion(script)), 503)
    equal(script.count, 1, "requests the server has seen over a new connection")
    check(env.post(PATH, completion(env.models.script(Reply()))), 200)
    script = env.models.script(Reply(raw=b""))
    check(env.post(PATH, completion(script)), 503)
    equal(script.count, 2, "requests the server has seen, the first over a kept connection")
