"""Fake GitLab, server half: OIDC discovery, signing keys, a little API, faults on demand; and the token factory.

One FakeGitLab can play GitLab or CustomersDot. Keys are published as a real instance does: the id-token key, the CI
key, then the Cloud Connector keys, so the right one is last (gitlab-client.md §2.2).
"""
import base64
import hashlib
import hmac
import json
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from . import pki
from .net import Server

INSTANCE_ID = "292c3c7c-c5d5-48ec-b4bf-f00b724ce560"
USER_ID = "Df0Jhs9xlbetQR8YoZCKDZJflhxO0ZBI8uoRzmpnd1w="

ALL_SCOPES = ["complete_code", "generate_code", "code_suggestions", "duo_chat", "documentation_search", "explain_code",
              "write_tests", "refactor_code", "fix_code", "explain_vulnerability", "resolve_vulnerability",
              "troubleshoot_job", "summarize_comments", "generate_commit_message", "summarize_new_merge_request",
              "summarize_review", "review_merge_request", "glab_ask_git_command", "ask_issue", "ask_epic",
              "ask_merge_request", "ask_commit", "ask_build", "ask_work_item", "include_file_context",
              "include_snippet_context", "self_hosted_models", "duo_agent_platform", "duo_workflow_execute_workflow"]


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _uint(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def thumbprint(key):
    """RFC 7638, SHA-256, as GitLab's kid."""
    numbers = key.public_key().public_numbers()
    text = json.dumps({"e": _uint(numbers.e), "kty": "RSA", "n": _uint(numbers.n)}, separators=(",", ":"))
    return b64(hashlib.sha256(text.encode()).digest())


def jwk(key):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": thumbprint(key), "e": _uint(numbers.e), "n": _uint(numbers.n), "use": "sig",
            "alg": "RS256"}


def ec_jwk(key):
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": "ec-key", "use": "sig", "alg": "ES256",
            "x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}


def sign(header, payload, key=None, digest="sha256", secret=None):
    """A compact JWS. header and payload: objects, or texts to be used as they are. secret: HMAC instead of RSA."""
    head = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
    body = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    signing_input = f"{b64(head)}.{b64(body)}"
    if secret is not None:
        mac = hmac.new(secret, signing_input.encode(), digest).digest()
        return f"{signing_input}.{b64(mac)}"
    if key is None:
        return f"{signing_input}."
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[digest]
    return f"{signing_input}.{b64(key.sign(signing_input.encode(), padding.PKCS1v15(), algorithm))}"


def decode(token):
    """(header, claims) without verification."""
    head, body, _ = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(body))


def verify(token, key):
    """Raise unless `key` (private or public) made the RS256 signature."""
    signing_input, _, signature = token.rpartition(".")
    public = key.public_key() if hasattr(key, "public_key") else key
    public.verify(unb64(signature), signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())


class Fault:
    """What one endpoint does instead of answering well.

    kind: status (value = number) · delay (value = seconds, then a good answer) · hang · cut (half the body) ·
    html (good status, wrong type) · body (value = bytes sent as JSON) · redirect (value = URL)
    """

    def __init__(self, kind, value=None):
        self.kind = kind
        self.value = value


class FakeGitLab:
    def __init__(self, name="gitlab", external_url=None, relative_root="", tls=None, port=0,
                 host="127.0.0.1"):
        self.name = name
        self.relative_root = relative_root.rstrip("/")
        self.oidc_key = pki.rsa_key(name + "-oidc")
        self.ci_key = pki.rsa_key(name + "-ci")
        self.connector_keys = [pki.rsa_key(name + "-cc-1")]
        self.signing_key = self.connector_keys[0]
        self.key_document = None   # replaces the whole key set when set (an object)
        self.extra_first = []      # JWKs put before the right ones
        self.faults = {}           # "discovery" | "keys" → Fault
        self.fetches = {"discovery": 0, "keys": 0, "projects": 0, "other": 0}
        self.requests = []
        self.clock_shift_s = 0
        self.host_trap = False     # jwks_uri from the caller's Host with the external URL's scheme (§2.1)
        self._made = 1
        self.host = host
        self.server = Server(self._handle, tls=tls, host=host, port=port)
        self.external_url = external_url or self.url

    # -- addresses --
    @property
    def url(self):
        return f"{self.server.scheme}://{self.host}:{self.server.port}{self.relative_root}"

    def close(self):
        self.server.close()

    def refuse(self):
        self.server.refuse()

    def listen(self):
        self.server.listen()

    # -- key rotation, as the rake tasks do it --
    def rotate_create(self):
        """Publish a second, unused key."""
        self._made += 1
        self.connector_keys.append(pki.rsa_key(f"{self.name}-cc-{self._made}"))

    def rotate_swap(self):
        """The newest key signs from now on; both stay published."""
        self.connector_keys = [self.connector_keys[-1]] + self.connector_keys[:-1]
        self.signing_key = self.connector_keys[0]

    def rotate_trim(self):
        """Drop the last published key."""
        self.connector_keys = self.connector_keys[:-1]

    def keys(self):
        keys = [self.oidc_key, self.ci_key] + self.connector_keys
        return {"keys": list(self.extra_first) + [jwk(key) for key in keys]}

    # -- tokens --
    def claims(self, **changes):
        now = int(time.time()) + self.clock_shift_s
        claims = {"jti": str(uuid.uuid4()), "iss": self.external_url,
                  "aud": ["gitlab-ai-gateway", "gitlab-ai-gateway-agent", "gitlab-duo-workflow-service"],
                  "sub": INSTANCE_ID, "iat": now, "nbf": now - 5, "exp": now + 3600,
                  "gitlab_realm": "self-managed", "scopes": list(ALL_SCOPES), "skip_usage_cutoff": False}
        for name, value in changes.items():
            if value is ...:
                claims.pop(name, None)
            else:
                claims[name] = value
        return claims

    def header(self, **changes):
        header = {"typ": "JWT", "alg": "RS256", "kid": thumbprint(self.signing_key)}
        for name, value in changes.items():
            if value is ...:
                header.pop(name, None)
            else:
                header[name] = value
        return header

    def token(self, header=None, key=None, **claims):
        """token(exp=...) changes a claim, `...` removes one; header={"kid": ...} likewise."""
        return sign(self.header(**(header or {})), self.claims(**claims), key or self.signing_key)

    # -- serving --
    def _base_for(self, request):
        if not self.host_trap:
            return self.external_url
        scheme = self.external_url.split("://", 1)[0]
        return f"{scheme}://{request.header('host')}{self.relative_root}"

    def discovery(self, request):
        base = self._base_for(request)
        return {"issuer": self.external_url, "authorization_endpoint": f"{base}/oauth/authorize",
                "token_endpoint": f"{base}/oauth/token", "revocation_endpoint": f"{base}/oauth/revoke",
                "introspection_endpoint": f"{base}/oauth/introspect", "userinfo_endpoint": f"{base}/oauth/userinfo",
                "jwks_uri": f"{base}/oauth/discovery/keys",
                "scopes_supported": ["api", "read_api", "read_user", "openid", "profile", "email", "ai_features"],
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"], "claim_types_supported": ["normal"],
                "claims_supported": ["iss", "sub", "aud", "exp", "iat"],
                "code_challenge_methods_supported": ["plain", "S256"]}

    async def _handle(self, ex):
        self.requests.append(ex.request)
        root = self.relative_root
        what = {f"{root}/.well-known/openid-configuration": "discovery", f"{root}/oauth/discovery/keys": "keys",
                f"{root}/api/v4/projects": "projects"}.get(ex.request.path, "other")
        self.fetches[what] += 1
        fault = self.faults.get(what)
        if fault and await self._misbehave(ex, what, fault):
            return
        self._answer(ex, what)

    def _document(self, ex, what):
        if what == "discovery":
            return json.dumps(self.discovery(ex.request))
        if what == "keys":
            return json.dumps(self.key_document if self.key_document is not None else self.keys())
        return "[]"

    def _answer(self, ex, what):
        if what == "other":
            ex.reply(404, '{"error":"404 Not Found"}')
            return
        headers = [("Cache-Control", "max-age=86400, public, must-revalidate, no-transform")] if what == "keys" else []
        ex.reply(200, self._document(ex, what), headers=headers)

    async def _misbehave(self, ex, what, fault):
        """True when the fault answered."""
        if fault.kind == "delay":
            return not await ex.sleep(fault.value)
        if fault.kind == "hang":
            await ex.gone.wait()
        elif fault.kind == "status":
            ex.reply(fault.value, "<html>sorry</html>", content_type="text/html")
        elif fault.kind == "cut":
            body = self._document(ex, what).encode()
            ex.head(200, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            ex.raw(body[:len(body) // 2])
            ex.cut()
        elif fault.kind == "truncate":
            body = self._document(ex, what)
            ex.reply(200, body[:len(body) // 2])
        elif fault.kind == "html":
            ex.reply(200, "<!doctype html><title>Sign in</title>", content_type="text/html")
        elif fault.kind == "body":
            ex.reply(200, fault.value)
        elif fault.kind == "redirect":
            ex.reply(302, "", headers=[("Location", fault.value)])
        return True
