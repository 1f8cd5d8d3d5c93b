"""C-AUTH: who gets in. D4 (detail beside error), D31 (no keys is 503, not 401)."""
import time

from fakes import gitlab as gl
from fakes import pki
from harness.runner import Skip, case, equal, fixture, truth

from ._env import (BAD_HEADER, FORBIDDEN, NO_HEADER, NOT_OIDC, Any, Env, Reply, Row, check, completion, detail,
                   mismatch, table)


@fixture("auth")
def auth(ctx):
    return Env(ctx, name="auth")


@fixture("auth-bypass-header")
def auth_bypass_header(ctx):
    return Env(ctx, env={"AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER": "true"}, name="auth-bypass-header")


def complete(make_headers, path="/v2/code/completions", **changes):
    return lambda env: env.post(path, completion(env.models.script(Reply()), **changes), make_headers(env))


def need_route(env, path):
    """Skip while a route is not part of the gateway yet; the OpenAPI document lists what is."""
    if path not in env.request("GET", "/openapi.json").json()["paths"]:
        raise Skip(f"{path} is not in this build's OpenAPI document")


def generation(env, token, **changes):
    body = completion(env.models.script(Reply()), model_name="codestral", prompt_version=1, **changes)
    return env.post("/v2/code/generations", body, env.auth(token))


def self_made(env, **changes):
    """A token as the gateway makes them, signed with its own key."""
    now = int(time.time())
    claims = {"iss": "gitlab-ai-gateway", "aud": "gitlab-ai-gateway", "sub": gl.USER_ID, "iat": now, "nbf": now,
              "exp": now + 3600, "jti": "self-made", "gitlab_realm": "self-managed",
              "gitlab_instance_id": gl.INSTANCE_ID, "scopes": ["complete_code"]}
    claims.update(changes)
    return env.ctx.secret(gl.sign({"alg": "RS256", "typ": "JWT"}, claims, env.signing_key))


NO_GENERATION = detail("Unauthorized to access code generations")

table(__name__, "auth", [
    Row("C-AUTH-000", complete(lambda env: env.auth()), 200, note="positive control"),
    Row("C-AUTH-001", lambda env: env.post("/v2/chat/agent", {"messages": []}), 401, NO_HEADER),
    Row("C-AUTH-001-v2", lambda env: env.post("/v2/code/completions", completion()), 401, NO_HEADER),
    Row("C-AUTH-002", complete(lambda env: env.auth(Authorization="invalid")), 401, BAD_HEADER),
    Row("C-AUTH-003", complete(lambda env: env.auth(X_Gitlab_Authentication_Type=None)), 401, NOT_OIDC),
    Row("C-AUTH-004", complete(lambda env: env.auth(env.token(key=pki.rsa_key("stranger"), header={"kid": ...}))), 401,
        FORBIDDEN),
    Row("C-AUTH-005", complete(lambda env: env.auth(X_Gitlab_Instance_Id="other")), 401,
        mismatch("X-Gitlab-Instance-Id")),
    Row("C-AUTH-006", complete(lambda env: env.auth(X_Gitlab_Realm="saas")), 401, mismatch("X-Gitlab-Realm")),
    Row("C-AUTH-007", complete(lambda env: env.auth(env.token(sub=..., gitlab_instance_id=""),
                                                    X_Gitlab_Instance_Id="any")), 200),
    Row("C-AUTH-008", complete(lambda env: env.auth(env.user_token(), X_Gitlab_Global_User_Id=None),
                               path="/v2/completions"), 401, mismatch("X-Gitlab-Global-User-Id")),
    Row("C-AUTH-009", complete(lambda env: env.auth(env.user_token()), path="/v2/completions"), 200),
    Row("C-AUTH-009-code", complete(lambda env: env.auth(env.user_token())), 200),
    Row("C-AUTH-010", complete(lambda env: env.auth(env.token(["duo_chat"])), path="/v2/completions"), 403,
        detail("Unauthorized to access code completions")),
    Row("C-AUTH-011", lambda env: generation(env, env.token(["complete_code"])), 403, NO_GENERATION),
    Row("C-AUTH-012", lambda env: generation(env, self_made(env, scopes=["generate_code"])), 403, NO_GENERATION),
    Row("C-AUTH-013", lambda env: env.post("/v2/code/completions", {}, env.auth(env.token([]))), 422,
        detail("Validation error")),
    Row("C-AUTH-014", lambda env: env.post("/v2/code/completions", "{bad"), 401, NO_HEADER),
    Row("C-AUTH-016", lambda env: env.request("GET", "/nope"), 401, NO_HEADER),
    Row("D6-self-made", complete(lambda env: env.auth(self_made(env))), 200, note="own key, no kid"),
    Row("D6-local-issuer", complete(lambda env: env.auth(env.token(iss="gitlab-ai-gateway", sub=gl.USER_ID))), 401,
        FORBIDDEN, "own issuer name signed by a fetched key"),
    Row("D6-local-key-other-iss", complete(lambda env: env.auth(self_made(
        env, iss="https://elsewhere.test", sub=gl.INSTANCE_ID))), 200),
    Row("D6-crit", complete(lambda env: env.auth(env.token(header={"crit": ["exp"]}))), 401, FORBIDDEN),
    Row("D6-padding", complete(lambda env: env.auth(env.token() + "==")), 401, FORBIDDEN, "strict base64url"),
    Row("D6-standard-base64", complete(lambda env: env.auth(env.token().replace("-", "+").replace("_", "/") + "+")),
        401, FORBIDDEN),
    Row("D6-long-scopes", complete(lambda env: env.auth(env.token(
        ["complete_code"] + [f"scope_number_{n:04d}" for n in range(400)]))), 200, note="a token of 12 KB"),
    Row("D6-too-long", complete(lambda env: env.auth(env.token(
        ["complete_code"] + [f"scope_number_{n:04d}" for n in range(800)]))), (401, 431), common=False,
        note="longer than 16 KiB"),
    Row("D6-two-dots", complete(lambda env: env.auth("..")), 401, FORBIDDEN),
    Row("D6-empty-bearer", complete(lambda env: env.auth(Authorization="Bearer ")), 401, FORBIDDEN),
    Row("D6-aud-text", complete(lambda env: env.auth(env.token(aud="gitlab-ai-gateway"))), 200),
])

table(__name__, "auth-bypass-header", [
    Row("C-AUTH-015", complete(lambda env: {"Bypass-Auth": "true"}), 200),
    Row("C-AUTH-015-without", complete(lambda env: {}), 401, NO_HEADER),
    Row("C-AUTH-015-False", complete(lambda env: {"Bypass-Auth": "1"}), 401, NO_HEADER),
    Row("C-AUTH-015-normal", complete(lambda env: env.auth()), 200, note="others are authenticated as usual"),
])


@fixture("auth-no-issuer")
def auth_no_issuer(ctx):
    gitlab = gl.FakeGitLab()
    gitlab.refuse()
    return Env(ctx, gitlab=gitlab, signing_key=False, name="auth-no-issuer")


def no_keys(port):
    def test(found):
        return (isinstance(found, dict) and isinstance(found.get("error"), str)
                and isinstance(found.get("detail"), list)
                and str(port) in found["detail"][0]["msg"])
    return Any(f'{{"error":<text>,"detail":[{{"msg":<names the issuer at port {port}>}}]}} (D31)', test)


@case("C-AUTH-017 A-NEG-61", "auth-no-issuer")
def issuer_unreachable(env):
    start = time.monotonic()
    response = env.post("/v1/code/user_access_token", headers=env.auth())
    check(response, 503, no_keys(env.gitlab.server.port))
    truth(response.header("retry-after"), "a Retry-After header (D31)", response.headers)
    truth(time.monotonic() - start < 11, "an answer within 11 s", f"{time.monotonic() - start:.1f} s")
    check(env.request("GET", "/monitoring/healthz"), 200)


@case("D31-recovers", "auth-no-issuer")
def issuer_comes_back(env):
    env.gitlab.listen()
    deadline = time.monotonic() + 20
    while True:  # each try is a request that the gateway answers in its own time; its back-off is 5 s at first
        response = env.post("/v1/code/user_access_token", headers=env.auth())
        if response.status != 503 or time.monotonic() > deadline:
            break
        wait_s = min(float(response.header("retry-after") or 1), 5)
        env.gw.wait_line(lambda line: "keys" in str(line.get("message", "")).lower(), wait_s, len(env.gw.lines))
    check(response, 500, detail("Failed to generate JWT"))  # past authentication: this gateway has no signing key


@fixture("auth-no-issuer-local-key")
def auth_no_issuer_local_key(ctx):
    gitlab = gl.FakeGitLab()
    gitlab.refuse()
    return Env(ctx, gitlab=gitlab, name="auth-no-issuer-local-key")


@case("D31-with-local-key", "auth-no-issuer-local-key")
def no_issuer_but_local_key(env):
    """GitLab's keys never came: that is our trouble, not a bad token, even when the gateway has a key of its own."""
    response = env.post("/v1/code/user_access_token", headers=env.auth())
    check(response, 503, no_keys(env.gitlab.server.port))


@case("D31-own-tokens", "auth-no-issuer-local-key")
def own_tokens_work_without_issuer(env):
    response = env.post("/v2/completions", completion(env.models.script(Reply())), env.auth(self_made(env)))
    check(response, 200)


@case("AUTH-one-text", "auth")
def one_text_for_all_token_failures(env):
    """T14: the error text does not tell which check failed; x-request-id does not leak it either."""
    bodies = set()
    for token in ("12345", "..", env.token(exp=1), env.token(key=pki.rsa_key("stranger"))):
        response = env.post("/v1/code/user_access_token", headers=env.auth(token))
        equal(response.status, 401, "status")
        bodies.add(response.json()["error"])
        truth(token not in response.text, "the token not to be echoed", response.text)
    equal(bodies, {"Forbidden by auth provider"}, "error texts")
