"""OP-REL rows: `aigw reload` and `aigw check --diff` over the control socket, files that are watched, and reloads with a
new plugin file each while a thousand streams run."""
import os
import shutil
import socket
import statistics
import subprocess
import time

from contract._env import Env, Reply, completion
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from . import _load

PATH = "/v2/code/completions"
SECRET = "sk-canary-reload-5d2c"


class ControlEnv(Env):
    """With a folder of plugins and one of prompts of its own, both beside the shipped ones."""

    def __init__(self, ctx, name, conf="", **settings):
        self.plugins = ctx.folder(name + "-plugins")
        os.makedirs(os.path.join(self.plugins, "providers"))
        os.makedirs(os.path.join(self.plugins, "features"))
        self.prompts = ctx.folder(name + "-prompts")
        self.secret_file = os.path.join(ctx.folder(name + "-secret"), "key")
        self.write(self.secret_file, SECRET)
        ctx.secret(SECRET)
        self.put_plugin(ctx)
        first = (f'prompts: {{ dirs = ( "{ctx.conf_dir}/prompts", "{self.prompts}" ); }};\n'
                 f'providers: {{ own = {{ plugin = "probe_provider"; }};\n'
                 f'  keyed = {{ plugin = "openai"; base_url = "http://127.0.0.1:1/v1"; api_key = "file:{self.secret_file}"; }};'
                 f' }};\nmodels: {{ own = {{ targets = ( {{ provider = "own"; model = "a"; weight = 1; }} ); }}; }};\n')
        super().__init__(ctx, bypass=True, name=name, conf=first + conf, env=settings,
                         args=("--plugin-dir", self.plugins))

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def put_plugin(self, ctx, extra=b""):
        """Renamed over, as plugins are replaced (D49); extra: bytes behind its end, which make it another file."""
        path = os.path.join(self.plugins, "providers", "probe_provider.so")
        shutil.copy(os.path.join(ctx.build_dir, "tests", "probe", "providers", "probe_provider.so"), path + ".new")
        with open(path + ".new", "ab") as out:
            out.write(extra)
        os.replace(path + ".new", path)

    def aigw(self, *words):
        """A command that asks this gateway."""
        command = [self.ctx.binary, *words, "--conf-dir", self.ctx.conf_dir, "--conf-dir", self.gw.conf_dir, "--socket",
                   f"@aigw-{self.gw.port}"]
        return subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60,
                              check=False)

    def successful(self):
        return self.gw.metric("aigw_config_last_reload_successful")


@fixture("control", patient=True, takes_s=10)
def control(ctx):
    """Streams are silent for as long as fifty reloads take."""
    return ControlEnv(ctx, "control", AIGW_UPSTREAM__IDLE_MS="600000")


def added(text):
    return lambda env: env.gw.write_conf(text, "95-change.conf")


def undo(env):
    path = os.path.join(env.gw.conf_dir, "95-change.conf")
    if os.path.exists(path):
        os.unlink(path)


# What somebody does → the one line that says it.
OWN = 'own = { targets = ( { provider = "own"; model = "a"; weight = 1; } )'
CHANGES = {
    "setting": (added("server: { drain_ms = 60000; };"), "server.drain_ms 30000 → 60000"),
    "bool": (added("log: { access = false; };"), "log.access true → false"),
    "list": (added('server: { trusted_proxies = ( "10.0.0.0/8" ); };'), "server.trusted_proxies (not set) → 10.0.0.0/8"),
    "restart": (added("limits: { header_max = 65536; };"), "limits.header_max 32768 → 65536 (at the next start)"),
    "weight": (added("models: { " + OWN.replace("weight = 1", "weight = 5") + "; }; };"),
               "models.own.targets[0].weight 1 → 5"),
    "member": (added("models: { " + OWN + "; deadline_ms = 9000; }; };"), "models.own.deadline_ms = 9000"),
    "element": (added("models: { " + OWN.replace(" )", ', { provider = "own"; model = "b"; } )') + "; }; };"),
                'models.own.targets[1] = { provider = "own", model = "b" }'),
    "new-model": (added('models: { more = { targets = ( { provider = "own"; model = "b"; } ); }; };'),
                  "models.more: new"),
    "new-provider": (added('providers: { two = { plugin = "probe_provider"; }; };'), "providers.two: new"),
    "new-key": (added('keys: { ci = { hash = ( "sha256:' + "0" * 64 + '" ); }; };'), "keys.ci: new"),
    "secret": (added('providers: { keyed = { plugin = "openai"; base_url = "http://127.0.0.1:1/v1"; '
                     'api_key = "sk-canary-other-77aa"; }; };'), "providers.keyed.api_key: another secret"),
    "secret-file": (lambda env: env.write(env.secret_file, "sk-canary-third-10fe"),
                    "providers.keyed: a file or a variable that it names has another value"),
    "plugin": (lambda env: env.put_plugin(env.ctx, b"\0"),
               lambda env: f"plugin {env.plugins}/providers/probe_provider.so: another file, probe_provider"),
    "nothing": (added("// a remark\n"), "nothing changes"),
}


def said(found):
    return [line for line in found.stdout.splitlines() if not line.startswith("warning: ")]


def change(name):
    @case(f"OP-REL-diff-{name}", "control")
    def row(env):
        """`check --diff` says it and changes nothing; `reload` does it and says it; then there is no difference."""
        make, line = CHANGES[name]
        wanted = line(env) if callable(line) else line
        env.ctx.secret("sk-canary-other-77aa")
        env.ctx.secret("sk-canary-third-10fe")
        make(env)
        try:
            for words, code, last in ((("check", "--diff"), 0, None), (("check", "--diff"), 0, None),
                                      (("reload",), 0, "reloaded")):
                found = env.aigw(*words)
                lines = said(found)
                equal((found.returncode, found.stderr), (code, ""), f"result of {words}")
                truth(len(lines) == (2 if last else 1) and lines[0].startswith(wanted), f"the line {wanted!r}", lines)
                truth("canary" not in found.stdout, "no secret in it", found.stdout)
                truth(last is None or lines[-1] == last, f"the last line {last!r}", lines)
            if name != "restart":  # the process goes on to say that this one waits
                equal(said(env.aigw("check", "--diff")), ["nothing changes"], "what is left to change")
        finally:
            undo(env)
            env.write(env.secret_file, SECRET)
            env.put_plugin(env.ctx)
            equal(env.aigw("reload").returncode, 0, "result of the way back")


for _name in CHANGES:
    change(_name)


@case("OP-REL-02", "control")
def refused(env):
    """A mistake: exit 1 with file and line, the running configuration stays, and the metric says so until it is mended."""
    script = env.models.script(Reply())
    added("limits: {\n body_mx = 1; };")(env)
    try:
        for words in (("check", "--diff"), ("reload",)):
            found = env.aigw(*words)
            truth(found.returncode == 1 and "95-change.conf:2: limits.body_mx" in found.stdout, f"a refusal of {words}",
                  found.stdout)
        truth(found.stdout.endswith("not reloaded: the running configuration stays\n"), "what became of it", found.stdout)
        equal(env.successful(), 0, "aigw_config_last_reload_successful")
        equal(env.post(PATH, completion(script)).status, 200, "status of a request")
    finally:
        undo(env)
    equal(env.aigw("reload").returncode, 0, "result without the mistake")
    equal(env.successful(), 1, "aigw_config_last_reload_successful")
    config = env.request("GET", "/monitoring/ready?verbose").json()["config"]
    truth(len(config["hash"]) == 12 and config["last_reload"] == "ok" and config["loaded_s_ago"] < 60, "its state", config)


@case("OP-REL-hash", "control")
def hashes(env):
    """The hash follows the configuration, back as well."""
    def now():
        equal(env.aigw("reload").returncode, 0, "result of a reload")
        return env.request("GET", "/monitoring/ready?verbose").json()["config"]["hash"]
    first = now()
    added("server: { drain_ms = 60000; };")(env)
    second = now()
    undo(env)
    truth(first != second and now() == first, "another hash meanwhile", (first, second))


@case("OP-REL-nobody", "control")
def nobody(env):
    found = subprocess.run([env.ctx.binary, "reload", "--socket", "@aigw-no-such"], env={"PATH": "/usr/bin:/bin"},
                           capture_output=True, text=True, timeout=20, check=False)
    truth(found.returncode == 1 and "no gateway answers at @aigw-no-such" in found.stderr, "a refusal", found.stderr)


@case("OP-REL-socket-garbage", "control")
def garbage(env):
    """Nonsense on the socket, or silence, keeps nobody else from asking."""
    address = "\0" + f"aigw-{env.gw.port}"
    silent = socket.socket(socket.AF_UNIX)
    silent.connect(address)
    for text in (b"\0\xff\n", b"x" * 5000, b"reload", b""):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(address)
            try:
                sock.sendall(text)
                sock.shutdown(socket.SHUT_WR)
                answer = sock.recv(100)
            except OSError:
                answer = b""
        truth(not answer.startswith(b"ok"), "no good answer", answer)
    equal(env.aigw("check", "--diff").returncode, 0, "result of a question")
    silent.close()


@case("OP-REL-socket-path", "control")
def socket_path(env):
    """A path instead, its owner's alone; one that is left over is taken."""
    folder = env.ctx.folder("control-path")
    path = os.path.join(folder, "aigw.sock")
    for _ in range(2):
        other = Env(env.ctx, bypass=True, name="control-path", env={"AIGW_SERVER__CONTROL_SOCKET": path})
        try:
            equal(os.stat(path).st_mode & 0o777, 0o600, "mode of the socket")
            found = subprocess.run([env.ctx.binary, "reload", "--socket", path], env={"PATH": "/usr/bin:/bin"},
                                   capture_output=True, text=True, timeout=30, check=False)
            equal((found.returncode, said(found)), (0, ["nothing changes", "reloaded"]), "result of a reload")
        finally:
            other.gw._expected_end = True  # as a machine that fails would end it
            other.gw.kill()
            other.close()
        truth(os.path.exists(path), "the socket to be left", "none")


@case("OP-REL-socket-file", "control")
def socket_is_a_file(env):
    """A path where something else lies, as by a slip: it stays what it is, and the gateway serves without a socket."""
    path = os.path.join(env.ctx.folder("control-file"), "precious.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("precious")
    other = Env(env.ctx, bypass=True, name="control-file", env={"AIGW_SERVER__CONTROL_SOCKET": path})
    try:
        line = other.gw.wait_line(lambda item: item["message"].startswith("control socket "), 1)
        truth(line and path in line["message"] and "a file that is no socket lies there" in line["message"],
              "a warning that names it", other.gw.raw)
        equal(other.request("GET", "/monitoring/healthz").status, 200, "status")
    finally:
        other.close()
    with open(path, encoding="ascii") as file:
        equal(file.read(), "precious", "the file")


# -- files that are watched --------------------------------------------------------------------------------------------

@fixture("watched", patient=True, takes_s=17)
def watched_env(ctx):
    return ControlEnv(ctx, "watched", AIGW_SERVER__WATCH_CONFIG="true")


@case("OP-REL-watch", "watched")
def watched(env):
    """server.watch_config: a change is taken up without a signal, a mistake is refused, its end is noticed."""
    def after(make, message):
        start = len(env.gw.lines)
        make(env)
        line = env.gw.wait_line(lambda item: message in str(item.get("message")), 30, start)
        truth(line is not None, f"the line {message!r}", env.gw.raw[start:])

    truth(env.gw.wait_line(lambda item: item.get("message") == "listening"), "the start", "none")
    script = env.models.script(*(Reply() for _ in range(4)))
    body = completion(script)
    body["padding"] = "x" * 60000
    after(added("limits: { body_max = 50000; };"), "configuration reloaded")
    equal(env.post(PATH, body).status, 413, "status with the new limit")
    after(added("limits: { body_mx = 50000; };"), "reload refused")
    after(undo, "configuration reloaded")
    equal(env.post(PATH, body).status, 200, "status without it")
    after(lambda e: e.put_plugin(e.ctx, b"\0\0"), "configuration reloaded")


@fixture("watching", patient=True, takes_s=10)
def watching_env(ctx):
    return ControlEnv(ctx, "watching")


@case("OP-REL-watch-later", "watching")
def watching(env):
    """Switched on by a reload: that is no change in itself, the next one is."""
    added("server: { watch_config = true; };")(env)
    reloaded = lambda item: item.get("message") == "configuration reloaded"  # noqa: E731
    equal(env.aigw("reload").returncode, 0, "the exit status of the reload that switches it on")
    truth(env.gw.wait_line(reloaded), "its line", env.gw.raw)
    start = len(env.gw.lines)
    env.gw.write_conf("limits: { body_max = 50000; };", "96-more.conf")
    truth(env.gw.wait_line(reloaded, 30, start) is not None, "a reload without a signal", env.gw.raw[start:])
    script = env.models.script(Reply())
    equal(env.post(PATH, {**completion(script), "padding": "x" * 60000}).status, 413, "status with the new limit")
    equal(len([line for line in env.gw.lines[start:] if reloaded(line)]), 1, "reloads")


# -- reloads with new plugin files under load --------------------------------------------------------------------------

STREAMS, RELOADS = 1000, 50  # without a sanitizer: with it a reload takes a second of CPU


def p99(env, script, count):
    times = []
    for _ in range(count):
        start = time.monotonic()
        equal(env.post(PATH, completion(script)).status, 200, "status of another request")
        times.append(time.monotonic() - start)
    return statistics.quantiles(times, n=100)[98]


@case("OP-REL-03 OP-REL-01", "control")
def plugins_replaced_under_streams(env):
    """A thousand streams, fifty reloads, each with another file of a plugin: none is cut, and the memory comes back."""
    count, reloads = (STREAMS // 4, 20) if env.ctx.is_sanitized else (STREAMS, RELOADS)
    gate = Gate()
    script = env.models.script(*(Reply(pieces=("a", "b"), gate=gate) for _ in range(count)))
    other = env.models.script(*(Reply() for _ in range(600)))
    data = http.render("POST", PATH, {"Connection": "close"}, completion(script, stream=True))
    future = _load.start_all(env.gw.port, [data] * count, timeout=600)
    truth(script.wait(lambda s: s.count == count, 60), f"{count} streams open", script.count)
    quiet = p99(env, other, 100)
    slowest, before = [], None
    try:
        for number in range(reloads):
            env.put_plugin(env.ctx, b"\0" * (number + 1))
            found = env.aigw("reload")
            equal(found.returncode, 0, f"result of reload {number} ({found.stdout}{found.stderr})")
            if number % 10 == 0:
                slowest.append(p99(env, other, 50))
            if number == 9:
                before = env.gw.rss_kib()
        grown = env.gw.rss_kib() - before
        env.ctx.note(f"{count} streams, {reloads} reloads: p99 of others {quiet * 1e3:.1f} ms before, "
                     f"{max(slowest) * 1e3:.1f} ms after; {grown} KiB more than after the tenth")
    finally:
        gate.set()
        answers = future.result(120)
    wrong = [a for a in answers if a.status != 200 or a.body != b"ab" or not a.is_complete]
    equal(len(wrong), 0, f"streams that were cut of {count} ({wrong[:1]})")
    truth(grown < 8192, "no configuration, and no plugin, to be kept for good", f"{grown} KiB in {reloads - 10} reloads")
