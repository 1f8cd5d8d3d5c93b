"""OP-KEY rows for tokens of conf.d's `oidc`: who may call the routes for clients that are no GitLab."""
import os
import signal
import subprocess
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from fakes import gitlab as gl
from fakes import pki
from harness.runner import case, equal, fixture, truth

from ._env import Env, check
from .api_keys import SECRETS, KeyEnv

AUDIENCE = "aigw-test"
EC_KEY = pki.ec_key("oidc")


def group(name, issuer, **members):
    members = {"audience": f'"{AUDIENCE}"', **members}
    text = " ".join(f"{key} = {value};" for key, value in members.items())
    return f'{name}: {{ issuer = "{issuer}"; {text} }};'


class OidcEnv(KeyEnv):
    """A KeyEnv with two identity providers beside GitLab: `dev`, below a path, and `ci`, whose keys conf.d names."""

    def __init__(self, ctx, name="oidc", change=None):
        self.dev = gl.FakeGitLab("oidc-dev", relative_root="/realms/dev")
        self.ci = gl.FakeGitLab("oidc-ci", external_url="https://ci.example.com")
        self.ci.faults["discovery"] = gl.Fault("status", 500)
        self.dev.extra_first = [gl.ec_jwk(EC_KEY)]
        if change:
            change(self)
        groups = "\n".join((
            group("small", self.dev.url, require='( "groups=small" )', models='( "fast-*" )', scopes='( "embeddings" )'),
            group("nested", self.dev.url, require='( "realm_access.roles=ai", "tier=gold" )', models="()"),
            group("off", self.dev.url, audience='"aigw-off"', enabled="false"),
            group("far", self.dev.url, audience='"aigw-far"', **{"from": '( "10.0.0.0/8" )'}),
            group("mail", self.dev.url, audience='"aigw-mail"', user_claim='"email"'),
            group("all", self.dev.url),
            group("ci", "https://ci.example.com", keys_url=f'"{self.ci.url}/oauth/discovery/keys"'),
        ))
        super().__init__(ctx, more_conf=f"oidc: {{ {groups} }};", name=name)

    def close(self):
        super().close()
        self.dev.close()
        self.ci.close()

    def claims(self, issuer=None, **changes):
        """An access token's claims, with nothing of GitLab's in them."""
        return (issuer or self.dev).claims(**{"aud": AUDIENCE, "sub": "user-7", "gitlab_realm": ..., "scopes": ...,
                                              **changes})

    def jwt(self, issuer=None, header=None, key=None, **changes):
        issuer = issuer or self.dev
        return self.ctx.secret(gl.sign(issuer.header(**(header or {})), self.claims(issuer, **changes),
                                       key or issuer.signing_key))

    def call(self, token, scenario="answer", **kwargs):
        return self.ask({"Authorization": "Bearer " + token}, scenario, **kwargs)


def es256(header, claims, key=EC_KEY):
    unsigned = gl.sign(header, claims)
    r, s = utils.decode_dss_signature(key.sign(unsigned[:-1].encode(), ec.ECDSA(hashes.SHA256())))
    return unsigned + gl.b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@fixture("oidc")
def oidc(ctx):
    return OidcEnv(ctx)


class Own:
    """For rows that start a gateway, or a command, of their own."""

    def __init__(self, ctx):
        self.ctx = ctx

    def close(self):
        pass


fixture("oidc-own")(Own)


def refused(response, code="token_refused"):
    check(response, 401, {"own": {"kind": 1, "status": 401, "text": "The token was refused", "code": code}})


def good(ident, make, scenario="names", text="user-7:good,fast-one,slow-one,"):
    @case(ident, "oidc")
    def row(env):
        response = env.call(make(env), scenario)
        equal((response.status, response.text), (200, text), "status and who it is")


def bad(ident, make, code="token_refused"):
    @case(ident, "oidc")
    def row(env):
        for _ in range(2):  # the second time from memory
            refused(env.call(make(env)), code)


good("OP-KEY-oidc", lambda env: env.jwt())
good("OP-KEY-oidc-audience-list", lambda env: env.jwt(aud=["account", AUDIENCE]))
good("OP-KEY-oidc-keys-url", lambda env: env.jwt(env.ci))
good("OP-KEY-oidc-no-kid", lambda env: env.jwt(header={"kid": ...}))
good("OP-KEY-oidc-at-hash", lambda env: env.jwt(at_hash="abc"))
good("OP-KEY-oidc-es256", lambda env: es256({"alg": "ES256", "kid": "ec-key"}, env.claims()))
good("OP-KEY-oidc-es256-no-kid", lambda env: es256({"alg": "ES256"}, env.claims()))
good("OP-KEY-oidc-first-group", lambda env: env.jwt(groups=["x", "small"]), text="user-7:fast-one,")
good("OP-KEY-oidc-claim-text", lambda env: env.jwt(groups="small"), text="user-7:fast-one,")
good("OP-KEY-oidc-claim-not-part", lambda env: env.jwt(groups=["smaller"]))
good("OP-KEY-oidc-nested", lambda env: env.jwt(realm_access={"roles": ["a", "ai"]}, tier="gold"), text="user-7:")
good("OP-KEY-oidc-nested-half", lambda env: env.jwt(realm_access={"roles": ["ai"]}, tier="silver"))
good("OP-KEY-oidc-user-claim", lambda env: env.jwt(aud="aigw-mail", email="a@example.com"),
     text="a@example.com:good,fast-one,slow-one,")
good("OP-KEY-oidc-key-beside", lambda env: SECRETS["some"], text="some:good,fast-one,")

bad("OP-KEY-04-no-aud", lambda env: env.jwt(aud=...))
bad("OP-KEY-04-other-aud", lambda env: env.jwt(aud="gitlab-ai-gateway"))
bad("OP-KEY-04-no-iss", lambda env: env.jwt(iss=...))
bad("OP-KEY-04-unknown-iss", lambda env: env.jwt(iss="https://elsewhere.example.com"))
bad("OP-KEY-04-iss-slash", lambda env: env.jwt(iss=env.dev.url + "/"))
bad("OP-KEY-04-other-issuers-key", lambda env: env.jwt(key=env.ci.signing_key, header={"kid": ...}))
bad("OP-KEY-04-other-issuers-kid", lambda env: env.jwt(key=env.ci.signing_key,
                                                       header={"kid": gl.thumbprint(env.ci.signing_key)}))
bad("OP-KEY-04-gitlabs-key", lambda env: env.jwt(key=env.gitlab.signing_key, header={"kid": ...}))
bad("OP-KEY-04-gitlabs-token", lambda env: env.token())
bad("OP-KEY-04-own-token", lambda env: env.user_token())
bad("OP-KEY-oidc-expired", lambda env: env.jwt(exp=int(time.time()) - 100))
bad("OP-KEY-oidc-no-exp", lambda env: env.jwt(exp=...))
bad("OP-KEY-oidc-not-yet", lambda env: env.jwt(nbf=int(time.time()) + 1000))
bad("OP-KEY-oidc-none", lambda env: gl.sign({"alg": "none"}, env.claims()))
bad("OP-KEY-oidc-hs256", lambda env: gl.sign({"alg": "HS256"}, env.claims(),
                                             secret=pki.public_pem(env.dev.signing_key).encode()))
bad("OP-KEY-oidc-es256-as-rs256", lambda env: es256({"alg": "RS256", "kid": "ec-key"}, env.claims()))
bad("OP-KEY-oidc-rs256-as-es256", lambda env: env.jwt(header={"alg": "ES256"}))
bad("OP-KEY-oidc-es256-other-key", lambda env: es256({"alg": "ES256", "kid": "ec-key"}, env.claims(),
                                                     pki.ec_key("somebody")))
bad("OP-KEY-oidc-es256-short", lambda env: es256({"alg": "ES256"}, env.claims())[:-8])
bad("OP-KEY-oidc-off", lambda env: env.jwt(aud="aigw-off"))
bad("OP-KEY-oidc-from", lambda env: env.jwt(aud="aigw-far"), "token_address")
bad("OP-KEY-oidc-no-user", lambda env: env.jwt(aud="aigw-mail"))
bad("OP-KEY-oidc-user-no-text", lambda env: env.jwt(sub=7))
bad("OP-KEY-oidc-garbage", lambda env: "a.b.c")


@case("OP-KEY-oidc-scope", "oidc")
def scope(env):
    equal(env.call(env.jwt(), path="/probe-key-scope/").status, 200, "status without a list of rights")
    equal(env.call(env.jwt(groups="small"), path="/probe-key-scope/").status, 403, "status with a list without it")


@case("OP-KEY-oidc-model", "oidc")
def model(env):
    equal(env.call(env.jwt(groups="small"), "call", model="fast-one").text, "two", "a model of the list")
    response = env.call(env.jwt(groups="small"), "call", model="good")
    truth(response.status != 200 and "one" not in response.text, "a refusal of another model", response.text)


@case("OP-KEY-oidc-other-headers", "oidc")
def other_headers(env):
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        equal(env.ask({name: env.jwt()}).status, 200, f"status with {name}")


@case("OP-KEY-oidc-not-for-gitlab-routes", "oidc")
def not_for_gitlab(env):
    """Such an issuer cannot make tokens for GitLab's routes, whatever they say."""
    tokens = (env.jwt(), env.dev.token(), env.dev.token(iss=env.gitlab.url), env.dev.token(iss="gitlab-ai-gateway"))
    for token in tokens:
        env.ctx.secret(token)
        response = env.post("/probe/answer", b"x", headers={**env.auth(token), "Content-Type": "text/plain"})
        equal(response.status, 401, "status of a route for GitLab's tokens")


@case("OP-KEY-oidc-both", "oidc")
def both(env):
    """On a route for both, GitLab's header says whose token it is."""
    equal(env.call(env.jwt(), path="/probe-both/").status, 200, "status with a token of the issuer")
    headers = {**env.auth(), "Content-Type": "text/plain"}
    equal(env.post("/probe-both/answer", b"x", headers=headers).status, 200, "status with GitLab's token")
    headers = {**env.auth(env.jwt()), "Content-Type": "text/plain"}
    equal(env.post("/probe-both/answer", b"x", headers=headers).status, 401, "status with GitLab's header")


@case("OP-KEY-oidc-rotation", "oidc-own")
def rotation(own):
    """A key that was not there at the last load is fetched at once; the old one goes with the set."""
    env = OidcEnv(own.ctx, name="oidc-rotation")
    try:
        before = env.jwt()
        equal(env.call(before).status, 200, "status before")
        env.dev.rotate_create()
        env.dev.rotate_swap()
        env.dev.rotate_trim()
        equal(env.call(env.jwt()).status, 200, "status with the new key")
        refused(env.call(before))
    finally:
        env.close()


@case("OP-KEY-oidc-nowhere", "oidc")
def nowhere(env):
    """ready?verbose lists the issuers; no token is in logs or metrics."""
    token = env.jwt(jti="canary-oidc-31c9")
    env.call(token)
    env.ask({"x-api-key": token})
    lines = [line for line in env.gw.lines if token[:40] in str(line) or token[-40:] in str(line)]
    truth(not lines and token[-40:] not in env.gw.metrics(), "no token in log and metrics", lines)


@case("OP-DT-oidc", "oidc")
def diagnose(env):
    """`aigw diagnose-token` of tokens of these issuers, whatever they are signed with."""
    for token, status, line in ((env.jwt(), 0, "ok    algorithm  RS256"),
                                (es256({"alg": "ES256", "kid": "ec-key"}, env.claims()), 0, "ok    algorithm  ES256"),
                                (es256({"alg": "ES256", "kid": "nobody's"}, env.claims()), 0, "warn  key id"),
                                (gl.sign({"alg": "HS256"}, env.claims(), secret=b"x"), 1, 'or "ES256"'),
                                (env.jwt(aud="elsewhere"), 1, "FAIL  verdict")):
        equal(env.call(env.ctx.secret(token), "names").status, 401 if status else 200, "what the gateway answers")
        found = subprocess.run([env.ctx.binary, "diagnose-token", "--conf-dir", env.ctx.conf_dir, "--conf-dir", env.gw.conf_dir],
                               input=token, capture_output=True, text=True, timeout=60, check=False,
                               env={"PATH": "/usr/bin:/bin", "AIGW_GITLAB_URL": env.gitlab.url, "AIGW_CUSTOMER_PORTAL_URL": ""})
        equal((found.returncode, line in found.stdout), (status, True), f"{line!r} in {found.stdout}{found.stderr}")


@case("OP-KEY-oidc-log", "oidc-own")
def log(own):
    """The access line names the issuer and, of a refusal, the reason."""
    env = OidcEnv(own.ctx, name="oidc-log")
    try:
        refused(env.call(env.jwt(aud="elsewhere")))
        line = env.gw.wait_line(lambda item: item.get("logger") == "api.access" and item.get("status_code") == 401)
        truth(line is not None and line.get("token_issuer") == env.dev.url and
              line.get("auth_error_details") == "token_refused", "issuer and reason in the access line", line)
    finally:
        env.close()


def no_keys(ident, change, mend):
    @case(ident, "oidc-own")
    def row(own):
        """Without its keys it is our lack, not the token's: 503, other callers are served; then it works."""
        env = OidcEnv(own.ctx, name="oidc-down", change=change)
        try:
            token = env.jwt(iss=env.dev.url)
            response = env.call(token, path="/probe-both/")
            equal(response.status, 503, "status without keys")
            truth(int(response.header("retry-after")) >= 1, "a Retry-After", response.headers)
            equal(env.ask({"x-api-key": SECRETS["build"]}).status, 200, "status with an API key meanwhile")
            equal(env.call(env.jwt(env.ci)).status, 200, "status with the other issuer's token")
            mend(env)
            start = len(env.gw.lines)
            env.gw.signal(signal.SIGHUP)  # a reload tries at once what failed
            truth(env.gw.wait_line(lambda item: item.get("message") == "JWKS refreshed" and
                                   item.get("provider") == "small", start=start), "keys after all", "none")
            equal(env.call(token).status, 200, "status when the keys came")
        finally:
            env.close()


no_keys("OP-KEY-oidc-down", lambda env: env.dev.faults.update(discovery=gl.Fault("status", 500)),
        lambda env: env.dev.faults.clear())
no_keys("OP-KEY-oidc-not-its-document", lambda env: setattr(env.dev, "external_url", "https://other.example.com"),
        lambda env: setattr(env.dev, "external_url", env.dev.url))


@case("OP-KEY-oidc-reload", "oidc-own")
def reload(own):
    """Another audience after a reload: tokens for the old one, remembered or not, are refused."""
    env = OidcEnv(own.ctx, name="oidc-reload")
    try:
        token = env.jwt(env.ci)
        equal(env.call(token).status, 200, "status before")
        env.gw.write_conf("oidc: { %s };" % group("ci", "https://ci.example.com", audience='"other"',
                                                  keys_url=f'"{env.ci.url}/oauth/discovery/keys"'), "91-oidc.conf")
        start = len(env.gw.lines)
        env.gw.signal(signal.SIGHUP)
        truth(env.gw.wait_line(lambda item: item.get("message") == "configuration reloaded", start=start), "a reload",
              "none")
        refused(env.call(token))
        equal(env.call(env.jwt(env.ci, aud="other")).status, 200, "status with the new audience")
    finally:
        env.close()


MISTAKES = (
    ("issuer-missing", 'a: { audience = "x"; };', "issuer"),
    ("audience-missing", 'a: { issuer = "https://x.example.com"; };', "audience"),
    ("audience-empty", 'a: { issuer = "https://x.example.com"; audience = ""; };', "a token for anybody else would do"),
    ("issuer-no-url", 'a: { issuer = "login.example.com"; audience = "x"; };', "expected http:// or https://"),
    ("keys-url", 'a: { issuer = "https://x.example.com"; audience = "x"; keys_url = "file:///etc/passwd"; };',
     "keys_url"),
    ("require", 'a: { issuer = "https://x.example.com"; audience = "x"; require = ( "groups" ); };', "claim=value"),
    ("from", 'a: { issuer = "https://x.example.com"; audience = "x"; from = ( "10.0.0.0/99" ); };', "is no network"),
    ("unknown", 'a: { issuer = "https://x.example.com"; audience = "x"; modles = (); };', "did you mean models?"),
)


def mistake(name, text, expected):
    @case("OP-KEY-oidc-check-" + name, "oidc-own")
    def row(own):
        folder = own.ctx.folder("oidc-check")
        with open(os.path.join(folder, "90-oidc.conf"), "w", encoding="utf-8") as out:
            out.write(f"oidc: {{ {text} }};")
        result = subprocess.run([own.ctx.binary, "check", "--conf-dir", own.ctx.conf_dir, "--conf-dir", folder, "--plugin-dir",
                                 own.ctx.plugin_dir], capture_output=True, text=True, timeout=60, check=False)
        truth(result.returncode != 0 and expected in result.stdout + result.stderr, f"a refusal with {expected!r}",
              result.stdout + result.stderr)


for _mistake in MISTAKES:
    mistake(*_mistake)
