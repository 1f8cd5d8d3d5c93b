"""Signatures and credentials of AWS. botocore's own signer judges every request that reaches Bedrock or the Security
Token Service (which moto plays); instance metadata and the container's endpoint are small fakes of ours."""
import asyncio
import base64
import json
import os
import re
import threading
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

from fakes.net import Server
from harness.runner import Failure, case, equal, fixture, truth

from . import _child, _pypi
from ._canon import CanonEnv
from .fixtures import EVENTSTREAM, wire

KEY_ID, SECRET = "AKIDEXAMPLE7", "aws-canary-wJalrXUtnFEMI-K7MDENG+bPxRfi/CYEXAMPLEKEY"
TOKEN = "aws-canary-session-AQoDYXdzEJr1K/=="
MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
PROFILE = "arn:aws:bedrock:eu-west-3:123456789012:application-inference-profile/a1b2c3"
WHOLE = {"output": {"message": {"role": "assistant", "content": [{"text": "signed"}]}}, "stopReason": "end_turn",
         "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 1}}
STREAM = """event messageStart {"role":"assistant"}
event contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"signed"}}
event contentBlockStop {"contentBlockIndex":0}
event messageStop {"stopReason":"end_turn"}
event metadata {"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{"latencyMs":1}}
"""


def in_an_hour():
    return (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Aws:
    """Bedrock's runtime, the Security Token Service before moto, instance metadata and the container's endpoint."""

    def __init__(self, ctx, moto):
        self.ctx = ctx
        self.moto = moto
        self.lock = threading.Lock()
        self.seen = []
        self.keys = {KEY_ID: SECRET}  # whatever was handed out
        self.server = Server(self._handle)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.port}"

    def keys_for(self, name, token):
        """Temporary keys in the form of the metadata endpoints."""
        secret = self.ctx.secret(f"aws-canary-secret-of-{name}/+=")
        self.keys[name] = secret
        return {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "AccessKeyId": name,
                "SecretAccessKey": secret, "Token": self.ctx.secret(token), "Expiration": in_an_hour()}

    def take(self):
        with self.lock:
            taken, self.seen = self.seen, []
        return taken

    async def _handle(self, ex):
        request = ex.request
        with self.lock:
            self.seen.append(request)
        if request.path.startswith("/model/"):
            if request.path.endswith("-stream"):
                ex.reply(200, wire(EVENTSTREAM, STREAM), EVENTSTREAM)
            else:
                ex.reply(200, json.dumps(WHOLE))
        elif request.path == "/" and request.method == "POST":
            status, body = await asyncio.get_running_loop().run_in_executor(None, self._ask_moto, request)
            ex.reply(status, body, "text/xml")
        else:
            ex.reply(*self._metadata(request))

    def _ask_moto(self, request):
        headers = {name: value for name, value in request.headers if name.lower() in ("authorization", "x-amz-date",
                                                                                      "content-type")}
        asked = urllib.request.Request(self.moto + "/", request.body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                body = answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()
        made = dict(re.findall(r"<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]*)<", body))
        self.keys[made["AccessKeyId"]] = self.ctx.secret(made["SecretAccessKey"])
        self.ctx.secret(made["SessionToken"])
        return 200, body

    def _metadata(self, request):
        """(status, body) as the metadata service, version 2, and the container's endpoint answer."""
        if request.path == "/latest/api/token":
            lifetime = request.header("x-aws-ec2-metadata-token-ttl-seconds") or ""
            is_good = request.method == "PUT" and lifetime.isdigit()
            return (200, "imds-canary-token", "text/plain") if is_good else (400, "")
        if request.path == "/container":
            is_known = request.header("authorization") == "container-canary-authorization"
            return (200, json.dumps(self.keys_for("ASIACONTAINER", "aws-canary-container-token"))) if is_known else (401, "")
        if request.header("x-aws-ec2-metadata-token") != "imds-canary-token":
            return 401, ""
        roles = "/latest/meta-data/iam/security-credentials/"
        if request.path == roles:
            return 200, "the-role", "text/plain"
        if request.path == roles + "the-role":
            return 200, json.dumps(self.keys_for("ASIAINSTANCE", "aws-canary-instance-token"))
        return 404, ""


GROUPS = {
    "keys": f'access_key_id = "{KEY_ID}"; secret_access_key = "{SECRET}";',
    "session": f'access_key_id = "{KEY_ID}"; secret_access_key = "{SECRET}"; session_token = "{TOKEN}";',
    "role": f'access_key_id = "{KEY_ID}"; secret_access_key = "{SECRET}"; sts_endpoint = "%(url)s"; '
            'role_arn = "arn:aws:iam::123456789012:role/caller"; external_id = "external-canary-id";',
    "web": 'sts_endpoint = "%(url)s"; web_identity_token_file = "%(folder)s/token"; '
           'web_identity_role_arn = "arn:aws:iam::123456789012:role/web";',
    "files": 'home = "%(folder)s"; profile = "work";',
    "container": 'container_full_uri = "%(url)s/container"; container_token = "container-canary-authorization";',
    "instance": 'metadata_endpoint = "%(url)s";',
}


class AwsEnv(CanonEnv):
    def __init__(self, ctx):
        packages = os.pathsep.join([_pypi.installed(ctx, "sdks"), _pypi.installed(ctx, "moto")])
        self.child = _child.python("_aws_child.py", packages)
        self.aws = Aws(ctx, self.child.said["url"])
        for secret in (SECRET, TOKEN, "container-canary-authorization", "imds-canary-token", "web-canary-identity-token",
                       "external-canary-id"):
            ctx.secret(secret)
        folder = ctx.folder("aws")
        os.makedirs(os.path.join(folder, ".aws"))
        with open(os.path.join(folder, "token"), "w", encoding="utf-8") as out:
            out.write("web-canary-identity-token\n")
        with open(os.path.join(folder, ".aws", "credentials"), "w", encoding="utf-8") as out:
            out.write(f"[default]\naws_access_key_id = AKIDWRONG\naws_secret_access_key = wrong\n\n[work]\n"
                      f"aws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
        with open(os.path.join(folder, ".aws", "config"), "w", encoding="utf-8") as out:
            out.write("[profile work]\nregion = ap-southeast-2\n")
        where = {"url": self.aws.url, "folder": folder}
        groups = "".join(f'{name} = {{ plugin = "bedrock"; base_url = "{self.aws.url}"; '
                         + ("" if name == "files" else 'region = "eu-central-1"; ') + f"{text % where} }};\n"
                         for name, text in GROUPS.items())
        models = "".join(f'{name} = {{ retries = 0; targets = ( {{ provider = "{name}"; model = "{MODEL}"; }} ); }};\n'
                         for name in GROUPS)
        models += f'profile = {{ retries = 0; targets = ( {{ provider = "keys"; model = "{PROFILE}"; }} ); }};\n'
        super().__init__(ctx, "aws", f"providers: {{ {groups} }};\nmodels: {{ {models} }};")

    def judge(self, request, **wanted):
        """botocore's verdict on one request."""
        headers = dict(request.headers)
        key_id = re.search(r"Credential=([^/]+)/", request.header("authorization") or "Credential=none/")[1]
        said = self.child.call({"method": request.method, "url": self.aws.url + request.target, "headers": headers,
                                "body": base64.b64encode(request.body).decode(), "key_id": key_id,
                                "secret": self.aws.keys.get(key_id, ""), "token": request.header("x-amz-security-token"),
                                **wanted})
        if said["complaints"]:
            raise Failure(f"botocore to sign {request.method} {request.target} likewise", "; ".join(said["complaints"]))
        return key_id

    def ask_signed(self, model, stream=False, **wanted):
        """A chat whose request to Bedrock botocore would have signed likewise: (its key id, all requests)."""
        self.aws.take()
        events = self.ask(model, stream=stream, messages=[{"role": "user", "content": "naïve “question”"}])
        equal((events.text(), events.end), ("signed", "end"), repr(events))
        seen = self.aws.take()
        return self.judge(seen[-1], **{"service": "bedrock", "region": "eu-central-1", **wanted}), seen

    def close(self):
        super().close()
        self.aws.server.close()
        self.child.close()


@fixture("aws")
def aws(ctx):
    return AwsEnv(ctx)


@case("AWS-sign", "aws")
def signed(env):
    for stream in (False, True):
        equal(env.ask_signed("keys", stream, token=None)[0], KEY_ID, "key")


@case("AWS-sign-session", "aws")
def signed_with_a_session(env):
    equal(env.ask_signed("session", token=TOKEN)[0], KEY_ID, "key")


@case("AWS-sign-arn", "aws")
def an_arn_in_the_path(env):
    for stream in (False, True):
        _, seen = env.ask_signed("profile", stream, region="eu-west-3")
        truth("%2F" in seen[-1].target and "%3A" in seen[-1].target, "the ARN as one part of the path", seen[-1].target)


@case("AWS-profile-file", "aws")
def keys_of_a_profile(env):
    equal(env.ask_signed("files", region="ap-southeast-2")[0], KEY_ID, "key")


@case("AWS-role", "aws")
def a_role_is_assumed(env):
    key, seen = env.ask_signed("role")
    truth(key.startswith("ASIA"), "a temporary key", key)
    form = dict(part.split("=", 1) for part in seen[0].body.decode().split("&"))
    equal((form["Action"], form["ExternalId"]), ("AssumeRole", "external-canary-id"), "form")
    equal(env.judge(seen[0], service="sts", token=None), KEY_ID, "key of that request")
    equal(env.ask_signed("role")[0], key, "key of the next call")


@case("AWS-web-identity", "aws")
def web_identity(env):
    key, seen = env.ask_signed("web")
    truth(key.startswith("ASIA"), "a temporary key", key)
    form = dict(part.split("=", 1) for part in seen[0].body.decode().split("&"))
    equal((form["Action"], form["WebIdentityToken"]),
          ("AssumeRoleWithWebIdentity", "web-canary-identity-token"), "form")
    truth(seen[0].header("authorization") is None, "no signature where a token speaks", seen[0].headers)


@case("AWS-container", "aws")
def container(env):
    equal(env.ask_signed("container", token="aws-canary-container-token")[0], "ASIACONTAINER", "key")


@case("AWS-instance", "aws")
def instance(env):
    key, seen = env.ask_signed("instance", token="aws-canary-instance-token")
    equal(key, "ASIAINSTANCE", "key")
    equal([request.method for request in seen], ["PUT", "GET", "GET", "POST"], "methods")
    _, seen = env.ask_signed("instance")
    equal(len(seen), 1, "requests of the next call")


@case("AWS-judge", "aws")
def the_judge_sees_a_wrong_signature(env):
    _, seen = env.ask_signed("keys")
    request = seen[-1]
    request.body += b" "
    try:
        env.judge(request)
    except Failure as refusal:
        truth("botocore signs" in str(refusal), "botocore's other signature", str(refusal))
    else:
        raise Failure("a complaint about a body that was changed", "none")
