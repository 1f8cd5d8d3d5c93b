"""The Debian package in a small Debian of its own: installed, started, upgraded, removed, purged, as an operator does it."""
import os
import re
import shutil
import subprocess
import time

from contract._env import completion
from fakes.models import FakeModels, Reply
from fakes.net import Gate
from harness import http
from harness.gateway import Successor, be_reaper
from harness.runner import case, equal, fixture, truth

from ._containers import free_port
from ._debian import ENV, OURS, SHIPPED, Debian

@fixture("package", serial=True)
def package(ctx):
    return Debian(ctx)


@case("PKG-INSTALL", "package")
def install(env):
    env.install(env.deb)
    truth("serves GitLab" in env.run("aigw", "version"), "the program", "something else")
    truth("0 errors" in env.run("aigw", "check"), "a configuration without mistakes", "others")
    equal(os.stat(env.root + ENV).st_mode & 0o777, 0o640, "mode of /etc/aigw/env, which may hold secrets")
    for path in ("/usr/share/bash-completion/completions/aigw", "/usr/share/doc/aigw/copyright", SHIPPED,
                 "/etc/aigw/conf.d/90-local.conf.example"):
        truth(env.there(path), path, "no such file")
    for unit in ("aigw.service", "aigw.socket"):
        truth(any(env.there(f"{folder}/systemd/system/{unit}") for folder in ("/lib", "/usr/lib")), unit, "none")
    files = env.run("dpkg", "-L", "aigw")
    truth("/man/man1/aigw.1" in files, "a manual page", files[-300:])
    truth("/usr/include" not in files, "no headers", files[-300:])


# What systemd's tools would do, for a package that is installed where none runs: they note what they were asked.
STUBS = {
    "systemctl": "exit 0\n",
    "systemd-run": "while [ \"$1\" != /usr/bin/aigw ]; do shift; done\n\"$@\"\n",
}


class WithSystemd:
    def __init__(self, env):
        self.env = env
        self.log = env.root + "/tmp/asked"

    def __enter__(self):
        os.makedirs(self.env.root + "/run/systemd/system", exist_ok=True)
        for name, text in STUBS.items():
            path = self.env.root + "/usr/sbin/" + name
            with open(path, "w", encoding="utf-8") as out:
                out.write(f'#!/bin/sh\necho "{name} $*" >>/tmp/asked\n' + text)
            os.chmod(path, 0o755)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.env.root + "/run/systemd")
        for name in STUBS:
            os.unlink(self.env.root + "/usr/sbin/" + name)

    def asked(self):
        with open(self.log, encoding="utf-8") as file:
            text = file.read()
        os.unlink(self.log)
        return text


class Service:
    """The gateway of the package, run as another user, with a model outside."""

    def __init__(self, env):
        be_reaper()
        self.env, self.port = env, free_port()
        self.models = FakeModels()
        env.append(OURS, f'server: {{ host = "127.0.0.1"; port = {self.port}; metrics_host = ""; }};\n')
        self.process = subprocess.Popen(
            env.command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "AIGW_GITLAB_URL=",
                        "AIGW_AUTH__BYPASS_EXTERNAL=true", "AIGW_CUSTOM_MODELS__ENABLED=true", "aigw", "serve"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while "ok" not in env.run("sh", "-c", "aigw health || true"):
            truth(time.monotonic() < deadline and self.process.poll() is None, "a healthy gateway", self.process.poll())

    def open_stream(self):
        gate = Gate()
        script = self.models.script(Reply(pieces=("a", "b"), gate=gate))
        conn = http.Connection(self.port, timeout=60)
        conn.send(http.render("POST", "/v2/code/completions", {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
        return conn, gate

    def listener(self):
        """The process that listens there, and whether its program is the file of that name."""
        said = subprocess.run(["ss", "-Hltnp", f"sport = :{self.port}"], capture_output=True, text=True, check=True).stdout
        pids = set(re.findall(r"pid=(\d+)", said))
        equal(len(pids), 1, f"processes that listen ({said})")
        pid = int(pids.pop())
        return pid, not os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")

    def follow(self, pid):
        """It took over: the one before it ends by itself."""
        before, self.process = self.process, Successor(pid)
        equal(before.wait(30), 0, "exit code of the process that was replaced")

    def close(self):
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None
        finally:
            self.models.close()


@case("S-45 PKG-START", "package")
def start_and_survive_an_upgrade(env):
    """The operator's files win over the shipped ones and stay; nothing is asked; what runs goes on."""
    env.append(ENV, "# mine\n")
    service = Service(env)
    try:
        env.install(env.newer)
        truth("// newer" in env.read(SHIPPED), "the shipped file to be new", env.read(SHIPPED)[-80:])
        truth("# mine" in env.read(ENV) and env.there(OURS), "the operator's files to stay", env.read(ENV))
        equal(http.request(service.port, "GET", "/monitoring/healthz").status, 200, "status of the one that runs")
    finally:
        code = service.close()
        env.run("rm", OURS)
    equal(code, 0, "exit code")


@case("OP-INS-04 PKG-UPGRADE", "package")
def streams_survive_an_upgrade(env):
    """Where systemd runs the new program takes over at once, roll-back included: a stream that is open is not cut. One
    that would not serve does not, and the package is installed all the same."""
    service = Service(env)
    try:
        with WithSystemd(env) as systemd:
            for deb in (env.newer, env.deb):
                conn, gate = service.open_stream()
                before, _ = service.listener()
                env.run("dpkg", "-i", deb)
                asked = systemd.asked()
                truth("EnvironmentFile=-/etc/aigw/env /usr/bin/aigw upgrade" in asked and "restart" not in asked,
                      "an upgrade instead of a restart", asked)
                now, is_fresh = service.listener()
                truth(now != before and is_fresh, "the program that was installed", (before, now, is_fresh))
                gate.set()
                response = conn.read_response()
                equal((response.text, response.is_complete), ("ab", True), "the stream")
                conn.close()
                service.follow(now)
            env.append("/etc/aigw/conf.d/95-log.conf", 'log: { file = "/none/x.log"; };\n')
            said = env.run("dpkg", "-i", env.newer)
            truth("/none/x.log" in said and "goes on running" in said, "the reason, and what happens now", said)
            equal(service.listener()[0], now, "the process that listens")
            equal(http.request(service.port, "GET", "/monitoring/healthz").status, 200, "status")
    finally:
        code = service.close()
        env.run("rm", "-f", "/etc/aigw/conf.d/95-log.conf", OURS)
    equal(code, 0, "exit code")


@case("PKG-BAD", "package")
def upgrade_with_a_mistake_in_the_configuration(env):
    env.append(OURS, "server: { prot = 1; };\n")
    said = env.run("dpkg", "-i", env.newer)
    truth("90-local.conf:1" in said and "goes on running" in said, "the mistake, and what happens now", said)
    equal(env.run("dpkg-query", "-W", "-f", "${Status}", "aigw"), "install ok installed", "state of the package")
    os.unlink(env.root + OURS)


@case("PKG-REMOVE", "package")
def remove_and_purge(env):
    env.append(OURS, "// mine\n")
    env.run("dpkg", "--remove", "aigw")
    truth(env.there(ENV) and env.there(OURS) and not env.there("/usr/bin/aigw"), "configuration without program", "else")
    env.run("dpkg", "--purge", "aigw")
    truth(env.there(OURS) and not env.there(ENV), "what is the operator's to stay, the package's to go", "else")
    os.unlink(env.root + OURS)
    env.install(env.deb)
    env.run("dpkg", "--purge", "aigw")
    left = [path for path in ("/etc/aigw", "/usr/share/aigw", "/usr/lib/aigw", "/usr/share/doc/aigw") if env.there(path)]
    equal(left, [], "what a purge leaves of an untouched installation")
