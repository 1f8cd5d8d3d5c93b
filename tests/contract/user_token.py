"""C-TOK: POST /v1/code/user_access_token."""
import re
import time

from fakes import gitlab as gl
from harness.runner import case, equal, fixture, truth

from ._env import Env, Reply, Row, check, completion, detail, table

PATH = "/v1/code/user_access_token"
NO_TOKEN = detail("Unauthorized to create user access token")


@fixture("tok")
def tok(ctx):
    return Env(ctx, name="tok")


@fixture("tok-no-key")
def tok_no_key(ctx):
    return Env(ctx, signing_key=False, name="tok-no-key")


@fixture("tok-bypass")
def tok_bypass(ctx):
    return Env(ctx, bypass=True, name="tok-bypass")


def mint(env, token=None, headers=None, **changes):
    response = check(env.post(PATH, headers=headers or env.auth(token, **changes)), 200)
    found = response.json()
    equal(list(found), ["token", "expires_at"], "members")
    env.ctx.secret(found["token"])
    gl.verify(found["token"], env.signing_key)
    return found, *gl.decode(found["token"])


def scope_row(ident, scopes, status, body):
    return Row(ident, lambda env: env.post(PATH, headers=env.auth(env.token(scopes))), status, body)


table(__name__, "tok", [
    scope_row("C-TOK-003", ["duo_chat"], 403, NO_TOKEN),
    scope_row("C-TOK-003-empty", [], 403, NO_TOKEN),
    Row("C-TOK-004", lambda env: env.post(PATH, headers=env.auth(env.user_token())), 403, NO_TOKEN),
    Row("TOK-body", lambda env: env.post(PATH, "{bad json", env.auth(), ), 200, note="any body is ignored"),
    Row("TOK-no-type", lambda env: env.post(PATH, "x=1", {**env.auth(), "Content-Type": "text/plain"}), 200),
    Row("TOK-get", lambda env: env.request("GET", PATH, env.auth()), 405, detail("Method Not Allowed")),
])

table(__name__, "tok-no-key", [
    Row("C-TOK-005", lambda env: env.post(PATH, headers=env.auth()), 500, detail("Failed to generate JWT")),
    Row("C-TOK-005-serves", lambda env: env.post("/v2/completions", completion(env.models.script(Reply())), env.auth()),
        200, note="the rest works without signing keys"),
])


@case("C-TOK-001", "tok")
def claims(env):
    found, header, payload = mint(env, env.token(["complete_code", "duo_chat"]))
    equal(header, {"alg": "RS256", "typ": "JWT"}, "JWT header")
    equal(payload["iss"], "gitlab-ai-gateway", "iss")
    equal(payload["aud"], "gitlab-ai-gateway", "aud")
    equal(payload["sub"], gl.USER_ID, "sub")
    equal(payload["gitlab_realm"], "self-managed", "gitlab_realm")
    equal(payload["scopes"], ["complete_code"], "scopes")
    truth(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", payload["jti"]),
          "jti a UUID4", payload["jti"])
    equal(payload["nbf"], payload["iat"], "nbf")
    truth("duo_seat_count" not in payload, "no duo_seat_count without the claim", payload)
    truth("gitlab_instance_uid" in payload, "gitlab_instance_uid for self-managed", payload)


@case("C-TOK-002", "tok")
def both_scopes_in_order(env):
    _, _, payload = mint(env, env.token(["duo_chat", "ai_gateway_model_provider_proxy", "complete_code"]))
    equal(payload["scopes"], ["complete_code", "ai_gateway_model_provider_proxy"], "scopes")


@case("C-TOK-002-proxy", "tok")
def proxy_scope_alone(env):
    _, _, payload = mint(env, env.token(["ai_gateway_model_provider_proxy"]))
    equal(payload["scopes"], ["ai_gateway_model_provider_proxy"], "scopes")


@case("C-TOK-006", "tok")
def times_and_ids(env):
    before = int(time.time())
    found, _, payload = mint(env, env.token(gitlab_instance_id=gl.INSTANCE_ID))
    after = int(time.time())
    equal(payload["exp"], found["expires_at"], "exp")
    truth(before + 3600 <= payload["exp"] <= after + 3600, f"exp about {before + 3600}", payload["exp"])
    equal(payload["gitlab_instance_id"], gl.INSTANCE_ID, "gitlab_instance_id")


@case("TOK-seat-count", "tok")
def seat_count_is_copied(env):
    _, _, payload = mint(env, env.token(duo_seat_count="42"))
    equal(str(payload.get("duo_seat_count")), "42", "duo_seat_count")


@case("TOK-extra", "tok")
def extra_claims_are_copied_but_never_override(env):
    _, _, payload = mint(env, env.token(skip_usage_cutoff=True, tool_access_policies={"a": 1},
                                        gitlab_instance_uid="uid-1"))
    equal(payload.get("skip_usage_cutoff"), True, "skip_usage_cutoff")
    equal(payload.get("tool_access_policies"), {"a": 1}, "tool_access_policies")
    equal(payload.get("gitlab_instance_uid"), "uid-1", "gitlab_instance_uid")
    equal(payload["iss"], "gitlab-ai-gateway", "iss")


@case("TOK-saas", "tok")
def saas_claims(env):
    token = env.token(gitlab_realm="saas", gitlab_root_namespace_id="17")
    _, _, payload = mint(env, token, X_Gitlab_Realm="saas", X_Gitlab_Project_Id="5", X_Gitlab_Namespace_Id="6")
    equal(payload.get("gitlab_project_id"), "5", "gitlab_project_id")
    equal(payload.get("gitlab_namespace_id"), "6", "gitlab_namespace_id")
    equal(payload.get("gitlab_root_namespace_id"), 17, "gitlab_root_namespace_id")


@case("TOK-saas-root", "tok")
def root_namespace(env):
    """The claim when it is a positive integer or the digits of one, else the header by the same rule, else null."""
    for claim, header, wanted in ((17, "4", 17), ("017", "4", 17), (0, "4", 4), ("0", "4", 4), (-3, "4", 4), ("+3", "4", 4),
                                  (5.0, "4", 4), (True, "4", 4), (" 5", "4", 4), ([5], "4", 4), (2 ** 63, "4", 4),
                                  ("9" * 40, "4", 4), (None, "4", 4), (..., "4", 4), (..., "0", None), (..., "x", None),
                                  (..., None, None)):
        token = env.token(gitlab_realm="saas", gitlab_root_namespace_id=claim)
        seen = len(env.gw.lines)
        _, _, payload = mint(env, token, X_Gitlab_Realm="saas", X_Gitlab_Root_Namespace_Id=header)
        equal(payload["gitlab_root_namespace_id"], wanted, f"claim {claim!r}, header {header!r}")
        if claim not in (None, ..., 17, "017"):
            line = env.gw.wait_line(lambda item: "gitlab_root_namespace_id claim unusable" in str(item.get("message")), 5,
                                    seen)
            truth(line and line["level"] == "warning", f"a warning for the claim {claim!r}", line)


@case("TOK-unique", "tok")
def tokens_differ(env):
    ids = {mint(env)[2]["jti"] for _ in range(5)}
    equal(len(ids), 5, "different jti")


@case("TOK-bypass", "tok-bypass")
def under_bypass(env):
    _, _, payload = mint(env, headers={"X-Gitlab-Global-User-Id": gl.USER_ID})
    equal(payload["scopes"], ["complete_code", "ai_gateway_model_provider_proxy"], "scopes")
    equal((payload["gitlab_realm"], payload["gitlab_instance_id"]), ("", ""), "realm and instance id")


@case("TOK-expired-user", "tok")
def expired_user_token(env):
    now = int(time.time())
    claims_old = {"iss": "gitlab-ai-gateway", "aud": "gitlab-ai-gateway", "sub": gl.USER_ID, "iat": now - 4000,
                  "nbf": now - 4000, "exp": now - 120, "jti": "x", "gitlab_realm": "self-managed",
                  "scopes": ["complete_code"]}
    token = env.ctx.secret(gl.sign({"alg": "RS256", "typ": "JWT"}, claims_old, env.signing_key))
    response = env.post("/v2/completions", completion(env.models.script(Reply())), env.auth(token))
    equal(response.status, 401, "status")
    truth("expire" in response.text.lower(), "a detail that says expired (D4)", response.text)
