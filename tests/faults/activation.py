"""Listening sockets that come with the process, as systemd hands them over (LISTEN_FDS), and what systemd is told."""
import os
import shutil
import socket
import subprocess
import time

from contract._env import Reply, completion
from harness import http
from harness.gateway import Gateway, StartError
from harness.runner import Skip, case, equal, fixture, truth

from ._upgrade import PATH, Newcomers, UpgradeEnv, ends_well



class Systemd:
    """What systemd does: it keeps the sockets, and starts the service with them as often as it has to."""

    def __init__(self, ctx, names=("aigw.socket",), kinds=("tcp",)):
        self.ctx = ctx
        self.sockets = []
        for kind in kinds:
            if kind == "unix":
                sock = socket.socket(socket.AF_UNIX)
                sock.bind("")
            else:
                sock = socket.socket()
                sock.bind(("127.0.0.1", 0))
            if kind != "silent":
                sock.listen(256)
            self.sockets.append(sock)
        self.names = names
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notes.bind("")  # an abstract name of the kernel's choice
        self.notes.settimeout(10)
        self.notify = "@" + self.notes.getsockname()[1:].decode()

    def port(self, number=0):
        return self.sockets[number].getsockname()[1]

    def program(self):
        """The gateway's program, started as systemd starts it."""
        for sock in self.sockets:
            sock.set_inheritable(True)
        path = os.path.join(self.ctx.folder("activated"), "aigw")
        # Over a high number each: they may lie where others are to be.
        moves = " ".join(f"{60 + number}<&{sock.fileno()}" for number, sock in enumerate(self.sockets))
        places = " ".join(f"{3 + number}<&{60 + number} {60 + number}<&-" for number in range(len(self.sockets)))
        with open(path, "w", encoding="utf-8") as out:
            out.write("#!/bin/bash\nexec " + moves + "\nexec " + places + "\n"
                      f"LISTEN_PID=$$ LISTEN_FDS={len(self.sockets)} LISTEN_FDNAMES={':'.join(self.names)} "
                      f"exec '{self.ctx.binary}' \"$@\"\n")
        os.chmod(path, 0o755)
        return path

    def start(self, workers=3, **settings):
        self.notes.setblocking(False)
        try:
            while self.notes.recv(200):
                pass  # of a service before
        except BlockingIOError:
            self.notes.settimeout(10)
        return ActivatedEnv(self, workers, settings)

    def told(self):
        return self.notes.recv(200).decode()

    def close(self):
        for sock in (*self.sockets, self.notes):
            sock.close()


class ActivatedEnv(UpgradeEnv):
    def __init__(self, systemd, workers, settings):
        import copy
        ctx = copy.copy(systemd.ctx)
        ctx.binary = systemd.program()
        super().__init__(ctx, "activated", workers=workers, settings={"NOTIFY_SOCKET": systemd.notify, **settings},
                         pass_fds=[sock.fileno() for sock in systemd.sockets])
        self.ctx = systemd.ctx


@fixture("activation", patient=True)
def activation(ctx):
    return Systemd(ctx)


@case("ACT-WORKERS", "activation")
def shared_by_workers(systemd):
    """One socket, three workers (unit.http_listeners: they take turns); settings say nothing about the place."""
    env = systemd.start(AIGW_FASTAPI__API_HOST="192.0.2.1", AIGW_FASTAPI__API_PORT="1")
    try:
        equal(env.gw.port, systemd.port(), "port")
        truth(any("came with the process" in line for line in env.gw.raw), "a line about it", env.gw.raw)
        equal(systemd.told(), "READY=1", "what systemd is told")
        conns = [env.gw.connect(timeout=20) for _ in range(90)]
        for conn in conns:
            conn.send(http.render("POST", PATH, {}, completion(env.models.script(Reply()))))
            equal(conn.read_response().status, 200, "status")
        for conn in conns:
            conn.close()
        equal(env.gw.terminate(), 0, "exit code")
        equal(systemd.told(), "STOPPING=1", "what systemd is told")
    finally:
        env.close()


@case("ACT-RESTART", "activation")
def restarted(systemd):
    """Who comes while nobody serves waits for the next start; the queue outlives the process."""
    env = systemd.start()
    try:
        equal(env.gw.terminate(), 0, "exit code")
        waiting = [http.Connection(systemd.port(), timeout=30) for _ in range(50)]
        for conn in waiting:
            conn.send(http.render("GET", "/monitoring/healthz"))
    finally:
        env.close()
    env = systemd.start(workers=1)
    try:
        equal([conn.read_response().status for conn in waiting], [200] * 50, "statuses of those who waited")
    finally:
        for conn in waiting:
            conn.close()
        env.close()


@case("ACT-UPGRADE", "activation")
def upgraded(systemd):
    """systemd's socket goes on to the next process, which systemd is told is the main one; it comes back at a restart."""
    env = systemd.start()
    try:
        equal(systemd.told(), "READY=1", "what systemd is told")
        come = Newcomers(env)
        before = env.upgrade()
        equal(systemd.told(), f"MAINPID={env.gw.process.pid}", "what systemd is told")
        ends_well(before)
        env.set_workers(1)
        ends_well(env.upgrade())
        systemd.told()
        come.wait_for(100)
        come.stop()
        equal(come.bad[:2], [], f"{len(come.bad)} of {come.count} connections that went wrong;")
        equal(env.gw.terminate(), 0, "exit code")
    finally:
        env.close()
    env = systemd.start()
    env.close()


@case("ACT-METRICS", "activation")
def metrics_too(systemd):
    """A socket named metrics is the metrics listener's, also after an upgrade; two others both serve the API."""
    other = Systemd(systemd.ctx, names=("a.socket", "metrics", "b.socket"), kinds=("tcp", "tcp", "tcp"))
    env = other.start(AIGW_FASTAPI__METRICS_PORT="1")
    try:
        for _ in range(2):
            for number in (0, 2):
                equal(http.request(other.port(number), "GET", "/monitoring/healthz").status, 200, f"status at {number}")
            truth("aigw_open_requests" in http.request(other.port(1), "GET", "/metrics").text, "metrics", "none")
            ends_well(env.upgrade())
    finally:
        env.close()
        other.close()


STRANGE = {"unix": "another kind", "silent": "Accept=no"}


def strange(kind):
    @case(f"ACT-REFUSED-{kind}", "activation")
    def row(systemd):
        other = Systemd(systemd.ctx, kinds=(kind,))
        try:
            env = other.start()
            env.close()
            truth(False, "no start", "a gateway that serves")
        except StartError as err:
            truth(STRANGE[kind] in str(err) and 'descriptor 3 ("aigw.socket")' in str(err),
                  "the descriptor and what it is", str(err))
        finally:
            other.close()


for _kind in STRANGE:
    strange(_kind)


@case("ACT-FOREIGN", "activation")
def of_another_process(systemd):
    """LISTEN_FDS that are meant for another process, or nonsense of an upgrade, say nothing to this one."""
    for settings in ({"LISTEN_PID": "1", "LISTEN_FDS": "7"}, {"LISTEN_FDS": "3"},
                     {"AIGW_UPGRADE_OF": "1 1", "LISTEN_FDS": "5", "LISTEN_FDNAMES": "api:ready"},
                     {"AIGW_UPGRADE_OF": "x", "LISTEN_FDS": "x"}):
        gw = Gateway(systemd.ctx, {"AIGW_GITLAB_URL": "", **settings}, name="foreign")
        try:
            equal(gw.request("GET", "/monitoring/healthz").status, 200, f"status with {settings}")
        finally:
            gw.close()


@case("ACT-TOOL", "activation")
def systemds_own_tool(systemd):
    """systemd-socket-activate hands a socket over as systemd does."""
    tool = shutil.which("systemd-socket-activate")
    if not tool:
        raise Skip("needs systemd-socket-activate, Debian: systemd")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ctx = systemd.ctx
    environment = [f"-E{name}={value}" for name, value in (
        ("AIGW_GITLAB_URL", ""), ("AIGW_CUSTOMER_PORTAL_URL", ""), ("AIGW_FASTAPI__METRICS_HOST", ""),
        ("WEB_CONCURRENCY", "2"))]
    process = subprocess.Popen([tool, "-l", f"127.0.0.1:{port}", *environment, ctx.binary, "serve", "--conf-dir",
                                ctx.conf_dir, "--plugin-dir", ctx.plugin_dir], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:  # the first connection starts it
            try:
                equal(http.request(port, "GET", "/monitoring/healthz", timeout=20).status, 200, "status")
                break
            except OSError:
                truth(time.monotonic() < deadline, "the tool to listen", "nobody")
                time.sleep(0.02)
    finally:
        process.terminate()
    equal(process.wait(20), 0, "exit code")
