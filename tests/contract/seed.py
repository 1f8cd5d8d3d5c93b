"""S-rows: promises of the install document (gitlab-client.md §5.2) that the binary alone can prove; D26, D31."""
import os
import signal
import time

from fakes import clients, pki
from fakes import gitlab as gl
from fakes.models import FakeModels
from harness.gateway import Gateway
from harness.runner import Skip, case, equal, fixture, truth

from ._env import API_KEY, NO_HEADER, Env, Reply, check, completion

PATH = "/v2/code/completions"
SIGNING_PEM = pki.private_pem(pki.rsa_key("gateway-signing"))


class Plain:
    """For cases that start gateways themselves."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.open = []

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def close(self):
        for thing in reversed(self.open):
            thing.close()


@fixture("seed")
def seed(ctx):
    return Plain(ctx)


@fixture("seed-gitlab")
def seed_gitlab(ctx):
    return Env(ctx, name="seed-gitlab")


@case("S-10", "seed")
def two_variables_are_enough(env):
    """docker run -e AIGW_GITLAB_URL -e AIGW_GITLAB_API_URL (ports moved for the test only)."""
    gitlab = env.keep(gl.FakeGitLab())
    gateway = env.keep(Gateway(env.ctx, {
        "AIGW_GITLAB_URL": gitlab.url, "AIGW_GITLAB_API_URL": gitlab.url + "/api/v4/", "AIGW_CUSTOMER_PORTAL_URL": "",
        "AIGW_FASTAPI__OPENAPI_URL": None, "AIGW_FASTAPI__DOCS_URL": None, "AIGW_CUSTOM_MODELS__ENABLED": None,
        "WEB_CONCURRENCY": None}, name="s-10"))
    env.ctx.note(f"start to listening: {gateway.ready_after * 1000:.0f} ms, {gateway.rss_kib()} KiB of memory idle")
    check(gateway.request("GET", "/monitoring/healthz"), 200, {"status": "ok"})
    check(gateway.request("GET", "/docs"), 200)
    models = env.keep(FakeModels())
    token = env.ctx.secret(gitlab.token())
    rails = clients.Rails(gateway.port, token)
    response = rails.call(PATH, completion(models.script(Reply())))
    equal(response.status, 200, f"status ({response.text[:200]})")


@case("S-11", "seed")
def default_port(env):
    gitlab = env.keep(gl.FakeGitLab())
    gateway = Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url, "AIGW_FASTAPI__API_PORT": None}, name="s-11", wait=False)
    try:
        line = gateway.wait_line(lambda item: item.get("message") == "listening", 15)
        if line is None and "in use" in "".join(gateway.raw):
            raise Skip("port 5052 is taken on this machine")
        truth(line is not None, "a gateway on port 5052", "".join(gateway.raw[-3:]))
        equal(line["port"], 5052, "port")
    finally:
        gateway._expected_end = True
        gateway.close()


def tls_gitlab(env):
    ca = pki.CA(env.ctx.folder("ca"))
    gitlab = env.keep(gl.FakeGitLab(tls=ca.server_context()))
    return ca, gitlab


def try_token(gateway, gitlab):
    headers = {"Authorization": f"Bearer {gateway.ctx.secret(gitlab.token())}", "X-Gitlab-Authentication-Type": "oidc",
               "X-Gitlab-Realm": "self-managed", "X-Gitlab-Instance-Id": gl.INSTANCE_ID,
               "X-Gitlab-Global-User-Id": gl.USER_ID}
    return gateway.request("POST", "/v1/code/user_access_token", headers)


def tls_gateway(env, gitlab, **settings):
    pem = SIGNING_PEM
    return env.keep(Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": pem,
                                      **settings}, name="s-14"))


@case("S-14-fails", "seed")
def private_ca_without_variable(env):
    _, gitlab = tls_gitlab(env)
    response = try_token(tls_gateway(env, gitlab), gitlab)
    check(response, 503)
    text = response.text.lower()
    truth("certificate" in text, "a text about the certificate", text)
    truth("subject cn=" in text and "issuer cn=" in text, "subject and issuer of what was refused", text)
    truth("ssl_cert_file" in text or "requests_ca_bundle" in text or "ca_file" in text,
          "the setting that helps to be named (P-03)", response.text[-300:])


@case("S-14", "seed")
def private_ca_with_ssl_cert_file(env):
    ca, gitlab = tls_gitlab(env)
    check(try_token(tls_gateway(env, gitlab, SSL_CERT_FILE=ca.file), gitlab), 200)


@case("S-15", "seed")
def private_ca_with_requests_ca_bundle(env):
    ca, gitlab = tls_gitlab(env)
    check(try_token(tls_gateway(env, gitlab, REQUESTS_CA_BUNDLE=ca.file), gitlab), 200)


@case("S-15-precedence", "seed")
def requests_ca_bundle_wins_for_keys(env):
    ca, gitlab = tls_gitlab(env)
    other = pki.CA(env.ctx.folder("other-ca"), "Other Root")
    check(try_token(tls_gateway(env, gitlab, REQUESTS_CA_BUNDLE=ca.file, SSL_CERT_FILE=other.file), gitlab), 200)
    check(try_token(tls_gateway(env, gitlab, REQUESTS_CA_BUNDLE=other.file, SSL_CERT_FILE=ca.file), gitlab), 503)


@case("S-15-unreadable", "seed")
def unreadable_bundle_never_turns_verification_off(env):
    _, gitlab = tls_gitlab(env)
    missing = os.path.join(env.ctx.work_dir, "no-such-bundle.pem")
    gateway = Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url, "REQUESTS_CA_BUNDLE": missing}, name="s-15-missing",
                      wait=False)
    line = gateway.wait_line(lambda item: item.get("message") == "listening", 15)
    try:
        truth(line, "a start, because the file may come", gateway.raw)
        gateway.port = line["port"]
        check(try_token(gateway, gitlab), 503)
        truth("no-such-bundle.pem" in "".join(gateway.raw), "a log line naming the file", gateway.raw[-5:])
        equal(gitlab.fetches["keys"], 0, "key fetches that succeeded")
    finally:
        gateway._expected_end = True
        gateway.close()


@case("S-16", "seed")
def ca_applies_to_models_too(env):
    ca, gitlab = tls_gitlab(env)
    models = env.keep(FakeModels(tls=ca.server_context()))
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AIGW_MTLS__CA_BUNDLE"):
        gateway = tls_gateway(env, gitlab, AIGW_AUTH__BYPASS_EXTERNAL="true", **{variable: ca.file})
        check(gateway.request("POST", PATH, (), completion(models.script(Reply()))), 200)
    gateway = tls_gateway(env, gitlab, AIGW_AUTH__BYPASS_EXTERNAL="true")
    response = check(gateway.request("POST", PATH, (), completion(models.script(Reply()))), 503)
    truth("certificate" in response.text.lower(), "a text about the certificate", response.text)


@case("S-17 D26", "seed")
def bypass_is_loud(env):
    gitlab = env.keep(gl.FakeGitLab())
    models = env.keep(FakeModels())
    gateway = env.keep(Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url, "AIGW_AUTH__BYPASS_EXTERNAL": "true"},
                               name="s-17"))
    check(gateway.request("POST", PATH, (), completion(models.script(Reply()))), 200)
    warned = [item for item in gateway.lines if item.get("level") in ("warning", "critical")
              and "bypass" in str(item).lower()]
    truth(warned, "a warning about the bypass at start", [item.get("message") for item in gateway.lines])
    line = gateway.wait_line(lambda item: item.get("level") == "critical"
                             and "Auth is disabled, all users allowed" in item.get("message", ""))
    truth(line, "a critical line \"Auth is disabled, all users allowed\"", [i.get("message") for i in gateway.lines])
    truth("bypass" in gateway.metrics().lower(), "a metric about the bypass", "none")
    response = gateway.request("GET", "/monitoring/ready?verbose")
    truth("bypass" in response.text.lower(), "the bypass in /monitoring/ready?verbose", response.text)
    for _ in range(20):
        gateway.request("GET", "/nope")
    count = sum(1 for item in gateway.lines if "Auth is disabled" in str(item.get("message")))
    truth(count <= 2, "the critical line at most once a minute", count)


@case("S-18", "seed-gitlab")
def auth_is_on_by_default(env):
    document = env.request("GET", "/openapi.json").json()
    exempt = {"/monitoring/healthz", "/monitoring/ready", "/v1/models/definitions", "/docs", "/openapi.json"}
    tried = 0
    for path, item in document["paths"].items():
        if path in exempt or path.startswith("/docs"):
            continue
        for method, operation in item.items():
            target = path.replace("{", "").replace("}", "")
            response = env.request(method.upper(), target, (), {} if method == "post" else None)
            if {"bearer": []} in operation.get("security", ()):
                check(response, 401, NO_HEADER)
            elif "security" in operation: # API keys: refused in the words of the clients' API
                check(response, 401)
            tried += 1
    truth(tried >= 2, "API paths to try", document["paths"].keys())


@case("S-13", "seed-gitlab")
def url_with_port_and_prefix(env):
    for prefix in ("", "/ai"):
        admin = clients.Admin(env.gw.port, env.token(), prefix=prefix)
        verdict = admin.rake_reachable()
        truth(verdict["success"], f"reachable under prefix {prefix!r}", verdict)


@case("S-29", "seed-gitlab")
def rake_task(env):
    verdict = clients.Admin(env.gw.port).rake_reachable()
    truth(verdict["success"], "success", verdict)
    equal(verdict["details"], {"status": "ok", "content_type": "application/json"}, "details")


@case("S-30", "seed-gitlab")
def network_probe(env):
    for path in ("/", "/ai", "/some/prefix"):
        verdict = clients.Admin(env.gw.port).host_probe(path)
        truth(verdict["success"], f"HEAD {path} to pass", verdict)
        truth(verdict["details"]["seconds"] < 1, "an answer at once", verdict)


@case("S-32", "seed-gitlab")
def end_to_end_probe(env):
    script = env.models.script(Reply(pieces=("\n  puts 'hello'\nend",)))
    admin = clients.Admin(env.gw.port, env.token())
    verdict = admin.end_to_end_probe(admin.end_to_end_body(script.base))
    truth(verdict["success"], "success", verdict)
    truth(verdict["details"]["seconds"] < 3, "less than 3 s", verdict)


@case("S-33", "seed-gitlab")
def failures_give_a_usable_hint(env):
    admin = clients.Admin(env.gw.port, env.token())
    rows = [
        ("model down", admin.end_to_end_body("http://127.0.0.1:1/v1"), ["503", "127.0.0.1"]),
        ("no such host", admin.end_to_end_body("http://no-such-host.invalid/v1"), ["503", "no-such-host.invalid"]),
        ("model says 401", admin.end_to_end_body(env.models.script(Reply(status=401)).base), ["503", "401"]),
        ("model says 404", admin.end_to_end_body(env.models.script(Reply(status=404)).base), ["503", "404"]),
        ("model says 500", admin.end_to_end_body(env.models.script(Reply(status=500)).base), ["503", "500"]),
    ]
    for name, body, words in rows:
        verdict = admin.end_to_end_probe(body)
        truth(not verdict["success"] and all(word in verdict["message"] for word in words),
              f"a message with {words} when {name}", verdict["message"])
        truth(API_KEY not in verdict["message"], "no key in the message", verdict["message"])
    expired = clients.Admin(env.gw.port, env.token(exp=int(time.time()) - 600))
    verdict = expired.end_to_end_probe(admin.end_to_end_body(env.models.script(Reply()).base))
    truth("401" in verdict["message"] and "expired" in verdict["message"].lower(), "401 and why", verdict["message"])
    empty = clients.Admin(env.gw.port, "")
    verdict = empty.end_to_end_probe(admin.end_to_end_body(env.models.script(Reply()).base))
    truth("401" in verdict["message"] and "Forbidden by auth provider" in verdict["message"], "401 with the text",
          verdict["message"])


@case("P-01-causes", "seed-gitlab")
def precise_causes(env):
    """D4: one error text, but detail says which of the five causes it was."""
    now = int(time.time())
    rows = [("expired", env.token(exp=now - 600), ["expired"]), ("audience", env.token(aud="other"), ["aud"]),
            ("signature", env.token(key=pki.rsa_key("stranger")), ["key", "signature", "sign"]),
            ("not yet", env.token(nbf=now + 600), ["nbf", "not yet", "clock"]), ("empty", "", ["empty"]),
            ("segments", "a.b", ["segment", "three", "parts", "dots"])]
    seen = set()
    for name, token, words in rows:
        response = env.post("/v1/code/user_access_token", headers=env.auth(Authorization=f"Bearer {token}"))
        equal(response.status, 401, f"status for {name}")
        message = response.json()["detail"][0]["msg"]
        truth(any(word in message.lower() for word in words), f"one of {words} for {name}", message)
        seen.add(message)
    equal(len(seen), len(rows), "different texts for different causes")


@case("P-19-names-values", "seed-gitlab")
def mismatch_names_both_values(env):
    response = env.post("/v1/code/user_access_token", headers=env.auth(X_Gitlab_Instance_Id="other-instance"))
    message = response.json()["detail"][0]["msg"]
    truth("other-in" in message and gl.INSTANCE_ID[:6] in message, "both values, shortened", message)


@case("S-34", "seed")
def offline(env):
    """CustomersDot never answers: neither start nor requests wait for it."""
    gitlab = env.keep(gl.FakeGitLab())
    portal = env.keep(gl.FakeGitLab("portal"))
    portal.faults["discovery"] = gl.Fault("hang")
    gateway = env.keep(Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url, "AIGW_CUSTOMER_PORTAL_URL": portal.url,
                                         "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": SIGNING_PEM
                                         }, name="s-34"))
    truth(gateway.ready_after < 5, "a start within 5 s", f"{gateway.ready_after:.1f} s")
    for _ in range(3):
        start = time.monotonic()
        check(try_token(gateway, gitlab), 200)
        truth(time.monotonic() - start < 2, "no wait for the portal", f"{time.monotonic() - start:.1f} s")


@case("S-34-second-issuer", "seed")
def portal_tokens_work(env):
    """Both issuers are in the key set (gitlab-client.md §2.3)."""
    gitlab = env.keep(gl.FakeGitLab())
    portal = env.keep(gl.FakeGitLab("portal"))
    gateway = env.keep(Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url, "AIGW_CUSTOMER_PORTAL_URL": portal.url,
                                         "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": SIGNING_PEM
                                         }, name="s-34-two"))
    check(try_token(gateway, gitlab), 200)
    check(try_token(gateway, portal), 200)


@case("S-42", "seed")
def two_instances(env):
    """A user token from one instance is accepted by the other; keys are shared, nothing else."""
    gitlab = env.keep(gl.FakeGitLab())
    models = env.keep(FakeModels())
    pem = SIGNING_PEM
    settings = {"AIGW_GITLAB_URL": gitlab.url, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": pem}
    one = env.keep(Gateway(env.ctx, settings, name="s-42-one"))
    two = env.keep(Gateway(env.ctx, settings, name="s-42-two"))
    old = env.keep(Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url,
                                     "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": pki.private_pem(pki.rsa_key("newer")),
                                     "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY": pem}, name="s-42-rotated"))
    token = env.ctx.secret(try_token(one, gitlab).json()["token"])
    headers = {"Authorization": f"Bearer {token}", "X-Gitlab-Authentication-Type": "oidc",
               "X-Gitlab-Realm": "self-managed", "X-Gitlab-Instance-Id": gl.INSTANCE_ID,
               "X-Gitlab-Global-User-Id": gl.USER_ID}
    for gateway in (one, two, old):
        check(gateway.request("POST", "/v2/completions", headers, completion(models.script(Reply()))), 200)


@case("S-27", "seed")
def upgrade(env):
    """Stop, start again with the same environment; the stop is quick and clean, the start too."""
    gitlab = env.keep(gl.FakeGitLab())
    models = env.keep(FakeModels())
    settings = {"AIGW_GITLAB_URL": gitlab.url, "AIGW_AUTH__BYPASS_EXTERNAL": "true"}
    for _ in range(2):
        gateway = Gateway(env.ctx, settings, name="s-27")
        check(gateway.request("POST", PATH, (), completion(models.script(Reply()))), 200)
        start = time.monotonic()
        gateway.signal(signal.SIGTERM)
        equal(gateway.terminate(), 0, "exit code")
        truth(time.monotonic() - start < 10, "a stop in under 10 s", f"{time.monotonic() - start:.1f} s")


@case("S-01", "seed-gitlab")
def all_clients(env):
    """Rails, Workhorse and the language server in turn, as they do it."""
    script = env.models.script(Reply(pieces=("answer",)))
    rails = clients.Rails(env.gw.port, env.token())
    response = rails.call(PATH, completion(script, prompt_version=2, prompt=None))
    equal(rails.parsed(response)["choices"][0]["text"], "answer", "Rails")
    truth((response.header("connection") or "").lower() == "close", "connection: close to be honoured",
          response.headers)
    workhorse = clients.Workhorse(env.gw.port)
    for stream in (False, True, False):
        response = workhorse.call(PATH, env.token(), completion(script, stream=stream))
        equal(response.status, 200, "Workhorse")
        truth("answer" in response.text, "the answer", response.text)
        truth(response.header("content-encoding") is None, "no compression of streams", response.headers)
    equal(len(workhorse.idle), 1, "connections kept by Workhorse")
    workhorse.close()
    server = clients.LanguageServer(env.gw.port, rails)
    equal(server.complete(completion(script)), "answer", "language server")
    env.ctx.secret(server.token)
    equal(server.preflight().status, 200, "preflight")
    truth(3500 < server.expires_at - time.time() <= 3600, "a token of one hour", server.expires_at)


@case("S-01-ls-fallback", "seed-gitlab")
def direct_request_without_model_fails_fast(env):
    """A self-hosted direct request carries no endpoint, key or identifier: served by a default or refused at once."""
    server = clients.LanguageServer(env.gw.port, clients.Rails(env.gw.port, env.token()))
    body = {"prompt_version": 1, "current_file": {"file_name": "a.py", "content_above_cursor": "x",
                                                  "content_below_cursor": ""}}
    start = time.monotonic()
    server.complete(body)
    env.ctx.secret(server.token)
    truth(time.monotonic() - start < 1, "an answer in well under 1 s", f"{time.monotonic() - start:.1f} s")


@case("D9-no-model", "seed-gitlab")
def no_model_says_what_is_missing(env):
    response = env.post(PATH, {"prompt_version": 1, "current_file": {
        "file_name": "a.py", "content_above_cursor": "x", "content_below_cursor": ""}}, env.auth())
    if response.status == 200:
        raise Skip("the shipped conf.d names a default completion model")
    check(response, 422)
    truth("code_completions" in response.text or "model" in response.text, "the feature and how to set a model",
          response.text)


@case("S-08", "seed")
def version(env):
    import subprocess
    done = subprocess.run([env.ctx.binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    equal(done.returncode, 0, "exit code of --version")
    truth("0.1" in done.stdout + done.stderr, "the version", done.stdout + done.stderr)


@case("HOST-TRAP", "seed")
def scheme_trap(env):
    """§2.1: the published jwks_uri has a scheme that does not work from here; the gateway's own URL does."""
    gitlab = env.keep(gl.FakeGitLab())
    gitlab.external_url = "https://gitlab.example.com"
    gitlab.host_trap = True
    gateway = tls_gateway(env, gitlab)
    check(try_token(gateway, gitlab), 200)


@case("RELATIVE-ROOT", "seed")
def relative_root(env):
    gitlab = env.keep(gl.FakeGitLab(relative_root="/gitlab"))
    gateway = tls_gateway(env, gitlab)
    check(try_token(gateway, gitlab), 200)


@case("OTHER-ISSUER", "seed")
def issuer_name_is_not_checked(env):
    """The external URL may differ from the URL we reach GitLab at; there is no issuer check."""
    gitlab = env.keep(gl.FakeGitLab(external_url=None))
    gateway = tls_gateway(env, gitlab)
    token = env.ctx.secret(gitlab.token(iss="https://gitlab.example.com"))
    headers = {"Authorization": f"Bearer {token}", "X-Gitlab-Authentication-Type": "oidc",
               "X-Gitlab-Realm": "self-managed", "X-Gitlab-Instance-Id": gl.INSTANCE_ID,
               "X-Gitlab-Global-User-Id": gl.USER_ID}
    check(gateway.request("POST", "/v1/code/user_access_token", headers), 200)


@case("T6-broken-providers", "seed")
def broken_provider_answers(env):
    """Each kind of broken provider: 503 with a cause, the server stays up, and a good answer later repairs it."""
    huge = b'{"keys":[' + b'{"kty":"RSA"},' * 9999 + b'{"kty":"RSA"}]}'
    faults = [gl.Fault("status", 500), gl.Fault("truncate"), gl.Fault("cut"), gl.Fault("html"),
              gl.Fault("body", '{"keys":[]}'), gl.Fault("body", '{"keys":{}}'), gl.Fault("body", "null"),
              gl.Fault("body", b"[" * 100000), gl.Fault("body", b'"' + b"x" * (10 << 20) + b'"'),
              gl.Fault("body", huge)]
    for fault in faults:
        gitlab = gl.FakeGitLab()
        gitlab.faults["keys"] = fault
        gateway = Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url}, name="t6")
        try:
            response = try_token(gateway, gitlab)
            check(response, 503)
            check(gateway.request("GET", "/monitoring/healthz"), 200)
            truth(gitlab.fetches["keys"] <= 3, f"few fetches for fault {fault.kind}", gitlab.fetches)
        finally:
            gateway.close()
            gitlab.close()


@case("T6-redirect-loop", "seed")
def redirect_loop(env):
    gitlab = env.keep(gl.FakeGitLab())
    gitlab.faults["discovery"] = gl.Fault("redirect", gitlab.url + "/.well-known/openid-configuration")
    gitlab.faults["keys"] = gl.Fault("redirect", gitlab.url + "/oauth/discovery/keys")
    gateway = env.keep(Gateway(env.ctx, {"AIGW_GITLAB_URL": gitlab.url}, name="t6-loop"))
    check(try_token(gateway, gitlab), 503)
    truth(max(gitlab.fetches.values()) <= 16, "at most 3 redirects per try", gitlab.fetches)
