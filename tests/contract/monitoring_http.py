"""C-MON and C-HTTP: monitoring routes, request ids, CORS, paths, malformed HTTP. Decisions D2, D3, D17, D18, D27, D28
change what the original did; the rows say where."""
from harness import http
from harness.runner import case, equal, fixture, truth

from ._env import (CURRENT_FILE, HEX32, NO_HEADER, Any, Env, Reply, Row, check, completion, detail, table)

NOT_FOUND = detail("Not Found")
NOT_ALLOWED = detail("Method Not Allowed")
ORIGIN = {"Origin": "https://x.test"}
PREFLIGHT = {"Origin": "https://x.test", "Access-Control-Request-Method": "POST"}


@fixture("mon-auth")
def mon_auth(ctx):
    return Env(ctx, name="mon-auth")


@fixture("mon-bypass")
def mon_bypass(ctx):
    return Env(ctx, bypass=True, name="mon-bypass")


def get(path, headers=(), **kwargs):
    return lambda env: env.request("GET", path, headers, **kwargs)


def post_one(path, headers=(), **kwargs):
    """A good completion request against a scripted model, at this path."""
    return lambda env: env.post(path, completion(env.models.script(Reply())), headers, **kwargs)


table(__name__, "mon-auth", [
    Row("C-MON-001", get("/monitoring/healthz"), 200, {"status": "ok"}, "D3: body names a status",
        headers={"content-type": "application/json"}),
    Row("C-MON-001-bad-auth", get("/monitoring/healthz", {"Authorization": "Bearer nonsense"}), 200, {"status": "ok"}),
    Row("C-MON-003", lambda env: env.post("/monitoring/healthz", headers=env.auth()), 405, NOT_ALLOWED,
        headers={"allow": Any("<a list with GET>", lambda v: "GET" in (v or ""))}),
    Row("C-MON-004", get("/"), 401, NO_HEADER),
    Row("D2-head-root", lambda env: env.request("HEAD", "/"), (200, 204, 401, 404),
        note="D2: at once, without auth work"),
    Row("C-HTTP-009", get("/metrics"), 404, NOT_FOUND),
    Row("D17-healthz-slash", get("/monitoring/healthz/"), 200, {"status": "ok"}, "D17: one normal form"),
    Row("D28-healthz", get("/ai/monitoring/healthz"), 200, {"status": "ok"}, "D28: also under the prefix"),
    Row("D28-root", get("/ai"), 401, NO_HEADER),
    Row("C-HTTP-007-401", lambda env: env.post("/v2/code/completions", completion(), ORIGIN), 401, NO_HEADER,
        headers={"access-control-allow-origin": "*"}),
    Row("C-HTTP-008", lambda env: env.request("OPTIONS", "/v2/code/completions", {
        **PREFLIGHT, "Access-Control-Request-Headers": "authorization"}), 200, text="OK", common=False,
        headers={"access-control-allow-origin": "*", "access-control-allow-methods": "POST",
                 "access-control-allow-headers": "authorization", "access-control-max-age": "600",
                 "x-request-id": HEX32}),
    Row("C-HTTP-008-alias", lambda env: env.request("OPTIONS", "/v2/completions", PREFLIGHT), 200, text="OK",
        common=False, headers={"access-control-allow-methods": "POST"}),
    Row("C-HTTP-008-get", lambda env: env.request("OPTIONS", "/v2/completions", {
        "Origin": "https://x.test", "Access-Control-Request-Method": "GET"}), 400, text="Disallowed CORS method",
        common=False),
    Row("C-HTTP-008-plain", lambda env: env.request("OPTIONS", "/v2/completions"), 401, NO_HEADER,
        "OPTIONS without the preflight header is an ordinary request"),
])

table(__name__, "mon-bypass", [
    Row("C-HTTP-001", get("/nope"), 404, NOT_FOUND),
    Row("C-HTTP-001-root", get("/"), 404, NOT_FOUND),
    Row("C-HTTP-002", get("/v2/code/completions"), 405, NOT_ALLOWED, headers={"allow": "POST"}),
    Row("C-HTTP-002-put", lambda env: env.request("PUT", "/v2/completions", body={}), 405, NOT_ALLOWED,
        headers={"allow": "POST"}),
    Row("C-HTTP-003", post_one("/v2/code/completions/"), 200, note="D17: no redirect, the slash is dropped"),
    Row("D17-double", post_one("//v2//code/completions"), 200),
    Row("D17-encoded-slash", post_one("/v2%2Fcode%2Fcompletions"), 200),
    Row("D17-encoded-letter", post_one("/v2/code/complet%69ons"), 200),
    Row("D17-twice", post_one("/v2%252Fcode/completions"), 404, NOT_FOUND, "decoded once, not twice"),
    Row("D17-dots", get("/monitoring/../monitoring/healthz"), 400, common=False),
    Row("D17-bad-percent", get("/monitoring/%zz"), 400, common=False),
    Row("D17-query", post_one("/v2/code/completions?x=1&y=%2F"), 200),
    Row("D28-completions", post_one("/ai/v2/code/completions"), 200),
    Row("D28-not-prefix", post_one("/aix/v2/code/completions"), 404, NOT_FOUND),
    Row("C-HTTP-004", get("/nope"), 404, headers={"x-request-id": HEX32}),
    Row("C-HTTP-005", get("/nope", {"X-Request-ID": "my-id-1"}), 404, headers={"x-request-id": "my-id-1"}),
    Row("D18-empty", get("/nope", {"X-Request-ID": ""}), 404, headers={"x-request-id": HEX32}),
    Row("D18-255", get("/nope", {"X-Request-ID": "a" * 255}), 404, headers={"x-request-id": "a" * 255}),
    Row("D18-256", get("/nope", {"X-Request-ID": "a" * 256}), 404, headers={"x-request-id": HEX32}),
    Row("D18-bytes", get("/nope", {"X-Request-ID": "id-\xe9\xff"}), 404, headers={"x-request-id": HEX32}),
    Row("C-HTTP-006", post_one("/v2/code/completions"), 200, note="D27; common headers are checked on every row"),
    Row("C-HTTP-007", post_one("/v2/code/completions", ORIGIN), 200, headers={"access-control-allow-origin": "*"}),
    Row("C-HTTP-007-none", post_one("/v2/code/completions"), 200, absent=["access-control-allow-origin"]),
    Row("C-HTTP-011", post_one("/v2/code/completions", host="bad_host"), 200),
    Row("C-HTTP-011-odd", post_one("/v2/code/completions", host="x/monitoring/healthz?"), (200, 400), common=False),
    Row("HTTP-HEAD-health", lambda env: env.request("HEAD", "/monitoring/healthz"), (200, 405)),
    Row("HTTP-empty-value", post_one("/v2/code/completions", {"X-Gitlab-Feature-Enablement-Type": ""}), 200),
    Row("HTTP-odd-telemetry", post_one("/v2/code/completions", {
        "X-Gitlab-Project-Id": "not-a-number", "X-Gitlab-Duo-Seat-Count": "many", "X-Gitlab-Rails-Send-Start": "soon",
        "X-Gitlab-Saas-Duo-Pro-Namespace-Ids": "a,b", "langsmith-trace": "x"}), 200, note="§11.1: never an error"),
])


@case("C-MON-002", "mon-auth")
def ready(env):
    response = env.request("GET", "/monitoring/ready")
    check(response, (200, 503))
    equal(response.header("content-type"), "application/json", "content-type")
    response.json()


@case("D3-ready-verbose", "mon-auth")
def ready_verbose(env):
    response = check(env.request("GET", "/monitoring/ready?verbose"), (200, 503))
    found = response.json()
    truth("keys" in str(found), "a member about keys (D3)", found)
    for secret in env.ctx.secrets:
        truth(secret not in response.text, "no secret in the readiness text", response.text)


@case("D3-healthz-fetches-nothing", "mon-auth")
def healthz_fetches_nothing(env):
    env.request("POST", "/v1/code/user_access_token", env.auth())  # keys are loaded after this
    before = dict(env.gitlab.fetches)
    for _ in range(20):
        check(env.request("GET", "/monitoring/healthz"), 200)
    equal(env.gitlab.fetches, before, "fetches at GitLab")


@case("D18-unique", "mon-bypass")
def request_ids_are_unique(env):
    ids = {env.request("GET", "/nope").header("x-request-id") for _ in range(20)}
    equal(len(ids), 20, "different request ids")


@case("C-HTTP-010", "mon-bypass")
def garbage(env):
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n",
                 b"\xff\xfe\xfd\r\n\r\n", b"{}\r\n\r\n"):
        with env.gw.connect(timeout=5) as conn:
            conn.send(data)
            response = conn.read_response()
            equal((response.status, response.text), (400, "Invalid HTTP request received."), f"answer to {data!r}")
            equal(response.header("content-type"), "text/plain; charset=utf-8", "content-type")
            truth(conn.is_closed_within(3), "the connection to be closed", "still open")


@case("C-HTTP-010-endless", "mon-bypass")
def garbage_without_an_end(env):
    """What cannot become a request is answered at once: https:// spoken to this port, for one."""
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100, b"\xff", b" GET", b"{\"a\":", b"\rx",
                 b"x" * 33, "é".encode()):
        with env.gw.connect(timeout=5) as conn:
            conn.send(data)
            response = conn.read_response()
            equal((response.status, response.text), (400, "Invalid HTTP request received."), f"answer to {data!r}")
            truth(response.head_at < 3, "an answer at once", response.head_at)
            truth(conn.is_closed_within(3), "the connection to be closed", "still open")


@case("HTTP-drip", "mon-bypass")
def one_byte_at_a_time(env):
    data = b"\r\n" + http.render("GET", "/monitoring/healthz", {"X-A": "b"})
    with env.gw.connect() as conn:
        for at in range(len(data)):
            conn.send(data[at:at + 1])
        equal(conn.read_response().status, 200, "status")


@case("C-HTTP-010-two-words", "mon-bypass")
def request_line_without_version(env):
    """libmicrohttpd refuses this one before it asks us, with a page of its own; 400 and closed all the same."""
    with env.gw.connect(timeout=5) as conn:
        conn.send(b"hello there\r\n\r\n")
        equal(conn.read_response().status, 400, "status")
        truth(conn.is_closed_within(3), "the connection to be closed", "still open")


@case("C-HTTP-010-version", "mon-bypass")
def unknown_version(env):
    with env.gw.connect(timeout=5) as conn:
        conn.send(b"GET / HTTP/9.9\r\nHost: a\r\n\r\n")
        equal(conn.read_response().status, 505, "status")
        truth(conn.is_closed_within(3), "the connection to be closed", "still open")


@case("C-HTTP-010-nul", "mon-bypass-quick")
def lines_of_nul(env):
    with env.gw.connect(timeout=6) as conn:
        conn.send(b"\0\0\0\0\r\n\r\n")
        equal(conn.read_response().status, 400, "status")
        truth(conn.is_closed_within(3), "the connection to be closed", "still open")


@fixture("mon-bypass-quick")
def mon_bypass_quick(ctx):
    return Env(ctx, bypass=True, name="mon-bypass-quick", conf="limits: { header_ms = 800; };\n")


@case("HTTP-keep-alive", "mon-bypass")
def keep_alive(env):
    with env.gw.connect() as conn:
        for number in range(5):
            conn.send(http.render("GET", "/monitoring/healthz", {"X-Request-ID": f"k{number}"}))
            response = conn.read_response()
            equal(response.status, 200, "status")
            equal(response.header("x-request-id"), f"k{number}", "x-request-id")
        conn.send(http.render("GET", "/monitoring/healthz", {"Connection": "close"}))
        equal(conn.read_response().status, 200, "status")
        truth(conn.is_closed_within(3), "the connection to be closed", "still open")


@case("HTTP-401-keeps-alive", "mon-auth")
def refusal_keeps_the_connection(env):
    """A small unwanted body is read away, so the next request on the connection works."""
    with env.gw.connect() as conn:
        conn.send(http.render("POST", "/v2/code/completions", {}, {"current_file": CURRENT_FILE}))
        equal(conn.read_response().status, 401, "status")
        conn.send(http.render("GET", "/monitoring/healthz"))
        equal(conn.read_response().status, 200, "status of the next request")
