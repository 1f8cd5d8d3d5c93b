"""A-NEG: negative authentication cases (auth-and-config.md §7) and their positive controls. Base request:
POST /v1/code/user_access_token; each row changes one thing."""
import json
import time

from fakes import gitlab as gl
from fakes import pki
from fakes.net import Server
from harness.runner import case, equal, fixture

from ._env import (BAD_HEADER, FORBIDDEN, NO_HEADER, NOT_OIDC, Env, Reply, Row, check, completion, detail, mismatch,
                   table)
from .auth import need_route

PATH = "/v1/code/user_access_token"
SCOPES = ["complete_code"]
NO_TOKEN = detail("Unauthorized to create user access token")
WRONG_INSTANCE = mismatch("X-Gitlab-Instance-Id")
WRONG_REALM = mismatch("X-Gitlab-Realm")


@fixture("neg")
def neg(ctx):
    return Env(ctx, name="neg")


def base(**changes):
    """The base request with changed headers."""
    return lambda env: env.post(PATH, headers=env.auth(env.token(SCOPES), **changes))


def bearer(make_token, **changes):
    return lambda env: env.post(PATH, headers=env.auth(make_token(env), **changes))


def claims(header=None, **changes):
    return bearer(lambda env: env.token(**{"scopes": SCOPES, "header": header, **changes}))


def broken_signature(env):
    head, _, signature = env.token(SCOPES).rpartition(".")
    raw = bytearray(gl.unb64(signature))
    raw[7] ^= 1
    return f"{head}.{gl.b64(bytes(raw))}"


def changed_payload(env):
    head, payload, signature = env.token(["duo_chat"]).split(".")
    claims_found = json.loads(gl.unb64(payload))
    claims_found["scopes"].append("complete_code")
    return f"{head}.{gl.b64(json.dumps(claims_found))}.{signature}"


def hs256(secret_of):
    return bearer(lambda env: gl.sign(env.gitlab.header(alg="HS256"), env.gitlab.claims(scopes=SCOPES),
                                      secret=secret_of(env.gitlab.signing_key)))


def raw_token(header=None, payload=None):
    """Well signed by the provider, with header or payload replaced by a text."""
    def make(env):
        return gl.sign(header if header is not None else env.gitlab.header(),
                       payload if payload is not None else env.gitlab.claims(scopes=SCOPES), env.gitlab.signing_key)
    return bearer(make)


def now(offset):
    return int(time.time()) + offset


table(__name__, "neg", [
    Row("A-NEG-00", base(), 200, note="the base request"),
    Row("A-NEG-01", base(Authorization=None), 401, NO_HEADER),
    Row("A-NEG-02", base(Authorization=""), 401, BAD_HEADER),
    Row("A-NEG-03", lambda env: env.post(PATH, headers=env.auth(Authorization=env.token(SCOPES))), 401, BAD_HEADER),
    Row("A-NEG-04", base(Authorization="Basic dXNlcjpwdw=="), 401, BAD_HEADER),
    Row("A-NEG-05", base(Authorization="Bearer"), 401, FORBIDDEN),
    Row("A-NEG-06", lambda env: env.post(PATH, headers=env.auth(Authorization="Bearer\t" + env.token(SCOPES))), 401,
        BAD_HEADER),
    Row("A-NEG-07", base(X_Gitlab_Authentication_Type=None), 401, NOT_OIDC),
    Row("A-NEG-08", base(X_Gitlab_Authentication_Type="OIDC"), 401, NOT_OIDC),
    Row("A-NEG-09", base(X_Gitlab_Authentication_Type="token", Authorization="Bearer garbage"), 401, NOT_OIDC),
    Row("A-NEG-10", bearer(lambda env: "12345"), 401, FORBIDDEN),
    Row("A-NEG-11", bearer(lambda env: env.token(SCOPES).rpartition(".")[0]), 401, FORBIDDEN),
    Row("A-NEG-12", bearer(lambda env: env.token(SCOPES) + ".e30"), 401, FORBIDDEN),
    Row("A-NEG-13", bearer(broken_signature), 401, FORBIDDEN),
    Row("A-NEG-14", bearer(changed_payload), 401, FORBIDDEN),
    Row("A-NEG-15", claims(key=pki.rsa_key("stranger"), header={"kid": ...}), 401, FORBIDDEN),
    Row("A-NEG-16", bearer(lambda env: gl.sign({"alg": "none", "typ": "JWT"}, env.gitlab.claims(scopes=SCOPES))), 401,
        FORBIDDEN),
    Row("A-NEG-17", hs256(lambda key: pki.public_pem(key).encode()), 401, FORBIDDEN),
    Row("A-NEG-18", hs256(lambda key: key.public_key().public_numbers().n.to_bytes(256, "big")), 401, FORBIDDEN),
    Row("A-NEG-18-jwk", hs256(lambda key: json.dumps(gl.jwk(key)).encode()), 401, FORBIDDEN),
    Row("A-NEG-19", bearer(lambda env: gl.sign(env.gitlab.header(alg="RS384"), env.gitlab.claims(scopes=SCOPES),
                                               env.gitlab.signing_key, digest="sha384")), 401, FORBIDDEN),
    Row("A-NEG-20", claims(header={"alg": "rs256"}), 401, FORBIDDEN),
    Row("A-NEG-21", claims(header={"alg": ...}), 401, FORBIDDEN),
    Row("A-NEG-24", claims(key=pki.rsa_key("stranger")), 401, FORBIDDEN, "kid copied from the provider"),
    Row("A-NEG-25", lambda env: claims(exp=now(-120))(env), 401, FORBIDDEN),
    Row("A-NEG-26", claims(exp=...), 401, FORBIDDEN, "D6"),
    Row("A-NEG-27", claims(exp="soon"), 401, FORBIDDEN),
    Row("A-NEG-28", claims(exp=None), 401, FORBIDDEN),
    Row("A-NEG-28-list", claims(exp=[1]), 401, FORBIDDEN),
    Row("A-NEG-28-huge", raw_token(payload='{"exp":1e999,"aud":"gitlab-ai-gateway","scopes":["complete_code"]}'), 401,
        FORBIDDEN),
    Row("A-NEG-29", lambda env: claims(nbf=now(120))(env), 401, FORBIDDEN),
    Row("A-NEG-30", claims(nbf={}), 401, FORBIDDEN),
    Row("A-NEG-31", claims(aud="gitlab-duo-workflow-service"), 401, FORBIDDEN),
    Row("A-NEG-32", claims(aud=["a", "b"]), 401, FORBIDDEN),
    Row("A-NEG-33", claims(aud=7), 401, FORBIDDEN),
    Row("A-NEG-34", claims(aud=...), 401, FORBIDDEN, "D6"),
    Row("A-NEG-35", claims(sub=7), 401, FORBIDDEN),
    Row("A-NEG-36", claims(jti=7), 401, FORBIDDEN),
    Row("A-NEG-37", claims(at_hash="x"), 401, FORBIDDEN),
    Row("A-NEG-38", raw_token(payload="[]"), 401, FORBIDDEN),
    Row("A-NEG-38-cut", raw_token(payload='{"exp":'), 401, FORBIDDEN),
    Row("A-NEG-38-deep", raw_token(payload='{"a":' * 5000 + "1" + "}" * 5000), (401, 431), common=False,
        note="nested far deeper than 16"),
    Row("A-NEG-39", raw_token(header="not json"), 401, FORBIDDEN),
    Row("A-NEG-39-list", raw_token(header='["alg","RS256"]'), 401, FORBIDDEN),
    Row("A-NEG-40", base(X_Gitlab_Realm="saas"), 401, WRONG_REALM),
    Row("A-NEG-41", base(X_Gitlab_Realm=None), 401, WRONG_REALM),
    Row("A-NEG-42", base(X_Gitlab_Instance_Id="other"), 401, WRONG_INSTANCE),
    Row("A-NEG-43", base(X_Gitlab_Instance_Id=None), 401, WRONG_INSTANCE),
    Row("A-NEG-44", claims(gitlab_instance_id="X"), 401, WRONG_INSTANCE),
    Row("A-NEG-45", base(X_Gitlab_Realm="saas", X_Gitlab_Instance_Id="other"), 401, WRONG_REALM),
    Row("A-NEG-46", lambda env: env.post("/v2/code/completions", completion(env.models.script(Reply())),
                                         env.auth(env.user_token(), X_Gitlab_Global_User_Id="someone else")), 401,
        mismatch("X-Gitlab-Global-User-Id")),
    Row("A-NEG-47", bearer(lambda env: env.user_token()), 403, NO_TOKEN),
    Row("A-NEG-48", claims(scopes=["duo_chat"]), 403, NO_TOKEN),
    Row("A-NEG-49", claims(scopes=...), 403, NO_TOKEN),
    Row("A-NEG-50", claims(scopes="complete_code"), 403, NO_TOKEN, "D6"),
    Row("A-NEG-50-mixed", claims(scopes=["complete_code", 7]), (200, 403), note="a list with a number in it"),
    Row("A-NEG-53", lambda env: env.request("GET", "/no/such/path"), 401, NO_HEADER),
    Row("A-NEG-54", lambda env: env.request("GET", "/no/such/path", env.auth()), 404, detail("Not Found")),
    Row("A-NEG-54-method", lambda env: env.request("GET", PATH, env.auth()), 405, detail("Method Not Allowed"),
        headers={"allow": "POST"}),
    Row("A-NEG-55", lambda env: env.request("GET", "/monitoring/healthz/"), 200, {"status": "ok"},
        "D17: one trailing slash is dropped before exemption is decided"),
    Row("A-NEG-56", base(Authorization=None, Bypass_Auth="true"), 401, NO_HEADER),
    Row("A-NEG-65", base(X_Gitlab_Global_User_Id=None), 400, detail("Missing X-Gitlab-Global-User-Id header")),
    Row("A-NEG-66", lambda env: env.post("/v2/code/completions", completion(), host="x/monitoring/healthz?"),
        (400, 401), common=False),
    Row("A-NEG-67", lambda env: env.request("GET", "/monitoring/healthz/../../v1/code/user_access_token"), (400, 401),
        common=False),
    Row("A-NEG-67-encoded", lambda env: env.post("/monitoring/healthz%2F..%2F..%2Fv1/code/user_access_token"),
        (400, 401), common=False),
    Row("A-NEG-67-params", lambda env: env.request("GET", "/monitoring/healthz;/v2/completions"), 401, NO_HEADER),
    Row("A-NEG-67-nul", lambda env: env.request("GET", "/monitoring/healthz%00"), (400, 401), common=False),
    Row("A-NEG-67-absolute", lambda env: env.post("http://x/monitoring/healthz/../v2/completions"), (400, 401),
        common=False),
    Row("A-NEG-68", lambda env: env.request("GET", "//monitoring/healthz"), 200, {"status": "ok"},
        "D17: doubled slashes are one"),
    Row("A-NEG-69", lambda env: env.request("GET", "/MONITORING/HEALTHZ"), 401, NO_HEADER),
    Row("A-NEG-70", lambda env: env.post(PATH, headers={
        **env.auth(env.token(SCOPES), X_Gitlab_Instance_Id=None), "X_Gitlab_Instance_Id": gl.INSTANCE_ID}), 401,
        WRONG_INSTANCE),
    # Positive controls.
    Row("A-POS-01", lambda env: env.post(PATH, headers=env.auth(Authorization="bearer " + env.token(SCOPES))), 200),
    Row("A-POS-02", lambda env: env.post(PATH, headers=env.auth(Authorization="BEARER " + env.token(SCOPES))), 200),
    Row("A-POS-03", claims(aud=["x", "gitlab-ai-gateway"]), 200),
    Row("A-POS-04", claims(header={"kid": ...}), 200),
    Row("A-POS-05", claims(header={"kid": "unknown-kid"}), 200),
    Row("A-POS-06", lambda env: env.post(PATH, headers={
        key.lower(): value for key, value in env.auth(env.token(SCOPES)).items()}), 200),
    Row("A-POS-07", lambda env: env.post(PATH, headers=list(env.auth(env.token(SCOPES)).items())
                                         + [("X-Gitlab-Version", "18.9.0"), ("x-gitlab-version", "18.9.1")]), 200),
    Row("A-POS-08", bearer(lambda env: env.token(scopes=SCOPES, gitlab_realm=...), X_Gitlab_Realm="whatever"), 200),
    Row("A-POS-09", lambda env: env.post(PATH, headers=env.auth(env.token(scopes=SCOPES, exp=str(now(900))))),
        (200, 401), note="a digit string for exp: the original converts it"),
    Row("A-POS-10", lambda env: env.post(PATH, headers=env.auth(env.token(scopes=SCOPES, exp=now(900) + 0.5))), 200),
    Row("A-POS-11", lambda env: env.post(PATH, headers=env.auth(env.token(scopes=SCOPES, iat=now(900)))), 200,
        note="iat in the future is accepted"),
    Row("A-POS-12", claims(unknown_claim={"a": [1, {"b": None}]}, duo_seat_count=5), 200),
])


@case("A-NEG-first-wins", "neg")
def first_header_wins(env):
    """§1.3: a repeated header counts by its first occurrence."""
    items = list(env.auth(env.token(SCOPES)).items())
    check(env.post(PATH, headers=items + [("X-Gitlab-Realm", "saas")]), (200, 400), common=False)
    swapped = [("X-Gitlab-Realm", "saas")] + items
    check(env.post(PATH, headers=swapped), (400, 401), common=False)


@case("A-NEG-22", "neg")
def embedded_key(env):
    before = len(env.gitlab.requests)
    stranger = pki.rsa_key("stranger")
    token = env.token(SCOPES, key=stranger, header={"jwk": gl.jwk(stranger)})
    check(env.post(PATH, headers=env.auth(token)), 401, FORBIDDEN)
    equal(len(env.gitlab.requests), before, "requests at the provider")


@case("A-NEG-23", "neg")
def key_url_in_token(env):
    async def answer(ex):
        ex.reply(200, json.dumps({"keys": [gl.jwk(pki.rsa_key("stranger"))]}))
    trap = Server(answer)
    try:
        url = f"http://127.0.0.1:{trap.port}/keys"
        token = env.token(SCOPES, key=pki.rsa_key("stranger"), header={"jku": url, "x5u": url})
        check(env.post(PATH, headers=env.auth(token)), 401, FORBIDDEN)
        equal(trap.accepted, 0, "connections at the server named in the token")
    finally:
        trap.close()


@case("A-NEG-51 A-NEG-52", "neg")
def generations(env):
    headers = env.auth(env.token(SCOPES))
    body = completion(env.models.script(Reply()))
    check(env.post("/v2/code/generations", body, headers), 403, detail("Unauthorized to access code generations"))
    check(env.post("/v2/code/generations", {}, headers), 422, detail("Validation error"))


@case("A-NEG-64", "neg")
def unknown_chat_tool(env):
    need_route(env, "/v1/chat/{chat_invokable}")
    body = {"prompt_components": [{"type": "prompt", "metadata": {"source": "x", "version": "1"},
                                   "payload": {"content": "hi", "provider": "litellm", "model": "mistral"}}]}
    check(env.post("/v1/chat/unknown_tool", body, env.auth(env.token(["duo_chat"]))), 404, detail("Not found"))


@case("A-NEG-62", "neg")
def provider_down_after_load(env):
    check(base()(env), 200)
    env.gitlab.refuse()
    try:
        for _ in range(3):
            check(base()(env), 200)
    finally:
        env.gitlab.listen()


# -- switches and odd providers ---------------------------------------------------------------------------------------

@fixture("neg-header-switch")
def neg_header_switch(ctx):
    return Env(ctx, env={"AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER": "true"}, name="neg-header-switch")


@fixture("neg-signature-switch")
def neg_signature_switch(ctx):
    return Env(ctx, env={"AIGW_AUTH__BYPASS_JWT_SIGNATURE": "true"}, name="neg-signature-switch")


@fixture("neg-broken-key")
def neg_broken_key(ctx):
    return Env(ctx, signing_key=False, env={"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": "BROKEN_KEY"}, name="neg-broken-key")


table(__name__, "neg-header-switch", [
    Row("A-NEG-57", base(Authorization=None, Bypass_Auth="True"), 401, NO_HEADER),
    Row("A-NEG-57-on", base(Authorization=None, Bypass_Auth="true"), 200),
])

table(__name__, "neg-signature-switch", [
    Row("A-NEG-58", lambda env: claims(exp=now(-120))(env), 401, FORBIDDEN),
    Row("A-NEG-59", base(X_Gitlab_Instance_Id="other"), 401, WRONG_INSTANCE),
    Row("A-NEG-59-on", claims(key=pki.rsa_key("stranger"), header={"kid": ...}), 200, note="what the switch is for"),
    Row("A-NEG-59-garbage", bearer(lambda env: "12345"), 401, FORBIDDEN),
    Row("A-NEG-59-aud", claims(aud="other"), 401, FORBIDDEN),
])

table(__name__, "neg-broken-key", [
    Row("A-NEG-60", base(), 500, detail("Failed to generate JWT")),
])


def poisoned(document_of=None, extra_first=None, fault=None):
    """A fixture whose provider publishes something odd; the good key is there unless the whole document is replaced."""
    def make(ctx):
        gitlab = gl.FakeGitLab()
        if extra_first:
            gitlab.extra_first = extra_first(gitlab)
        if document_of:
            gitlab.key_document = document_of(gitlab)
        if fault:
            gitlab.faults.update(fault)
        return Env(ctx, gitlab=gitlab, name="neg-poison")
    return make


def _small_rsa():
    return {**gl.jwk(pki.rsa_key("small", 1024)), "kid": "small"}


POISONS = [
    ("A-NEG-63", dict(extra_first=lambda g: [gl.ec_jwk(pki.ec_key("odd"))])),
    ("T6-no-kid", dict(extra_first=lambda g: [{k: v for k, v in gl.jwk(g.ci_key).items() if k != "kid"}])),
    ("T6-oct", dict(extra_first=lambda g: [{"kty": "oct", "k": "c2VjcmV0", "kid": "o"}])),
    ("T6-small", dict(extra_first=lambda g: [_small_rsa()])),
    ("T6-wrong-types", dict(extra_first=lambda g: [7, None, "key", [], {"kty": "RSA"}, {"kty": "RSA", "n": 5, "e": []},
                                                   {"kty": "RSA", "n": "!!!", "e": "AQAB", "kid": "b64"}])),
    ("T6-enc", dict(extra_first=lambda g: [{**gl.jwk(g.ci_key), "use": "enc"}])),
    ("T6-even-exponent", dict(extra_first=lambda g: [{**gl.jwk(g.ci_key), "e": "Ag", "kid": "even"}])),
]

for _ident, _kwargs in POISONS:
    fixture(f"poison-{_ident}")(poisoned(**_kwargs))
    table(__name__, f"poison-{_ident}", [Row(_ident, base(), 200, note="the good keys still work")])
