"""Fake GitLab, client half: drives the gateway as Rails, Workhorse, the language server and the Admin pages do
(gitlab-client.md §1 to §3, §7). Each mode keeps its original's connection habits, limits and error mapping.
"""
import json
import socket
import time
import uuid

from harness import http

from . import gitlab as gl

VERSION = "18.9.0"


# Header → first GitLab that sends it (from memory of public behaviour; §1.1 is 18.9). An older one's absence is the
# harder case for a gateway: nothing may depend on these.
SINCE = {"x-gitlab-deployment-type": (18, 0), "x-gitlab-feature-enablement-type": (17, 11),
         "x-gitlab-enabled-feature-flags": (17, 11), "x-gitlab-enabled-instance-verbose-ai-logs": (17, 11),
         "X-Gitlab-Is-Team-Member": (18, 0), "X-Gitlab-Model-Prompt-Cache-Enabled": (18, 0)}


def number(version):
    """(18, 9) of "18.9.0"."""
    return tuple(int(part) for part in version.split(".")[:2])


def common_headers(token, verbose=False, version=VERSION, code=False, **changes):
    """Headers of every Rails request (§1.1), in Rails' mixed letter case."""
    headers = {
        "Authorization": f"Bearer {token}", "X-Gitlab-Authentication-Type": "oidc",
        "Content-Type": "application/json", "X-Request-ID": "01K184J6BDSHFTA3TX" + uuid.uuid4().hex[:8].upper(),
        "X-Gitlab-Rails-Send-Start": f"{time.time():.7f}", "x-gitlab-host-name": "gitlab.example.com",
        "x-gitlab-instance-id": gl.INSTANCE_ID, "x-gitlab-realm": "self-managed",
        "x-gitlab-deployment-type": "self-managed", "x-gitlab-version": version,
        "x-gitlab-global-user-id": gl.USER_ID, "x-gitlab-user-id": "7",
        "x-gitlab-feature-enabled-by-namespace-ids": "", "x-gitlab-feature-enablement-type": "duo_enterprise",
        "x-gitlab-enabled-feature-flags": "",
        "x-gitlab-enabled-instance-verbose-ai-logs": "true" if verbose else "false",
        "X-Gitlab-Is-Team-Member": "false", "X-Gitlab-Model-Prompt-Cache-Enabled": "true",
    }
    if not code:
        del headers["X-Gitlab-Model-Prompt-Cache-Enabled"]
    if number(version) < (18, 0):
        headers["X-Gitlab-Duo-Seat-Count"] = "25"
    headers = {name: value for name, value in headers.items() if SINCE.get(name, (0, 0)) <= number(version)}
    for name, value in changes.items():
        if value is None:
            headers.pop(name, None)
        else:
            headers[name] = value
    return headers


class ReadTimeout(Exception):
    pass


class Rails:
    """One connection per call, closed afterwards; time-outs as Net::HTTP has them."""

    def __init__(self, port, token, timeout=60.0, tls=None, prefix="", version=VERSION):
        self.port = port
        self.token = token
        self.timeout = timeout
        self.tls = tls
        self.prefix = prefix
        self.version = version

    def call(self, path, body=None, method="POST", timeout=None, headers=None, stream=False):
        timeout = timeout or self.timeout
        sent = dict(common_headers(self.token, version=self.version, code="/code/" in path))
        sent.update({"Connection": "close", "Accept": "*/*", "User-Agent": "Ruby",
                     "Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"})
        sent.update(headers or {})
        sent = {key: value for key, value in sent.items() if value is not None}
        payload = b"" if body is None else json.dumps(body)
        try:
            with http.Connection(self.port, tls=self.tls, timeout=timeout) as conn:
                conn.send(http.render(method, self.prefix + path, sent, payload))
                response = conn.read_response(head_only=method == "HEAD")
        except (socket.timeout, TimeoutError) as err:
            raise ReadTimeout(f"no answer within {timeout} s") from err
        if not stream and response.fragments and response.fragments[-1][0] - response.fragments[0][0] > timeout:
            raise ReadTimeout(f"a body that took longer than {timeout} s")
        return response

    @staticmethod
    def parsed(response):
        """HTTParty parses by Content-Type: an object for JSON, else the text."""
        if (response.header("content-type") or "").split(";")[0].strip().endswith("json"):
            return json.loads(response.body)
        return response.text


class Workhorse:
    """Keep-alive pool of two, 90 s idle, 55 s for the answer's head; a broken transport becomes 500."""

    def __init__(self, port, tls=None, version=VERSION):
        self.port = port
        self.tls = tls
        self.version = version
        self.idle = []

    def call(self, path, token, body, headers=None):
        sent = common_headers(token, version=self.version, code=True, **(headers or {}))
        sent.update({"User-Agent": f"gitlab-workhorse ({self.version})-(20260213.101010)", "Accept-Encoding": "gzip"})
        conn = self.idle.pop() if self.idle else http.Connection(self.port, tls=self.tls, timeout=55.0)
        try:
            conn.send(http.render("POST", path, sent, body))
            response = conn.read_response()
        except (OSError, http.HttpError) as err:
            conn.close()
            response = http.Response()
            response.status = 500
            response.body = f"workhorse: {err}".encode()
            return response
        if response.is_complete and (response.header("connection") or "").lower() != "close" and len(self.idle) < 2:
            self.idle.append(conn)
        else:
            conn.close()
        return response

    def close(self):
        for conn in self.idle:
            conn.close()


class LanguageServer:
    """Direct connections (§1.5): token through Rails, then completions with a hard limit of 5 s and a breaker."""

    def __init__(self, port, rails, tls=None, limit_s=5.0):
        self.limit_s = limit_s
        self.port = port
        self.rails = rails
        self.tls = tls
        self.token = None
        self.expires_at = 0
        self.open_until = 0.0
        self.wait_s = 1.0

    def direct_access(self):
        """What Rails hands to the IDE: 201 and the document, or the error it would show."""
        response = self.rails.call("/v1/code/user_access_token", timeout=30)
        document = Rails.parsed(response)
        if response.status not in (200, 201) or not isinstance(document, dict) or not document.get("token"):
            given = document if isinstance(document, dict) else {}
            return response.status or 503, {"message": given.get("message"), "error_code": given.get("error_code"),
                                            "error": given.get("error")}
        headers = common_headers("", version=self.rails.version, code=True, **{
            "Authorization": None, "Content-Type": None, "X-Request-ID": None, "X-Gitlab-Rails-Send-Start": None})
        self.token, self.expires_at = document["token"], document["expires_at"]
        return 201, {"token": document["token"], "expires_at": document["expires_at"], "headers": headers}

    def complete(self, body):
        """A suggestion, None (nothing to suggest), or "fallback" when the direct way failed or rests."""
        if time.monotonic() < self.open_until:
            return "fallback"
        if not self.token or time.time() > self.expires_at - 40:
            status, document = self.direct_access()
            if status != 201:
                return self._trip()
            self.headers = document["headers"]
        headers = dict(self.headers)
        headers.update({"Authorization": f"Bearer {self.token}", "X-Gitlab-Language-Server-Version": "8.1.0",
                        "User-Agent": "gitlab-language-server:8.1.0 (VS Code:1.99.0)"})
        try:
            response = http.request(self.port, "POST", "/v2/completions", headers, body, tls=self.tls,
                                    timeout=self.limit_s)
            if response.status != 200 or not response.is_complete:
                return self._trip()
            if body.get("stream"):
                return response.text
            choices = response.json()["choices"]
        except (OSError, ValueError, KeyError, http.HttpError):
            return self._trip()
        self.wait_s = 1.0
        return choices[0]["text"] if choices else None

    def _trip(self):
        self.open_until = time.monotonic() + self.wait_s
        self.wait_s = min(self.wait_s * 5, 600)
        return "fallback"

    def preflight(self, path="/v2/completions", origin="https://gitlab.example.com"):
        return http.request(self.port, "OPTIONS", path, {
            "Origin": origin, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-gitlab-authentication-type"}, tls=self.tls)


class Admin:
    """The health checks of §3.1 to §3.4. Verdicts are shaped as GitLab's probe results."""

    def __init__(self, port, token="", tls=None, prefix="", version=VERSION):
        self.port = port
        self.tls = tls
        self.rails = Rails(port, token, tls=tls, prefix=prefix, version=version)
        self.prefix = prefix

    @staticmethod
    def _verdict(name, success, message, details=None):
        return {"name": name, "success": success, "message": message, "errors": [] if success else [message],
                "details": details or {}}

    def rake_reachable(self):
        """Step 4 of verify_self_hosted_setup: GET healthz without authorization, exactly 200, JSON with status."""
        try:
            response = http.request(self.port, "GET", self.prefix + "/monitoring/healthz",
                                    {"accept": "application/json"}, tls=self.tls, timeout=10)
        except (OSError, http.HttpError) as err:
            return self._verdict("gateway_reachable", False, f"not reachable: {err}")
        try:
            status = json.loads(response.body).get("status", "Unknown")
        except ValueError:
            status = response.text[:100]
        return self._verdict("gateway_reachable", response.status == 200, f"{response.status}, status {status}",
                             {"status": status, "content_type": response.header("content-type")})

    def host_probe(self, path="/"):
        """HEAD {base}: any HTTP answer passes, within 5 s."""
        start = time.monotonic()
        try:
            response = http.request(self.port, "HEAD", path, tls=self.tls, timeout=5)
        except (OSError, http.HttpError) as err:
            return self._verdict("host_probe", False, f"connection failed: {err}")
        return self._verdict("host_probe", True, "reachable", {"status": response.status,
                                                               "seconds": time.monotonic() - start})

    @staticmethod
    def end_to_end_body(endpoint, name="codestral", api_key="", identifier="custom_openai/codestral"):
        return {"prompt_version": 2,
                "current_file": {"file_name": "test.rb", "content_above_cursor": "def hello_world",
                                 "content_below_cursor": ""},
                "model_provider": "litellm", "prompt": None, "model_endpoint": endpoint, "model_name": name,
                "model_api_key": api_key, "model_identifier": identifier}

    def end_to_end_probe(self, body):
        """System exchange: 200 and a non-empty choices[0].text within 3 s."""
        start = time.monotonic()
        try:
            response = self.rails.call("/v2/code/completions", body, timeout=3)
        except (OSError, ReadTimeout, http.HttpError) as err:
            return self._verdict("end_to_end_probe", False, str(err))
        if response.status != 200:
            return self._verdict("end_to_end_probe", False,
                                 f"AI Gateway returned code {response.status}: {response.text}")
        choices = (self.rails.parsed(response) or {}).get("choices") or []
        text = choices[0].get("text") if choices else ""
        if not (text or "").strip():
            return self._verdict("end_to_end_probe", False, "no completion in the response")
        return self._verdict("end_to_end_probe", True, "ok", {"text": text, "seconds": time.monotonic() - start})

    def health_check(self, model):
        """Run health check (§3.2), every probe that any version sends to a gateway; the other probes are GitLab's own
        affair. The rake task's step is there, too."""
        body = self.end_to_end_body(model.endpoint, model.family, model.key, model.identifier)
        return [self.rake_reachable(), self.host_probe(self.prefix or "/"), self.end_to_end_probe(
            {name: value for name, value in body.items() if value or not name.startswith("model_")})]

    def model_check(self, metadata):
        """"Test connection" on the model form (§3.4)."""
        body = {"inputs": {}, "stream": False, "model_metadata": metadata}
        try:
            response = self.rails.call("/v1/prompts/model_configuration%2Fcheck", body, timeout=3)
        except (OSError, ReadTimeout, http.HttpError) as err:
            return self._verdict("model_check", False, str(err))
        if response.status == 200:
            return self._verdict("model_check", True, "success")
        try:
            detail = response.json().get("detail")
        except ValueError:
            detail = None
        if response.status == 421:
            return self._verdict("model_check", False, f"model server returned code {detail}")
        shown = detail[0].get("msg") if isinstance(detail, list) and detail else "unknown error" if detail else ""
        return self._verdict("model_check", False, f"AI Gateway returned code {response.status}: {shown}")
