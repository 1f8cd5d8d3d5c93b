"""The Debian package where a real systemd runs: a small Debian is booted in name spaces of its own, and the service is
started, upgraded and restarted in it."""
import os
import subprocess
import threading
import time

from contract._env import completion
from fakes.models import FakeModels, Reply
from fakes.net import Gate
from harness import http
from harness.runner import Failure, Skip, case, equal, fixture, truth

from ._containers import free_port
from ._debian import ENV, OURS, Debian

HIERARCHY = "/sys/fs/cgroup/systemd"  # systemd's own, where cgroups are of version 1
BOOT = """
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount -t sysfs sysfs "$0/sys"
mount -t tmpfs tmpfs "$0/run"
mount -t tmpfs -o mode=755 tmpfs "$0/sys/fs/cgroup"
mkdir "$0/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd cgroup "$0/sys/fs/cgroup/systemd"
mount --rbind /dev "$0/dev"
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$0" /lib/systemd/systemd --system \
    --log-target=null systemd.unit=basic.target
"""
# A user name space inside of these is what some machines refuse.
DROP_IN = "[Service]\nPrivateUsers=no\n"


class Booted(Debian):
    def __init__(self, ctx):
        if not os.path.isdir(HIERARCHY):
            raise Skip(f"needs root and {HIERARCHY}, to boot a systemd of its own")
        super().__init__(ctx)
        self.group = os.path.join(HIERARCHY, f"aigw-test-{os.getpid()}")
        self.models = FakeModels()
        self.port = free_port()
        self.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "systemd", "dbus", self.deb)
        self.write("/etc/systemd/system/aigw.service.d/test.conf", DROP_IN)
        self.write(OURS, f'server: {{ host = "127.0.0.1"; port = {self.port}; metrics_host = ""; }};\n')
        self.append(ENV, "AIGW_GITLAB_URL=\nAIGW_AUTH__BYPASS_EXTERNAL=true\n")
        os.makedirs(self.group, exist_ok=True)
        self.systemd = subprocess.Popen(
            ["unshare", "--cgroup", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-e",
             "-c", BOOT, self.root], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=self._enter_group)
        self._await_boot()

    def _enter_group(self):
        with open(os.path.join(self.group, "cgroup.procs"), "w", encoding="ascii") as out:
            out.write(str(os.getpid()))

    def _await_boot(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.systemd.poll() is None:
            try:
                if self.inside("systemctl", "is-system-running", good=None).strip() in ("running", "degraded"):
                    return
            except (OSError, ValueError, IndexError):
                pass  # there is no first process yet
            time.sleep(0.1)
        self.close()
        raise Skip("systemd does not boot here")

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "w", encoding="utf-8") as out:
            out.write(text)

    def inside(self, *args, good=True):
        """A command beside the booted systemd."""
        with open(f"/proc/{self.systemd.pid}/task/{self.systemd.pid}/children", encoding="ascii") as file:
            first = file.read().split()[0]
        done = subprocess.run(["nsenter", "-t", first, "--pid", "--mount", "--cgroup", f"--root=/proc/{first}/root",
                               "--wd=/", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", *args],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False, cwd="/")
        if good is not None and (done.returncode == 0) != good:
            raise Failure(f"`{' '.join(args)}` to {'work' if good else 'fail'}", done.stdout[-1500:])
        return done.stdout

    def state(self):
        """(main process, state, how often it was restarted)"""
        said = self.inside("systemctl", "show", "aigw", "-p", "MainPID,ActiveState,NRestarts")
        shown = dict(line.split("=", 1) for line in said.splitlines())
        return int(shown["MainPID"]), shown["ActiveState"], int(shown["NRestarts"])

    def open_stream(self):
        gate = Gate()
        script = self.models.script(Reply(pieces=("a", "b"), gate=gate))
        conn = http.Connection(self.port, timeout=60)
        conn.send(http.render("POST", "/v2/code/completions", {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
        return conn, gate

    def close(self):
        self.systemd.kill()  # and with it all that runs in its name space
        self.systemd.wait()
        self.models.close()
        self._leave_group()
        super().close()

    def _leave_group(self, limit=10):
        deadline = time.monotonic() + limit
        while os.path.isdir(self.group) and time.monotonic() < deadline:
            try:
                for folder, _, _ in os.walk(self.group, topdown=False):
                    os.rmdir(folder)
            except OSError:
                time.sleep(0.1)  # a process of it is not quite gone


@fixture("booted", serial=True)
def booted(ctx):
    return Booted(ctx)


@case("SYSTEMD-START", "booted")
def start(env):
    """The unit as it is shipped: started when `systemctl start` returns, reloaded, refused with the reason."""
    env.inside("systemctl", "restart", "aigw")
    pid, state, _ = env.state()
    truth(pid and state == "active", "a service that runs", (pid, state))
    equal(http.request(env.port, "GET", "/monitoring/ready").status, 200, "status as soon as it is started")
    env.inside("systemctl", "reload", "aigw")
    env.write("/etc/aigw/conf.d/95-bad.conf", "limits: { body_mx = 1; };\n")
    env.inside("systemctl", "reload", "aigw", good=False)
    os.unlink(env.root + "/etc/aigw/conf.d/95-bad.conf")
    equal(env.state()[0], pid, "the main process")


@case("OP-INS-04 SYSTEMD-UPGRADE", "booted")
def upgrade(env):
    """`dpkg -i` of another version, and of this one again: the new program is the service's main process, streams go on."""
    for deb in (env.newer, env.deb):
        pid, _, restarts = env.state()
        conn, gate = env.open_stream()
        env.inside("dpkg", "-i", deb)
        now, state, restarts_now = env.state()
        truth(now not in (0, pid), "another main process", (pid, now))
        equal((state, restarts_now), ("active", restarts), "state of the service")
        gate.set()
        response = conn.read_response()
        equal((response.text, response.is_complete), ("ab", True), "the stream")
        conn.close()
        deadline = time.monotonic() + 20
        while "No such file" not in env.inside("ls", "-d", f"/proc/{pid}", good=None):
            truth(time.monotonic() < deadline, "the old process to end", "one that runs")
            time.sleep(0.05)
        equal(env.state(), (now, "active", restarts), "the service when the old process has ended")


class Load:
    """A client that opens a connection for each request; what went wrong."""

    def __init__(self, port):
        self.port, self.count, self.bad = port, 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set() and len(self.bad) < 10:
            try:
                response = http.request(self.port, "GET", "/monitoring/healthz", {"Connection": "close"}, timeout=40)
                if response.status != 200:
                    self.bad.append(repr(response))
            except (OSError, http.HttpError) as err:
                self.bad.append(repr(err))
            self.count += 1

    def stop(self):
        self._stop.set()
        self._thread.join(60)


@case("SYSTEMD-SOCKET", "booted")
def socket_unit(env):
    """With aigw.socket who comes during a restart waits; a crash is a restart. An upgrade goes on from there.

    A process that took over is no child of systemd's while the one before runs. At a stop it is waited for by its cgroup,
    which systemd does not rely on in a container with cgroups of version 1: so no stop follows an upgrade here."""
    env.inside("systemctl", "restart", "aigw")
    env.inside("systemctl", "stop", "aigw")
    env.write("/etc/systemd/system/aigw.socket.d/test.conf",
              f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{env.port}\n")
    env.inside("systemctl", "daemon-reload")
    env.inside("systemctl", "enable", "--now", "aigw.socket")
    equal(env.state()[:2], (0, "inactive"), "the service before anybody comes")
    equal(http.request(env.port, "GET", "/monitoring/ready", timeout=30).status, 200, "status of the first request")
    load = Load(env.port)
    restart = ("systemctl", "restart", "aigw")
    for command in (restart, restart, ("aigw", "upgrade", "--socket", f"@aigw-{env.port}")):
        goal = load.count + 5
        env.inside(*command)
        while load.count < goal and not load.bad:
            time.sleep(0.01)
    load.stop()
    equal(load.bad, [], f"requests of {load.count} that went wrong")
    pid = env.state()[0]
    env.inside("systemctl", "kill", "--kill-who=main", "--signal=KILL", "aigw")
    equal(http.request(env.port, "GET", "/monitoring/ready", timeout=30).status, 200, "status after a crash")
    truth(env.state()[0] != pid, "another process", pid)


@case("SYSTEMD-PURGE", "booted")
def purge(env):
    env.inside("dpkg", "--purge", "aigw")
    for unit in ("aigw.service", "aigw.socket"):
        equal(env.inside("systemctl", "is-active", unit, good=None).strip(), "inactive", unit)
