"""How the provider vertex comes by Google's OAuth tokens, through the whole gateway: google-auth judges what a service
account's key signed, and what AWS's keys did; token server, token exchange and metadata are small fakes of ours."""
import hashlib
import json
import os
import subprocess
import threading
import urllib.parse
from datetime import datetime, timedelta, timezone

from contract._env import Env
from fakes import pki
from fakes.net import Server
from harness.runner import case, equal, fixture, truth

from . import _child, _pypi
from ._canon import CanonEnv
from ._recipes import Recipe

ACCOUNT = "gateway@acme-1.iam.gserviceaccount.com"
METADATA = "/computeMetadata/v1/"
AWS_METADATA = "/latest/meta-data/"
AWS_KEYS = {"id": "AKIACANARYGOOGLE", "secret": "aws-canary/google+secret"}
SAYS = {"candidates": [{"content": {"role": "model", "parts": [{"text": "let in"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
        "modelVersion": "gemini-2.5-flash", "responseId": "r1"}
CLAUDE_SAYS = ({"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "claude-sonnet-4-5", "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "let in"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"})


class Google:
    """Vertex AI for those who have a token that was handed out here."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.lock = threading.Lock()
        self.seen = []
        self.tokens = set()
        self.server = Server(self._handle)

    @property
    def host(self):
        return f"127.0.0.1:{self.server.port}"

    @property
    def url(self):
        return "http://" + self.host

    def take(self):
        with self.lock:
            taken, self.seen = self.seen, []
        return taken

    def _token(self, kind):
        token = self.ctx.secret(f"ya29.canary-{kind}-{len(self.tokens)}")
        self.tokens.add(token)
        return token

    async def _handle(self, ex):
        request = ex.request
        with self.lock:
            self.seen.append(request)
        if request.path.startswith("/v1/projects/"):
            is_known = (request.header("authorization") or "").removeprefix("Bearer ") in self.tokens
            if not is_known:
                ex.reply(401, json.dumps({"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}}))
            elif "/anthropic/" in request.path:
                events = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in CLAUDE_SAYS)
                ex.reply(200, "".join(events), "text/event-stream")
            elif "stream" in request.path:
                ex.reply(200, f"data: {json.dumps(SAYS)}\r\n\r\n", "text/event-stream")
            else:
                ex.reply(200, json.dumps(SAYS))
        elif request.path.startswith(METADATA):
            ex.reply(*self._metadata(request))
        elif request.path.startswith("/latest/"):
            ex.reply(*self._aws_metadata(request))
        elif request.path == "/impersonate":
            later = datetime.now(timezone.utc) + timedelta(hours=1)
            ex.reply(200, json.dumps({"accessToken": self._token("other"),
                                      "expireTime": later.strftime("%Y-%m-%dT%H:%M:%SZ")}))
        else:
            ex.reply(200, json.dumps({"access_token": self._token(request.path[1:]), "expires_in": 3599,
                                      "token_type": "Bearer",
                                      "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}))

    def _metadata(self, request):
        if request.header("metadata-flavor") != "Google":
            return 403, ""
        flavor = [("Metadata-Flavor", "Google")]
        if request.path == METADATA + "project/project-id":
            return 200, "acme-1", "application/text", flavor
        if request.path == METADATA + "instance/service-accounts/default/token":
            token = {"access_token": self._token("metadata"), "expires_in": 3599, "token_type": "Bearer"}
            return 200, json.dumps(token), "application/json", flavor
        return 404, "", "text/plain", flavor

    def _aws_metadata(self, request):
        """As an instance of AWS's, version 2."""
        if request.method == "PUT" and request.path == "/latest/api/token":
            return 200, "imds-canary-google", "text/plain"
        if request.header("x-aws-ec2-metadata-token") != "imds-canary-google":
            return 401, ""
        if request.path == AWS_METADATA + "placement/availability-zone":
            return 200, "eu-west-3c", "text/plain"
        if request.path == AWS_METADATA + "iam/security-credentials/":
            return 200, "the-role", "text/plain"
        later = datetime.now(timezone.utc) + timedelta(hours=1)
        return 200, json.dumps({"Code": "Success", "AccessKeyId": "ASIAGOOGLE", "SecretAccessKey": AWS_KEYS["secret"],
                                "Token": "aws-canary-google-session", "Expiration": later.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def close(self):
        self.server.close()


class GoogleEnv(CanonEnv):
    def __init__(self, ctx):
        self.child = _child.python("_google_child.py", _pypi.installed(ctx, "sdks"), greets=False)
        self.google = Google(ctx)
        self.key = pki.rsa_key("google-service-account")
        self.folder = ctx.folder("google")
        pem = pki.private_pem(self.key)
        for secret in (pem.splitlines()[3], "1//canary-refresh", "canary-client-secret", "canary-subject-token",
                       AWS_KEYS["secret"], "aws-canary-google-session", "imds-canary-google"):
            ctx.secret(secret)
        with open(os.path.join(self.folder, "subject"), "w", encoding="utf-8") as out:
            out.write("canary-subject-token")
        groups = {"metadata": f'project = "acme-1"; metadata_host = "{self.google.host}";'}
        for name, file in self.files(pem).items():
            path = os.path.join(self.folder, name + ".json")
            with open(path, "w", encoding="utf-8") as out:
                json.dump(file, out)
            groups[name] = f'project = "acme-1"; credentials_file = "{path}";'
        groups["aws"] += f'aws_region = "eu-central-1"; aws_access_key_id = "{AWS_KEYS["id"]}"; ' \
                         f'aws_secret_access_key = "{AWS_KEYS["secret"]}";'
        providers = "".join(f'{name} = {{ plugin = "vertex"; location = "europe-west1"; base_url = "{self.google.url}"; '
                            f'{text} }};\n' for name, text in groups.items())
        models = "".join(f'{name} = {{ retries = 0; targets = ( {{ provider = "{name}"; model = "gemini-2.5-flash"; }} ); '
                         '};\n' for name in groups)
        super().__init__(ctx, "google", f"providers: {{ {providers} }};\nmodels: {{ {models} }};")

    def files(self, pem):
        account = {"type": "service_account", "project_id": "acme-1", "private_key_id": "k1", "private_key": pem,
                   "client_email": ACCOUNT, "token_uri": self.google.url + "/signed"}
        user = {"type": "authorized_user", "client_id": "c.apps", "client_secret": "canary-client-secret",
                "refresh_token": "1//canary-refresh", "token_uri": self.google.url + "/refreshed"}
        federated = {"type": "external_account", "audience": "//iam.example/providers/p",
                     "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                     "token_url": self.google.url + "/exchanged",
                     "credential_source": {"file": os.path.join(self.folder, "subject")}}
        aws = {**federated, "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request", "credential_source": {
            "environment_id": "aws1", "region_url": self.google.url + AWS_METADATA + "placement/availability-zone",
            "url": self.google.url + AWS_METADATA + "iam/security-credentials",
            "imdsv2_session_token_url": self.google.url + "/latest/api/token",
            "regional_cred_verification_url":
                "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}}
        return {"account": account, "aws": aws, "aws_instance": aws, "user": user, "federated": federated,
                "federated_account": {**federated, "service_account_impersonation_url": self.google.url + "/impersonate"}}

    def ask_with(self, model):
        """Requests of a chat, whole and streamed, that was let in: those for the token, and the first of the chat."""
        self.google.take()
        for stream in (False, True):
            events = self.ask(model, stream=stream)
            equal((events.text(), events.end), ("let in", "end"), repr(events))
        seen = self.google.take()
        chats = [request for request in seen if request.path.startswith("/v1/projects/acme-1/locations/europe-west1/"
                                                                        "publishers/google/models/gemini-2.5-flash:")]
        equal(len(chats), 2, "chats")
        return [request for request in seen if request not in chats]

    def close(self):
        super().close()
        self.google.close()
        self.child.close()


@fixture("google")
def google(ctx):
    return GoogleEnv(ctx)


def form(request):
    return {name: values[0] for name, values in urllib.parse.parse_qs(request.body.decode()).items()}


@case("GOOGLE-service-account", "google")
def a_service_account(env):
    asked, = env.ask_with("account")
    equal(form(asked)["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer", "grant type")
    order = {"assertion": form(asked)["assertion"], "key": pki.public_pem(env.key),
             "audience": env.google.url + "/signed"}
    told = env.child.call(order)
    truth("claims" in told, "google-auth to accept the signature", told)
    equal((told["claims"]["iss"], "cloud-platform" in told["claims"]["scope"]), (ACCOUNT, True), str(told["claims"]))
    head, claims, signature = order["assertion"].split(".")
    turned = ("B" if signature[0] == "A" else "A") + signature[1:]
    told = env.child.call({**order, "assertion": f"{head}.{claims}.{turned}"})
    truth("complaint" in told, "a complaint about a signature that was changed", told)


@case("GOOGLE-user", "google")
def a_refresh_token(env):
    asked, = env.ask_with("user")
    equal(form(asked), {"grant_type": "refresh_token", "client_id": "c.apps", "client_secret": "canary-client-secret",
                        "refresh_token": "1//canary-refresh"}, "form")


@case("GOOGLE-federated", "google")
def workload_identity(env):
    asked, = env.ask_with("federated")
    equal((form(asked)["subject_token"], form(asked)["audience"]), ("canary-subject-token", "//iam.example/providers/p"),
          "form")
    asked, other = env.ask_with("federated_account")
    equal((asked.path, other.path), ("/exchanged", "/impersonate"), "paths")
    first = other.header("authorization") or ""
    truth(first.startswith("Bearer ya29.canary-exchanged"), "the first token", other.headers)


@case("GOOGLE-metadata", "google")
def the_metadata_server(env):
    asked, = env.ask_with("metadata")
    equal(asked.header("metadata-flavor"), "Google", "header")


def told_of_aws(env, asked, **keys):
    told = env.child.call({"subject": form(asked)["subject_token"], "audience": form(asked)["audience"], **keys})
    equal(told, {"complaints": []}, "what google-auth says")


@case("GOOGLE-aws-keys", "google")
def federated_with_keys_of_aws(env):
    asked, = env.ask_with("aws")
    equal(form(asked)["subject_token_type"], "urn:ietf:params:aws:token-type:aws4_request", "form")
    told_of_aws(env, asked, region="eu-central-1", token=None, **AWS_KEYS)


@case("GOOGLE-aws-instance", "google")
def federated_with_an_instance_of_aws(env):
    *others, asked = env.ask_with("aws_instance")
    equal([(request.method, request.path) for request in others],
          [("PUT", "/latest/api/token"), ("GET", AWS_METADATA + "placement/availability-zone"),
           ("PUT", "/latest/api/token"), ("GET", AWS_METADATA + "iam/security-credentials/"),
           ("GET", AWS_METADATA + "iam/security-credentials/the-role")], "requests")
    told_of_aws(env, asked, region="eu-west-3", id="ASIAGOOGLE", secret=AWS_KEYS["secret"],
                token="aws-canary-google-session")


@fixture("google-no-file")
def google_no_file(ctx):
    return CanonEnv(ctx, "google-no-file", 'models: { g = { retries = 0; targets = ( { provider = "vertex"; '
                    'model = "gemini-2.5-flash"; } ); }; };', env={"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/adc.json"})


@case("GOOGLE-no-file", "google-no-file")
def a_file_that_is_not_there(env):
    """The variable belongs to all programs: the gateway starts, and only calls to Google fail."""
    events = env.ask("g")
    truth("there is no identity to show to Google" in repr(events), "the reason", repr(events))
    line = env.gw.wait_line(lambda item: "/nowhere/adc.json" in item.get("cause", ""), 10)
    truth(line is not None, "a line of the log that says why", env.gw.raw[-3:])


@case("GOOGLE-no-file-check", "google-no-file")
def the_check_warns(env):
    command = [env.ctx.binary, "check", "--conf-dir", env.ctx.conf_dir, "--plugin-dir", env.ctx.plugin_dir]
    for variable, errors in (("GOOGLE_APPLICATION_CREDENTIALS", 0), (None, 1)):
        conf = []
        if not variable:  # by conf.d it is a mistake
            folder = env.ctx.folder("google-named")
            with open(os.path.join(folder, "90.conf"), "w", encoding="utf-8") as out:
                out.write('providers: { vertex: { plugin = "vertex"; credentials_file = "/nowhere/adc.json"; }; };')
            conf = ["--conf-dir", folder]
        told = subprocess.run([*command, *conf], env={"PATH": "/usr/bin:/bin", **({variable: "/nowhere/adc.json"} if variable
                              else {})}, capture_output=True, text=True, timeout=60)
        line, = [line for line in told.stdout.splitlines() if "/nowhere/adc.json" in line]
        equal(line.startswith("warning: "), errors == 0, line)
        truth("No such file or directory" in line and ("unset" in line) == (errors == 0), "the remedy", line)
        equal(told.returncode == 0, errors == 0, told.stdout)


KEY = "aigw-client00-canary-google-key"


class ClaudeEnv(Env):
    """Anthropic's own client at the gateway's Anthropic API, Claude on Vertex AI behind it."""

    def __init__(self, ctx):
        self.clients = _child.python("_api_calls.py", _pypi.installed(ctx, "sdks"), greets=False)
        self.google = Google(ctx)
        ctx.secret(KEY)
        super().__init__(ctx, name="google-claude", conf=f"""
            keys: {{ client: {{ hash = ( "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}" ); }}; }};
            providers: {{ google = {{ plugin = "vertex"; project = "acme-1"; location = "europe-west1";
                                      base_url = "{self.google.url}"; metadata_host = "{self.google.host}"; }}; }};
            models: {{ claude: {{ targets = ( {{ provider = "google"; model = "claude-sonnet-4-5-20250929"; }} ); }}; }};
            features: {{ anthropic_api: {{ plugin = "anthropic_api"; }}; }};""")

    def close(self):
        super().close()
        self.google.close()
        self.clients.close()


@fixture("google-claude", takes_s=5)
def google_claude(ctx):
    return ClaudeEnv(ctx)


@case("GOOGLE-claude-passed", "google-claude")
def claude_is_passed_through(env):
    recipe = Recipe(env.ctx, "The vendors' SDKs for Python", f"http://127.0.0.1:{env.gw.port}", KEY, "claude").code["python"]
    told = env.clients.call({"client": "anthropic", "call": "stream", "recipe": recipe, "key": KEY, "model": "claude"})
    equal((told["text"], told["stop"], told["tokens"]), ("let in", "end_turn", [3, 2]), told)
    asked = env.google.take()[-1]
    equal(asked.path, "/v1/projects/acme-1/locations/europe-west1/publishers/anthropic/models/claude-sonnet-4-5@20250929"
          ":streamRawPredict", "path")
    body = json.loads(asked.body)
    equal((body.pop("anthropic_version"), "model" in body, body["stream"]), ("vertex-2023-10-16", False, True), body)
    truth((env.gw.metric("inference_output_tokens_total") or 0) >= 2, "tokens counted", env.gw.metrics()[-500:])
