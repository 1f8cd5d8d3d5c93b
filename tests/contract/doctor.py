"""`aigw doctor`: the faults of operating-models.md §7, each brought about for real, each named with its remedy (OP-DOC-01); no
secret in what an operator's commands print (OP-DOC-03). Streams: doctor_stream.py; the machine: doctor_machine.py."""
import email.utils
import glob
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from fakes import gitlab as gl
from fakes import pki
from fakes.models import Reply
from fakes.net import Gate, Server
from harness import http
from harness.command import run
from harness.runner import Skip, add_case, case, equal, fixture, truth

from ._env import Env, completion

NOBODY = "http://127.0.0.1:1"        # nothing listens there
NOWHERE = "http://nowhere.invalid"  # no such name
KEY = "sk-canary-doctor-5c1e88"


class Place(Env):
    """A healthy gateway; each row breaks one thing, of the gateway or only of what doctor is told."""

    def __init__(self, ctx, **kwargs):
        super().__init__(ctx, name="doctor", **kwargs)
        ctx.secret(KEY)
        self.pem = pki.private_pem(self.signing_key)

    def settings(self, **changes):
        found = {"AIGW_GITLAB_URL": self.gitlab.url, "AIGW_GITLAB_API_URL": self.gitlab.url + "/api/v4/",
                 "AIGW_CUSTOMER_PORTAL_URL": "", "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": self.pem, "WEB_CONCURRENCY": "2",
                 "AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1",
                 "AIGW_FASTAPI__API_PORT": str(self.gw.port), "AIGW_FASTAPI__METRICS_PORT": str(self.gw.metrics_port)}
        found.update(changes)
        return found

    def doctor(self, *args, conf=None, env=None, folder=None, **more):
        """The report as JSON. more: for harness.command.run()."""
        folders = [self.ctx.conf_dir, folder or self.gw.conf_dir]
        if conf:
            folders.append(self.ctx.folder("doctor-conf"))
            with open(os.path.join(folders[-1], "90-doctor.conf"), "w", encoding="utf-8") as out:
                out.write(conf)
            old = time.time() - 3600  # what is only told to doctor is no change that the gateway missed
            os.utime(os.path.join(folders[-1], "90-doctor.conf"), (old, old))
        result = run(self.ctx, "doctor", "--json", *args, conf_dirs=folders, env=self.settings(**(env or {})), **more)
        truth(KEY not in result.out + result.err, "no key", result)
        equal(result.err, "", "standard error")
        report = json.loads(result.out)
        equal(result.status, {"ok": 0, "warn": 1, "fail": 2}[report["result"]], "exit status")
        return report


@fixture("doctor")
def doctor(ctx):
    return Place(ctx)


def model_conf(url, model="mock", key=KEY):
    return (f'providers: {{ here = {{ plugin = "openai"; base_url = "{url}"; api_key = "{key}"; }}; }};\n'
            f'models: {{ coder = {{ targets = ( {{ provider = "here"; model = "{model}"; }} ); }}; }};\n')


def named(report, fault, level, *texts, cause=None):
    """The finding with this fault; its words and its remedy hold the texts."""
    found = [item for item in report["checks"] if item.get("fault") == fault]
    truth(found, f"the fault {fault}", [item for item in report["checks"] if item["result"] != "ok" and "without TLS" not in item["found"]
                  and "clear text" not in item["found"] and item["check"] != "descriptors"] or report["checks"][-3:])
    item = next((i for i in found if i["result"] == level), None)
    truth(item, f"{fault} as {level}", found)
    for text in texts:
        truth(text in item["found"] + " | " + item["remedy"], text, item)
    if cause is not None:
        equal(item["cause"], cause, f"cause of {item}")
    return item


class Fault:
    """One row: what is broken, and what doctor says."""

    def __init__(self, number, name, fault, level, texts, conf=None, env=None, args=(), cause=None, act=None):
        self.id = f"OP-DOC-01-{number:02d}-{name}"
        self.fault, self.level, self.texts, self.cause = fault, level, texts, cause
        self.conf, self.env, self.args, self.act = conf, env, args, act

    def __call__(self, place):
        env = self.env(place) if callable(self.env) else self.env
        conf = self.conf(place) if callable(self.conf) else self.conf
        undo = self.act(place) if self.act else None
        try:
            report = place.doctor(*self.args, conf=conf, env=env)
        finally:
            if undo:
                undo()
        named(report, self.fault, self.level, *self.texts, cause=self.cause)


# -- GitLab ------------------------------------------------------------------------------------------------------------

class LateGitLab(gl.FakeGitLab):
    """One whose clock is ahead."""

    def _answer(self, ex, what):
        date = ("Date", email.utils.formatdate(time.time() + 95, usegmt=True))
        ex.reply(200, self._document(ex, what), headers=[date])


def other_gitlab(make):
    def env(place):
        gitlab = make(place)
        place.others.append(gitlab)
        return {"AIGW_GITLAB_URL": gitlab.url}
    return env


def behind(ca_of):
    """A GitLab with a certificate of that authority."""
    def make(place):
        return gl.FakeGitLab(tls=ca_of(place).server_context())
    return other_gitlab(make)


class StrictProxy:
    """Wants a password for everything."""

    def __init__(self):
        self.server = Server(self._handle)
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.close = self.server.close

    async def _handle(self, ex):
        ex.reply(407, "Proxy Authentication Required", headers=(("Proxy-Authenticate", "Basic realm=\"p\""),))


def through_a_strict_proxy(variable, gitlab):
    def env(place):
        proxy = StrictProxy()
        place.others.append(proxy)
        return {"AIGW_GITLAB_URL": gitlab, variable: proxy.url}
    return env


def middle(place):
    """An authority between the root and the server, whose certificate the server does not send."""
    root, sub = (pki.CA(place.ctx.folder("ca"), name) for name in ("Doctor Root", "Doctor Middle"))
    sub.cert = (x509.CertificateBuilder().subject_name(sub.name).issuer_name(root.name).public_key(sub.key.public_key())
                .serial_number(7).not_valid_before(root.cert.not_valid_before).not_valid_after(root.cert.not_valid_after)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .sign(root.key, hashes.SHA256()))
    place.root_file = root.file
    return sub


def chain_env(place):
    env = behind(middle)(place)
    return {**env, "AIGW_EXTRA_CA_FILE": place.root_file}


def refuse_a_token(place):
    response = place.post("/v2/code/completions", completion(), place.auth(place.token(aud=["another"])))
    equal(response.status, 401, "status")


def mismatch_a_header(place):
    response = place.post("/v2/code/completions", completion(), place.auth(X_Gitlab_Instance_Id="other"))
    equal(response.status, 401, "status")


def old_gitlab(place):
    script = place.models.script(Reply())
    response = place.post("/v2/code/completions", completion(script), place.auth(X_Gitlab_Version="16.11.0"))
    equal(response.status, 200, "status")


def refuse_a_right(place):
    response = place.post("/v2/code/completions", completion(), place.auth(place.token(scopes=["duo_chat"])))
    equal(response.status, 403, "status")


def key_in(form):
    """The signing key as DER, or encrypted."""
    def env(place):
        path = os.path.join(place.ctx.folder("keys"), "key")
        with open(path, "wb") as out:
            out.write(place.signing_key.private_bytes(*form))
        return {"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": "file:" + path}
    return env


DER = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
ENCRYPTED = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
             serialization.BestAvailableEncryption(b"password"))


def bad_key(_place):
    return {"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": "-----BEGIN PRIVATE KEY----- lost -----END PRIVATE KEY-----"}


def fault_of_gitlab(kind, value=None):
    def act(place):
        place.gitlab.faults.update(discovery=gl.Fault(kind, value), keys=gl.Fault(kind, value))
        return place.gitlab.faults.clear
    return act


# -- models ------------------------------------------------------------------------------------------------------------

WINDOW = Reply(body={"object": "list", "data": [{"id": "mock", "object": "model", "max_model_len": 4096}]})
LIST = Reply(body={"object": "list", "data": [{"id": "mock", "object": "model"}]})


def refusal(status, message):
    return Reply(status=status, body={"error": {"message": message, "type": "invalid_request_error", "code": None}})


def served(*replies, model="mock"):
    def conf(place):
        return model_conf(place.models.script(*replies).base, model)
    return conf


FEATURE = 'features: { code_suggestions = { plugin = "code_suggestions"; model = "coder"; }; };\n'
CONFIGURED = completion(drop=("model_provider", "model_name", "model_api_key", "model_identifier"))  # conf.d's model


def reloaded(place, text, name="91-model.conf", says="configuration reloaded"):
    """The running gateway reads this, too; how to take it away again."""
    def reload():
        mark = len(place.gw.lines)
        place.gw.signal(1)
        return mark

    place.gw.write_conf(text, name)
    old = time.time() - 3600
    os.utime(os.path.join(place.gw.conf_dir, name), (old, old))
    mark = reload()
    truth(place.gw.wait_line(lambda line: says in line.get("message", ""), start=mark), "a reload", place.gw.raw[-3:])

    def undo():
        os.remove(os.path.join(place.gw.conf_dir, name))
        mark = reload()
        truth(place.gw.wait_line(lambda line: line.get("message") == "configuration reloaded", start=mark), "a reload",
              place.gw.raw[-3:])
    return undo


def trip_the_circuit(place):
    undo = reloaded(place, model_conf(place.models.script(Reply(status=500)).base) + FEATURE)
    for _ in range(6):
        place.post("/v2/code/completions", CONFIGURED, place.auth())
    return undo


def fill_the_server(place):
    """Its one place is taken while doctor looks."""
    gate = Gate()
    script = place.models.script(Reply(gate=gate), Reply(), Reply())
    undo = reloaded(place, model_conf(script.base).replace("base_url", "max_parallel = 1; base_url") + FEATURE)
    connection = place.gw.connect()
    connection.send(http.render("POST", "/v2/code/completions", place.auth(), CONFIGURED))
    truth(script.wait(lambda s: s.seen), "the model to be asked", script.seen)

    def end():
        gate.set()
        equal(connection.read_response().status, 200, "the call that took the place")
        connection.close()
        undo()
    return end


def spend_a_quota(place):
    undo = reloaded(place, model_conf(place.models.script(Reply()).base) + FEATURE
                    + 'quotas: { doctors: { per = "instance"; requests = 1; window = "day"; }; };\n')
    statuses = [place.post("/v2/code/completions", CONFIGURED, place.auth()).status for _ in range(3)]
    equal(statuses, [200, 429, 429], "statuses")
    return undo


PRICES = 'prices: { table = ( { model = "another"; input = 1.0; output = 2.0; } ); };\n'


def serve_without_a_price(place):
    """A table of prices in which the model that a request brings along has no row."""
    undo = reloaded(place, PRICES)
    response = place.post("/v2/code/completions", completion(place.models.script(Reply())), place.auth())
    equal(response.status, 200, "status")
    return undo


def refuse_a_reload(place):
    return reloaded(place, "server: { prot = 1; };\n", says="reload refused")


# -- this machine ------------------------------------------------------------------------------------------------------

def taken_port(name):
    def env(place):
        place.listener = socket.create_server(("127.0.0.1", 0))
        place.others.append(place.listener)
        return {name: str(place.listener.getsockname()[1])}
    return env


def change_a_file(place):
    path = os.path.join(place.gw.conf_dir, "92-late.conf")
    with open(path, "w", encoding="utf-8") as out:
        out.write("// nothing\n")
    os.utime(path, (time.time() + 5, time.time() + 5))
    return lambda: os.remove(path)


FAULTS = [
    Fault(1, "no-gitlab", "issuer-unreachable", "fail", ("cannot reach GitLab: DNS, firewall or proxy (AIGW_GITLAB_URL)",
          NOWHERE), env={"AIGW_GITLAB_URL": NOWHERE}, cause=True),
    Fault(1, "gitlab-407", "issuer-unreachable", "fail", ("nowhere-407",), env={"AIGW_GITLAB_URL": "http://nowhere-407.invalid"}),
    Fault(1, "gitlab-500", "issuer-unreachable", "fail", ("status 500",), act=fault_of_gitlab("status", 500)),
    Fault(2, "foreign-tokens", "tokens-refused", "warn", ("aigw diagnose-token",), act=refuse_a_token),
    Fault(3, "clock", "clock", "fail", ("clocks differ by 9", "run NTP on both"),
          env=other_gitlab(lambda place: LateGitLab())),
    Fault(4, "private-ca", "certificate", "fail", ("put that CA into AIGW_EXTRA_CA_FILE", "Doctor CA"),
          env=behind(lambda place: pki.CA(place.ctx.folder("ca"), "Doctor CA")), cause=True),
    Fault(5, "short-chain", "chain", "fail", ("the server must send its chain", "Doctor Middle"), env=chain_env),
    Fault(6, "bad-signing-key", "signing-key", "fail", ("openssl genrsa",), env=bad_key),
    Fault(6, "encrypted-key", "key-encrypted", "fail", ("the key is encrypted", "openssl rsa -in"), env=key_in(ENCRYPTED)),
    Fault(6, "der-key", "key-der", "fail", ("the key is DER", "openssl rsa -inform DER"), env=key_in(DER)),
    Fault(7, "no-signing-key", "no-signing-key", "warn", ("AIGW_SELF_SIGNED_JWT__SIGNING_KEY", "all replicas"),
          env={"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": None}),
    Fault(8, "replica-keys", "replica-keys", "fail", ("replicas sign with different keys",),
          env=lambda _: {"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": pki.private_pem(pki.rsa_key("another-replica"))}),
    Fault(10, "instance-id", "instance-id", "warn", ("restored or cloned",), act=mismatch_a_header),
    Fault(11, "no-seat", "scope", "warn", ("the user has no seat, or the subscription is stale", "lack complete_code"),
          act=refuse_a_right),
    Fault(12, "no-v1", "model-path", "fail", ("the endpoint lacks /v1",), conf=served(Reply(status=404, body={"detail": "Not Found"}))),
    Fault(12, "unknown-model", "model-name", "fail", ("does not exist",), conf=served(Reply(status=404), refusal(
        404, "The model `mock` does not exist."))),
    Fault(12, "model-name", "model-name", "fail", ("served names are: mock", "typo-22b"),
          conf=served(LIST, model="typo-22b")),
    Fault(13, "chat-template", "chat-template", "fail", ("--chat-template",), conf=served(LIST, refusal(
        400, "As of transformers v4.44, default chat template is no longer allowed"))),
    Fault(14, "tools", "tool-calls", "warn", ("--enable-auto-tool-choice",), conf=served(LIST, Reply(), refusal(
        400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'))),
    Fault(15, "window", "context-window", "fail", ("max_context_tokens",), conf=served(LIST, refusal(
        400, "This model's maximum context length is 8 tokens. However, you requested 29 tokens"))),
    Fault(15, "family", "context-window", "warn", ("is 4096 tokens, max_context_tokens here says 8192",
          "set max_context_tokens"), conf=lambda place: model_conf(place.models.script(WINDOW, WINDOW, Reply(), Reply()).base)
          .replace("targets", "max_context_tokens = 8192; targets")),
    Fault(16, "localhost", "localhost", "fail", ("in a container localhost is the container",),
          conf=model_conf("http://localhost:1/v1"), env={"container": "podman"}),
    Fault(17, "metrics-port", "metrics-port-taken", "fail", ("set AIGW_FASTAPI__METRICS_PORT",),
          env=taken_port("AIGW_FASTAPI__METRICS_PORT")),
    Fault(17, "port", "port-taken", "fail", ("taken by another process",), env=taken_port("AIGW_FASTAPI__API_PORT")),
    Fault(18, "localhost", "outbound-filter", "warn", ("Admin > Settings > Network > Outbound requests", "localhost is"),
          args=("--url", "http://localhost:5052")),
    Fault(18, "private", "outbound-filter", "warn", ("GitLab refuses to call localhost and private addresses",),
          args=("--url", "https://10.20.30.40/gateway")),
    Fault(19, "no-portal", "portal-unreachable", "warn", ("set AIGW_CUSTOMER_PORTAL_URL=",),
          env={"AIGW_CUSTOMER_PORTAL_URL": NOBODY}),
    Fault(23, "proxy-variable", "no-proxy", "warn", ("add it to NO_PROXY", "models.internal"),
          conf=model_conf("http://models.internal:8000/v1"),
          env={"HTTP_PROXY": NOBODY, "NO_PROXY": "127.0.0.1"}),
    Fault(24, "captive-gitlab", "captive-proxy", "fail", ("a captive proxy",), act=fault_of_gitlab("html")),
    Fault(24, "captive-407", "captive-proxy", "fail", ("a captive proxy",), env=through_a_strict_proxy("HTTP_PROXY", NOWHERE)),
    Fault(24, "captive-407-tunnel", "captive-proxy", "fail", ("a captive proxy",),
          env=through_a_strict_proxy("HTTPS_PROXY", "https://nowhere.invalid")),
    Fault(24, "captive-model", "captive-proxy", "fail", ("a captive proxy",), conf=served(
        Reply(body="<!doctype html><html><title>Sign in</title></html>", content_type="text/html"))),
    Fault(26, "model-key", "model-key", "fail", ("the key of provider here is refused",),
          conf=served(refusal(401, f"Incorrect API key provided: {KEY}"))),
    Fault(27, "model-limit", "model-limit", "fail", ("the vendor's own limit",),
          conf=served(LIST, refusal(429, "Rate limit reached for requests"))),
    Fault(28, "slow", "model-slow", "warn", ("for its first word",), conf=served(LIST, Reply(head_delay=5.3), Reply())),
    Fault(0, "model-down", "model-unreachable", "fail", ("is its server up",), conf=model_conf(NOWHERE + "/v1")),
    Fault(29, "resting", "target-rests", "fail", ("rests",), act=trip_the_circuit),
    Fault(30, "full", "provider-full", "warn", ("all 1 of provider here (model coder) are taken", "raise max_parallel"),
          act=fill_the_server),
    Fault(31, "quota", "quota", "warn", ("quota doctors refused 2 calls", "per instance, 1 requests a day",
          "begins and ends in UTC"), act=spend_a_quota),
    Fault(33, "environment-wins", "environment-wins", "warn", ("AIGW_FASTAPI__API_PORT in the environment wins",),
          conf="server: { port = 5999; };\n"),
    Fault(33, "not-reloaded", "not-reloaded", "warn", ("92-late.conf", "SIGHUP"), act=change_a_file),
    Fault(32, "no-price", "unpriced", "warn", ("no price for", "add a row for it to prices.table"), act=serve_without_a_price),
    Fault(33, "refused", "reload-refused", "fail", ("correct what `aigw reload` or `aigw check` names",), act=refuse_a_reload),
    Fault(39, "mounts", "needless-mount", "warn", ("nothing to do: no path is written", "HF_HOME"),
          env={"HF_HOME": "/home/aigateway/.hf"}),
    Fault(40, "old-gitlab", "gitlab-version", "warn", ("GitLab 16.11", "17.6 to 18.x"), act=old_gitlab),
    Fault(0, "no-issuer", "no-issuer", "warn", ("set AIGW_GITLAB_URL to your GitLab",), env={"AIGW_GITLAB_URL": ""}),
    Fault(0, "bypass", "bypass", "warn", ("unset the AIGW_AUTH__BYPASS_ variable",),
          env={"AIGW_AUTH__BYPASS_EXTERNAL": "true"}),
    Fault(0, "not-running", "not-running", "warn", ("start it",), env={"AIGW_FASTAPI__API_PORT": "1"}),
    Fault(0, "model-fails", "model-fails", "fail", ("the words are those of the model's server",),
          conf=served(LIST, refusal(400, "no such thing"))),
    Fault(0, "bad-conf", "configuration", "fail", ("server.prot: unknown, did you mean port?", "aigw check"),
          conf="server: { prot = 1; };\n", cause=True),
]


class Faults(Place):
    def __init__(self, ctx):
        self.others = []
        super().__init__(ctx)

    def close(self):
        for other in self.others:
            other.close()
        super().close()


@fixture("doctor-faults", takes_s=20)
def faults(ctx):
    return Faults(ctx)


for _fault in FAULTS:
    add_case(_fault.id, "doctor-faults", _fault, __name__)


@case("OP-DOC-01-09-well", "doctor")
def well(env):
    """Nothing is wrong: nothing is said to be, and each part was looked at."""
    script = env.models.script(LIST, Reply(), Reply())
    report = env.doctor(conf=model_conf(script.base))
    wrong = [item for item in report["checks"] if item["result"] != "ok" and item["check"] not in ("descriptors", "memory",
                                                                                                "cpu")]
    plain = [item for item in wrong if "without TLS" not in item["found"] and "in clear text" not in item["found"]]
    equal(plain, [], "findings of a healthy gateway")
    groups = {item["group"] for item in report["checks"]}
    truth({"configuration", "limits", "tokens", "gateway", "models"} <= groups, "every group", groups)
    equal([seen.path.rsplit("/v1")[-1] for seen in script.seen], ["/models", "/chat/completions", "/chat/completions"])


@case("OP-DOC-01-35-plugin", "doctor")
def plugin(env):
    """A file that is no plugin; one cause for all that follows."""
    folder = env.ctx.folder("plugins")
    shutil.copytree(env.ctx.plugin_dir, folder, dirs_exist_ok=True)
    with open(os.path.join(folder, "providers", "broken.so"), "wb") as out:
        out.write(b"\x7fELF nonsense")
    result = subprocess.run([env.ctx.binary, "doctor", "--json", "--conf-dir", env.ctx.conf_dir, "--plugin-dir", folder],
                            env={"PATH": "/usr/bin:/bin", **env.settings()}, capture_output=True, text=True, timeout=60,
                            check=False)
    named(json.loads(result.stdout), "plugin-not-loaded", "fail", "broken.so", cause=True)


@case("OP-DOC-01-36-descriptors", "doctor")
def descriptors(env):
    result = subprocess.run([env.ctx.binary, "doctor", "--json", "--conf-dir", env.ctx.conf_dir, "--plugin-dir",
                             env.ctx.plugin_dir], env={"PATH": "/usr/bin:/bin", **env.settings()}, capture_output=True,
                            text=True, timeout=60, check=False,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)))
    named(json.loads(result.stdout), "descriptors", "fail", "only 512 open files", "LimitNOFILE")


@case("OP-DOC-01-cause", "doctor")
def cause(env):
    """The first failure that explains others is the cause, and the only one."""
    report = env.doctor(conf=model_conf(NOBODY + "/v1"), env={"AIGW_GITLAB_URL": NOBODY, "AIGW_FASTAPI__API_PORT": "1"})
    marked = [item for item in report["checks"] if item.get("cause")]
    equal(len(marked), 1, "causes")


@case("OP-DOC-01-text", "doctor")
def text_form(env):
    """One line per check: ok, warn, or FAIL with the remedy."""
    result = run(env.ctx, "doctor", env=env.settings(AIGW_GITLAB_URL=NOWHERE))
    equal(result.status, 2)
    lines = result.out.splitlines()
    truth(all(line[:4] in ("ok  ", "warn", "FAIL") for line in lines[:-1]), "one line per check", result)
    failed = [line for line in lines if line.startswith("FAIL")]
    truth(failed and "(cause)" in failed[0] and "; remedy: cannot reach GitLab" in failed[0], "cause and remedy", failed)
    equal(run(env.ctx, "doctor", "--no-such", env=env.settings()).status, 2, "wrong usage")


@case("OP-DOC-01-model", "doctor")
def one_model(env):
    script = env.models.script(LIST, Reply(), Reply())
    conf = (f'providers: {{ here = {{ plugin = "openai"; base_url = "{script.base}"; }}; '
            f'down = {{ plugin = "openai"; base_url = "{NOBODY}/v1"; }}; }};\n'
            'models: { coder = { targets = ( { provider = "here"; model = "mock"; } ); }; '
            'other = { targets = ( { provider = "down"; model = "mock"; } ); }; };\n')
    report = env.doctor("--model", "coder", conf=conf)
    equal([item["check"] for item in report["checks"] if item["group"] == "models"], ["model coder"])
    named(env.doctor("--model", "codr", conf=conf), "configuration", "fail", "no model of conf.d is called codr")


@case("OP-INS-05", "doctor")
def all_models_down(env):
    """An outage of the models restarts nobody and takes nobody out of the balancer; ?verbose says who rests."""
    undo = trip_the_circuit(env)
    try:
        equal([env.request("GET", "/monitoring/" + path).status for path in ("healthz", "ready")], [200, 200], "alive and ready")
        verbose = env.request("GET", "/monitoring/ready?verbose")
        equal((verbose.status, [target["circuit"] for target in verbose.json()["models"]["coder"]]), (200, ["open"]), "who rests")
    finally:
        undo()


@case("OP-DOC-01-00-draining", "doctor")
def draining(env):
    """It was told to go and waits for its balancers."""
    other = Place(env.ctx, env={"AIGW_SERVER__DRAIN_WAIT_MS": "60000"})
    try:
        other.gw.signal(15)
        truth(other.gw.wait_line(lambda line: line["message"].startswith("stopping in")), "the wait", other.gw.raw[-3:])
        named(other.doctor(), "not-ready", "fail", "draining", "its log says more")
    finally:
        other.gw.signal(15)
        other.close()


@case("OP-DOC-01-every", "doctor")
def every_fault_has_its_row(env):
    """The faults of operating-models.md §7 by number, and each fault that doctor can name by its id."""
    here = os.path.dirname(os.path.abspath(__file__))
    rows = ""
    for path in glob.glob(os.path.join(here, "doctor*.py")):
        with open(path, encoding="utf-8") as file:
            rows += file.read()
    with open(os.path.join(env.ctx.source_dir, "core", "cli", "doctor", "faults.c"), encoding="utf-8") as file:
        ids = re.findall(r"\[FAULT_\w+\] = \{ \"([a-z0-9-]+)\"", re.sub(r"\s+", " ", file.read()))
    truth(len(ids) > 50, "more than fifty faults", len(ids))
    equal([ident for ident in ids if f'"{ident}"' not in rows], [], "faults without a row")
    numbers = {int(number) for number in re.findall(r"OP-DOC-01-(\d\d)-", rows)} | {
        int(number) for number in re.findall(r"Fault\((\d+), ", rows)} | {20, 21}  # those two are OP-DOC-02
    equal(sorted(set(range(1, 41)) - numbers), [], "faults of the list without a row")


# -- no secrets --------------------------------------------------------------------------------------------------------

@case("OP-DOC-03", "doctor")
def canaries(env):
    """A secret in every setting that takes one: none in doctor, check, config, plugins, troubleshoot."""
    text = run(env.ctx, "config", conf_dirs=()).out
    secrets, groups, plugin_name, number = [], [], None, 0
    folder = env.ctx.folder("canaries")
    for line in text.splitlines():
        if line.startswith("## provider `"):
            plugin_name = line.split("`")[1]
            groups.append((plugin_name, []))
        elif line.startswith("## feature"):
            plugin_name = None
        elif plugin_name and "secret |" in line:
            number += 1
            secrets.append(f"canary-secret-{number}-9f41")
            groups[-1][1].append(f'{line.split("`")[1]} = "{secrets[-1]}";')
    lines = "".join(f'    c{i} = {{ plugin = "{name}"; {" ".join(values)} }};\n' for i, (name, values) in
                    enumerate(groups) if values)
    with open(os.path.join(folder, "10-all.conf"), "w", encoding="utf-8") as out:
        out.write(f'providers: {{\n{lines}}};\nmodels: {{ coder = {{ targets = ( {{ provider = "c0"; model = "x"; }} ); }}; }};\n'
                  'auth: { signing_key = "canary-secret-key-77"; validation_key = "canary-secret-key-78"; };\n'
                  'upstream: { key_password = "canary-secret-key-79"; };\n')
    secrets += [f"canary-secret-key-{n}" for n in (77, 78, 79)] + ["canary-header-80"]
    for secret in secrets:
        env.ctx.secret(secret)
    truth(len(secrets) > 10, "more than ten secrets", secrets)
    settings = env.settings(AIGW_SELF_SIGNED_JWT__SIGNING_KEY=None,
                            AIGW_CUSTOM_MODELS__EXTRA_HEADERS='{"x-key": "canary-header-80"}',
                            AIGW_CUSTOM_MODELS__ENABLED="true")
    for command in (("doctor",), ("doctor", "--json"), ("check",), ("config",), ("plugins",), ("troubleshoot",)):
        has_conf = command[0] in ("doctor", "check", "troubleshoot")
        result = run(env.ctx, *command, env=settings, conf_dirs=(folder,) if has_conf else (),
                     plugins=command[0] != "troubleshoot")
        for secret in secrets:
            truth(secret not in result.out + result.err, f"no {secret} in {command}", result)
