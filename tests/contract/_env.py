"""What contract, client and fault cases share: environments, request builders, expectations."""
import json

from fakes import gitlab as gl
from fakes import pki
from fakes.models import FakeModels, Reply  # noqa: F401  (Reply is re-exported for the tables)
from harness.gateway import Gateway
from harness.runner import Failure, add_case, equal, short, truth

CURRENT_FILE = {"file_name": "main.py", "content_above_cursor": "def f(", "content_below_cursor": "\n"}
VERBOSE = {"x-gitlab-enabled-instance-verbose-ai-logs": "true"}
API_KEY = "sk-canary-model-key-7f3a91c2"


class Env:
    """A gateway with a fake GitLab and fake models. bypass: no authentication at all. conf:
    text of a conf.d file, or a function of the environment that makes one."""

    def __init__(self, ctx, bypass=False, env=None, conf=None, signing_key=True, gitlab=None, name="gw", **kwargs):
        self.ctx = ctx
        self.gitlab = gitlab or gl.FakeGitLab()
        self.models = FakeModels()
        self.signing_key = pki.rsa_key("gateway-signing")
        settings = {"AIGW_GITLAB_URL": self.gitlab.url, "AIGW_GITLAB_API_URL": self.gitlab.url + "/api/v4/"}
        if signing_key:
            pem = pki.private_pem(self.signing_key)
            settings["AIGW_SELF_SIGNED_JWT__SIGNING_KEY"] = pem
            ctx.secret(pem.splitlines()[5])
            settings["AIGW_SELF_SIGNED_JWT__VALIDATION_KEY"] = pki.private_pem(pki.rsa_key("gateway-validation"))
        if bypass:
            settings["AIGW_AUTH__BYPASS_EXTERNAL"] = "true"
        settings.update(env or {})
        ctx.secret(API_KEY)
        if callable(conf):
            conf = conf(self)
        self.gw = Gateway(ctx, settings, conf, name=name, **kwargs)

    def close(self):
        self.gw.close()
        self.gitlab.close()
        self.models.close()

    # -- requests --
    def token(self, scopes=None, header=None, key=None, **claims):
        if scopes is not None:
            claims["scopes"] = scopes
        return self.ctx.secret(self.gitlab.token(header=header, key=key, **claims))

    def auth(self, token=None, **changes):
        """Headers of a well-behaved GitLab. Keyword changes use _ for -; None removes a header."""
        headers = {"Authorization": f"Bearer {token or self.token()}", "X-Gitlab-Authentication-Type": "oidc",
                   "X-Gitlab-Realm": "self-managed", "X-Gitlab-Instance-Id": gl.INSTANCE_ID,
                   "X-Gitlab-Global-User-Id": gl.USER_ID}
        for key, value in changes.items():
            name = key.replace("_", "-")
            headers = {k: v for k, v in headers.items() if k.lower() != name.lower()}
            if value is not None:
                headers[name] = value
        return headers

    def request(self, method, target, headers=(), body=None, **kwargs):
        response = self.gw.request(method, target, headers, body, **kwargs)
        response.request_text = f"{method} {target}"
        return response

    def post(self, target, body=None, headers=(), **kwargs):
        return self.request("POST", target, headers, body, **kwargs)

    def user_token(self):
        """A token that the gateway itself made."""
        response = self.post("/v1/code/user_access_token", headers=self.auth())
        equal(response.status, 200, "status of user_access_token")
        return self.ctx.secret(response.json()["token"])


def completion(script=None, drop=(), **changes):
    """Body of /v2/code/completions for a self-hosted model at `script`."""
    body = {"prompt_version": 1, "current_file": dict(CURRENT_FILE), "model_provider": "litellm",
            "model_name": "codestral", "model_api_key": API_KEY, "model_identifier": "custom_openai/codestral-22b"}
    if script is not None:
        body["model_endpoint"] = script.base
    body.update(changes)
    for name in drop:
        body.pop(name, None)
    return body


# -- expectations ----------------------------------------------------------------------------------------------------

class Any:
    """Matches what `test` says yes to."""

    def __init__(self, text, test):
        self.text = text
        self.test = test

    def __eq__(self, other):
        return bool(self.test(other))

    def __ne__(self, other):
        return not self == other

    def __repr__(self):
        return self.text


INTEGER = Any("<integer>", lambda v: isinstance(v, int) and not isinstance(v, bool))
TEXT = Any("<text>", lambda v: isinstance(v, str) and v != "")
HEX32 = Any("<32 lower-case hex digits>", lambda v: isinstance(v, str) and len(v) == 32
            and all(c in "0123456789abcdef" for c in v))


def contains(*parts):
    return Any(f"<text with {parts}>", lambda v: isinstance(v, str) and all(part in v for part in parts))


def starts(part):
    return Any(f"<text starting {part!r}>", lambda v: isinstance(v, str) and v.startswith(part))


def common_headers(response):
    """What every answer that passed the parser carries (D18, D27, C-HTTP-006)."""
    equal(response.header("server"), "aigw", "header server (D27)")
    truth(response.header("date"), "a date header", response.headers)
    truth(response.header("x-request-id"), "an x-request-id header", response.headers)
    try:
        truth(float(response.header("x-process-time")) >= 0, "x-process-time ≥ 0", response.header("x-process-time"))
    except (TypeError, ValueError):
        raise Failure("x-process-time as a decimal number", response.header("x-process-time")) from None
    truth(response.header("www-authenticate") is None, "no www-authenticate", response.header("www-authenticate"))


def check(response, status, json_body=None, text=None, headers=None, absent=(), common=True):
    """status: a number or several. headers: name → exact value or Any."""
    allowed = status if isinstance(status, (tuple, list, set)) else (status,)
    if response.status not in allowed:
        raise Failure(f"status {'/'.join(map(str, allowed))} for {getattr(response, 'request_text', 'the request')}",
                      f"{response!r}")
    truth(response.is_complete, "a complete body", f"{response!r}")
    if json_body is not None:
        try:
            found = response.json()
        except ValueError:
            raise Failure(f"JSON {short(json_body)}", f"{response!r}") from None
        equal(found, json_body, "body")
        equal((response.header("content-type") or "").split(";")[0], "application/json", "content-type")
    if text is not None:
        equal(response.text, text, "body")
    for name, value in (headers or {}).items():
        equal(response.header(name), value, f"header {name}")
    for name in absent:
        truth(response.header(name) is None, f"no header {name}", response.header(name))
    if common:
        common_headers(response)
    return response


def refused(error):
    """The body of a 401 (D4): exact error text, and detail as a list of objects with a helpful msg."""
    def test(found):
        return (isinstance(found, dict) and found.get("error") == error and set(found) == {"error", "detail"}
                and isinstance(found["detail"], list) and found["detail"]
                and all(isinstance(item, dict) and isinstance(item.get("msg"), str) and len(item["msg"]) > 10
                        for item in found["detail"]))
    return Any(f'{{"error":"{error}","detail":[{{"msg":<text>}}]}} (D4)', test)


def detail(text):
    return {"detail": text}


FORBIDDEN = refused("Forbidden by auth provider")
NO_HEADER = refused("No authorization header presented")
BAD_HEADER = refused("Invalid authorization header")
NOT_OIDC = refused("Invalid authentication token type - only OIDC is supported")


def mismatch(name):
    return refused(f"Header mismatch '{name}'")


class Row:
    """One line of a table. make(env) → response; the rest is what is expected of it."""

    def __init__(self, ident, make, status, json_body=None, note="", **expected):
        self.id = ident
        self.make = make
        self.status = status
        self.json_body = json_body
        self.note = note
        self.expected = expected

    def __call__(self, env):
        check(self.make(env), self.status, self.json_body, **self.expected)


def table(module, fixture_name, rows):
    for row in rows:
        add_case(row.id, fixture_name, row, module)


def model_error(text=""):
    """The body of a 503 or 429 on code routes (D13): one short cause."""
    def test(found):
        return (isinstance(found, dict) and set(found) == {"detail"} and isinstance(found["detail"], str)
                and 10 < len(found["detail"]) < 1000 and text in found["detail"])
    return Any(f'{{"detail":<short cause{" with " + repr(text) if text else ""}>}} (D13)', test)


def log_text(env):
    return json.dumps(env.gw.lines)
