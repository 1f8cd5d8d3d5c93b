"""OP-KEY-oidc-doc rows: what issuers answer when they are asked for their keys, odd but usable, or not."""
import gzip
import json

from fakes import gitlab as gl
from fakes import pki
from fakes.net import Server
from harness.runner import case, equal, fixture

from ._env import Env, check
from .api_keys import KeyEnv
from .oidc import AUDIENCE, group

PATH = "/v1/code/user_access_token"
BOM = b"\xef\xbb\xbf"


class OddIssuer(gl.FakeGitLab):
    """bend(issuer, what, document): other bytes or another object in place of the "discovery" document or the "keys".
    answer(issuer, ex, what): True when it answered by itself."""

    def __init__(self, name, bend=None, answer=None):
        super().__init__("oidc-doc-" + name)
        self.bend = bend
        self.answer = answer

    def _document(self, ex, what):
        document = {"discovery": lambda: self.discovery(ex.request), "keys": self.keys}.get(what, list)()
        found = self.bend(self, what, document) if self.bend else document
        return found if isinstance(found, bytes) else json.dumps(found)

    def _answer(self, ex, what):
        if not (self.answer and self.answer(self, ex, what)):
            super()._answer(ex, what)


def in_discovery(change):
    return lambda issuer, what, document: {**document, **change(document)} if what == "discovery" else document


def in_keys(change):
    return lambda issuer, what, document: {"keys": change(issuer, document["keys"])} if what == "keys" else document


def with_mark(_, what, document):
    return BOM + json.dumps(document).encode()


def zipped(issuer, ex, what):
    body = gzip.compress(issuer._document(ex, what).encode())
    ex.reply(200, body, headers=[("Content-Encoding", "gzip")])
    return True


def bomb(_, ex, what):
    ex.reply(200, gzip.compress(b'{"keys":[' + b" " * 40_000_000), headers=[("Content-Encoding", "gzip")])
    return True


def pieces(issuer, ex, what):
    text = issuer._document(ex, what)
    ex.begin(200, "text/plain")
    for at in range(0, len(text), 7):
        ex.chunk(text[at:at + 7])
    ex.end()
    return True


def until_closed(issuer, ex, what):
    ex.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 X\r\nConnection: close\r\n\r\n"
           + issuer._document(ex, what).encode())
    ex.cut()
    return True


def other_scheme(document):
    return {"jwks_uri": document["jwks_uri"].replace("http://", "HTTP://")}


ISSUERS = {
    "mark": (dict(bend=with_mark), True),
    "gzip": (dict(answer=zipped), True),
    "gzip-bomb": (dict(answer=bomb), False),
    "chunked": (dict(answer=pieces), True),
    "until-closed": (dict(answer=until_closed), True),
    "scheme-case": (dict(bend=in_discovery(other_scheme)), True),
    "query": (dict(bend=in_discovery(lambda d: {"jwks_uri": d["jwks_uri"] + "?p=B2C_1_dev"})), True),
    "relative": (dict(bend=in_discovery(lambda d: {"jwks_uri": "/oauth/discovery/keys"})), False),
    "file": (dict(bend=in_discovery(lambda d: {"jwks_uri": "file:///etc/passwd"})), False),
    "two-slashes": (dict(bend=in_discovery(lambda d: {"issuer": d["issuer"] + "/"})), False),
    "kid-twice": (dict(bend=in_keys(lambda issuer, keys: [
        {**gl.jwk(pki.rsa_key("stranger")), "kid": gl.thumbprint(issuer.signing_key)}, *keys])), True),
    "junk-among": (dict(bend=in_keys(lambda issuer, keys: [
        None, 1, "x", [], {}, {"kty": "RSA"}, {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}, *keys])), True),
    "object": (dict(bend=in_keys(lambda issuer, keys: {key["kid"]: key for key in keys})), False),
    "encryption": (dict(bend=in_keys(lambda issuer, keys: [{**key, "use": "enc"} for key in keys])), False),
    "rs512": (dict(bend=in_keys(lambda issuer, keys: [{**key, "alg": "RS512"} for key in keys])), False),
}


class DocumentsEnv(KeyEnv):
    def __init__(self, ctx):
        self.issuers = {name: OddIssuer(name, **how) for name, (how, _) in ISSUERS.items()}
        claims = OddIssuer("claims")
        self.issuers["claims"] = claims
        groups = [group("doc_" + name.replace("-", "_"), issuer.url) for name, issuer in self.issuers.items()
                  if issuer is not claims]
        for name, text in REQUIRED.items():
            groups.append(group("claim_" + name, claims.url, audience=f'"{name}"', require=f'( "{text}" )'))
        super().__init__(ctx, more_conf=f"oidc: {{ {' '.join(groups)} }};", name="oidc-doc")

    def close(self):
        super().close()
        for issuer in self.issuers.values():
            issuer.close()

    def ask_as(self, name, **claims):
        issuer = self.issuers[name]
        token = gl.sign(issuer.header(), issuer.claims(**{"aud": AUDIENCE, "sub": "user-7", "gitlab_realm": ...,
                                                          "scopes": ..., **claims}), issuer.signing_key)
        return self.ask({"Authorization": "Bearer " + self.ctx.secret(token)}).status


REQUIRED = {"yes": "email_verified=true", "no": "disabled=false", "number": "level=3", "text": "plan=gold",
            "pod": "kubernetes.io.serviceaccount.name=bot", "url": "https://example.com/a.b=c"}


@fixture("oidc-doc")
def oidc_doc(ctx):
    return DocumentsEnv(ctx)


def document_row(name, is_good):
    @case("OP-KEY-oidc-doc-" + name, "oidc-doc")
    def row(env):
        equal(env.ask_as(name), 200 if is_good else 503, "status of a call with its token")


for _name, (_, _is_good) in ISSUERS.items():
    document_row(_name, _is_good)


@case("OP-KEY-oidc-claim-kinds", "oidc-doc")
def claim_kinds(env):
    """`require` and claims that are no text."""
    for aud, claims, status in (
            ("yes", {"email_verified": True}, 200), ("yes", {"email_verified": "true"}, 200),
            ("yes", {"email_verified": False}, 401), ("yes", {"email_verified": 1}, 401), ("yes", {}, 401),
            ("yes", {"email_verified": None}, 401), ("yes", {"email_verified": [True]}, 200),
            ("no", {"disabled": False}, 200), ("no", {"disabled": 0}, 401), ("no", {}, 401),
            ("number", {"level": 3}, 200), ("number", {"level": "3"}, 200), ("number", {"level": [1, 3]}, 200),
            ("number", {"level": 30}, 401), ("number", {"level": 3.0}, 401), ("number", {"level": {"3": 3}}, 401),
            ("pod", {"kubernetes.io": {"namespace": "ai", "serviceaccount": {"name": "bot", "uid": "1"}}}, 200),
            ("pod", {"kubernetes.io": {"serviceaccount": {"name": "other"}}}, 401),
            ("pod", {"kubernetes.io": {"serviceaccount": "bot"}, "kubernetes": {"io": {}}}, 401),
            ("pod", {"kubernetes.io.serviceaccount": {"name": "bot"}}, 200),
            ("pod", {"kubernetes": {"io": {"serviceaccount": {"name": ["bot"]}}}}, 200),
            ("url", {"https://example.com/a.b": "c"}, 200), ("url", {"https://example.com/a": {"b": "c"}}, 200),
            ("text", {"plan": "gold"}, 200), ("text", {"plan": "gold "}, 401), ("text", {"plan": "gold\0"}, 401)):
        equal(env.ask_as("claims", aud=aud, **claims), status, f"status with {claims} where {REQUIRED[aud]} must hold")


# -- GitLab's own ------------------------------------------------------------------------------------------------------

@fixture("http-proxy")
class Own:
    """For a row with a gateway of its own."""

    def __init__(self, ctx):
        self.ctx = ctx

    def close(self):
        pass


class ProxyForHttp:
    """Takes what is meant for any http:// address, and sends it on to `target`. connects: tunnels that it was asked for."""

    def __init__(self, target):
        self.target = target
        self.connects = 0
        self.server = Server(self._handle)

    async def _handle(self, ex):
        if ex.request.method == "CONNECT":
            self.connects += 1
            ex.reply(502, "")
            return
        ex.reply(302, "", headers=[("Location", self.target)])


@case("D31-proxy-of-http-only", "http-proxy")
def proxy_of_http_only(env):
    """HTTP_PROXY is for http:// only, also when that leads to https."""
    ca = pki.CA(env.ctx.folder("proxy-ca"))
    gitlab = gl.FakeGitLab("proxied", tls=ca.server_context())
    proxy = ProxyForHttp(gitlab.url + "/.well-known/openid-configuration")
    other = Env(env.ctx, gitlab=gitlab, name="proxied", env={
        "AIGW_GITLAB_URL": "http://gitlab.test", "REQUESTS_CA_BUNDLE": ca.file,
        "HTTP_PROXY": f"http://127.0.0.1:{proxy.server.port}"})
    try:
        check(other.post(PATH, headers=other.auth()), 200)
        equal(proxy.connects, 0, "tunnels that the proxy was asked for")
    finally:
        other.close()
        proxy.server.close()
