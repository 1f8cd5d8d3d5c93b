"""Faults of the machine under `aigw doctor`, brought about in a control group or a mount name space of their own: limits of
memory and CPU, files that are mounts, a root that is read-only, name servers, an IPv6 that is announced but dead. Need root."""
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import threading

from harness.cgroup import Cgroup
from harness.runner import Skip, case, equal, fixture, truth

from .doctor import LIST, Place, model_conf, named
from ._env import Reply

SLOW_S = 1.4


class Machine(Place):
    def __init__(self, ctx):
        super().__init__(ctx)
        self.open = []

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def within(self, commands):
        """What runs doctor after these commands, whose mounts nobody else sees."""
        if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            raise Skip("mount name spaces are not allowed here")
        return ("unshare", "--mount", "--propagation", "private", "sh", "-ec", commands + '\nexec "$@"', "sh")

    def file(self, name, text):
        path = os.path.join(self.ctx.folder("machine"), name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        os.chmod(path, 0o644)
        return path

    def close(self):
        for thing in reversed(self.open):
            thing.close()
        super().close()


@fixture("doctor-machine", takes_s=5)
def machine(ctx):
    return Machine(ctx)


# -- limits ------------------------------------------------------------------------------------------------------------

@case("OP-DOC-01-37-memory", "doctor-machine")
def memory(env):
    """A limit that the settings do not fit into; the defaults do."""
    if env.ctx.is_sanitized:
        raise Skip("the sanitizer's own memory is many times that")
    group = env.keep(Cgroup(memory=64 << 20))
    for name, value, words in (("CONNECTIONS_MAX", "20000", "limits.connections_max is 20000"),
                               ("REQUEST_MEMORY_MAX", "33554432", "one request may take 32 MiB")):
        report = env.doctor(env={f"AIGW_LIMITS__{name}": value}, cgroup=group)
        named(report, "memory", "warn", "the limit is 64 MiB", words, "raise the memory limit")
    found = [item for item in env.doctor(cgroup=group)["checks"] if item["check"] == "memory"]
    equal([item["result"] for item in found], ["ok"], f"memory as it comes ({found})")


@case("OP-DOC-01-38-cpu", "doctor-machine")
def cpu(env):
    report = env.doctor(cgroup=env.keep(Cgroup(cpus=0.5)))
    named(report, "cpu-quota", "warn", "2 workers, but the quota is 0.5 CPUs", "set WEB_CONCURRENCY")
    found = [item for item in env.doctor(env={"WEB_CONCURRENCY": None}, cgroup=env.keep(Cgroup(cpus=1)))["checks"]
             if item["check"] == "cpu"]
    equal([(item["result"], item["found"]) for item in found], [("ok", "1 workers")], "workers by the quota")


# -- mounts ------------------------------------------------------------------------------------------------------------

@case("OP-DOC-01-34-subpath", "doctor-machine")
def subpath(env):
    """A file of a ConfigMap mounted by itself over a folder of conf.d."""
    source = env.file("from-configmap.conf", "// nothing\n")
    target = os.path.join(env.gw.conf_dir, "95-mounted.conf")
    shutil.copy2(source, target)
    os.utime(target, (0, 0))
    os.utime(source, (0, 0))
    try:
        report = env.doctor(before=env.within(f"mount --bind {source} {target}"))
    finally:
        os.remove(target)
    named(report, "subpath-mount", "warn", "95-mounted.conf is a mount of its own", "subPath never updates")


@case("OP-DOC-01-39-read-only", "doctor-machine")
def read_only_root(env):
    """Nothing to do, and it says so."""
    report = env.doctor(before=env.within("mount -o remount,ro,bind /"))
    found = [item for item in report["checks"] if item["check"] == "places"]
    equal([item["result"] for item in found], ["ok"], report["checks"])
    truth("no path is written" in found[0]["found"], "the words", found)


@case("OP-DOC-01-35-denied", "doctor-machine")
def plugin_denied(env):
    """A plugin whose file may not be read, as under SELinux or AppArmor; root would be let in by modes alone."""
    folder = env.ctx.folder("denied")
    shutil.copytree(env.ctx.plugin_dir, folder, dirs_exist_ok=True)
    path = os.path.join(folder, "providers", "openai.so")
    os.chmod(path, 0)
    os.chmod(folder, 0o755)
    for place in (folder, env.ctx.binary, env.ctx.conf_dir):
        while place != "/":
            place = os.path.dirname(place)
            if not os.stat(place).st_mode & stat.S_IXOTH:
                raise Skip(f"{place} is not open to another user")
    done = subprocess.run([env.ctx.binary, "doctor", "--json", "--conf-dir", env.ctx.conf_dir, "--plugin-dir", folder],
                          env={"PATH": "/usr/bin:/bin", **env.settings()}, capture_output=True, text=True, timeout=60,
                          check=False, user=65534, group=65534)
    truth(done.stdout, "a report", done)
    named(json.loads(done.stdout), "plugin-denied", "fail", "openai.so", "SELinux or AppArmor?")


# -- names -------------------------------------------------------------------------------------------------------------

class SlowNames:
    """A name server at 127.0.0.99 that knows every name as 127.0.0.1, after a while."""

    address = "127.0.0.99"

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.sock.bind((self.address, 53))
        except OSError as err:
            self.sock.close()
            raise Skip(f"no name server can be had at {self.address}: {err}") from err
        self.ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, client = self.sock.recvfrom(512)
            except OSError:
                return
            threading.Thread(target=self._answer, args=(query, client), daemon=True).start()

    def _answer(self, query, client):
        self.ended.wait(SLOW_S)
        end = 12
        while query[end]:
            end += query[end] + 1
        question = query[12:end + 5]
        is_v4 = struct.unpack(">H", query[end + 1:end + 3])[0] == 1
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\x00\x00\x01" if is_v4 else b""
        try:
            self.sock.sendto(query[:2] + struct.pack(">HHHHH", 0x8180, 1, int(is_v4), 0, 0) + question + answer, client)
        except OSError:
            pass

    def close(self):
        self.ended.set()
        self.sock.close()


@case("OP-DOC-01-25-slow-names", "doctor-machine")
def slow_names(env):
    env.keep(SlowNames())
    resolv = env.file("resolv.conf", f"nameserver {SlowNames.address}\noptions timeout:10 attempts:1\n")
    url = env.models.script(LIST, Reply(), Reply()).base.replace("127.0.0.1", "slow.models.test")
    report = env.doctor(conf=model_conf(url), before=env.within(f"mount --bind {resolv} /etc/resolv.conf"))
    named(report, "slow-names", "warn", "to resolve slow.models.test, the host of here", "/etc/resolv.conf")


@case("OP-DOC-01-25-dead-ipv6", "doctor-machine")
def dead_ipv6(env):
    """A name with two addresses; nobody listens at that of IPv6. Calls are served all the same: doctor is the one who tells."""
    hosts = env.file("hosts", "127.0.0.1 localhost both.models.test\n::1 both.models.test\n")
    before = env.within(f"mount --bind {hosts} /etc/hosts")
    url = env.models.script(LIST, Reply(), Reply()).base.replace("127.0.0.1", "both.models.test")
    report = env.doctor(conf=model_conf(url), before=before)
    named(report, "ipv6-dead", "warn", "both.models.test) has the IPv6 address ::1", "IPv6 is announced but dead")
