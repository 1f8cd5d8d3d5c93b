"""A gateway that is upgraded: its generations, and what asks it meanwhile."""
import os
import re
import subprocess
import threading
import time

from contract._env import Env, completion
from fakes.net import Gate
from fakes.models import Reply
from harness import http
from harness.gateway import be_reaper
from harness.runner import equal, truth

from . import _load

PATH = "/v2/code/completions"


class UpgradeEnv(Env):
    """workers: a number in conf.d, so that the next program may have another. first: conf.d's text instead."""

    def __init__(self, ctx, name, workers=2, drain_ms=30000, settings=None, bypass=True, first=None, **kwargs):
        be_reaper()
        self.drain_ms = drain_ms
        self.former = []
        super().__init__(ctx, bypass=bypass, name=name, conf=first or self.workers_conf(workers),
                         env={"WEB_CONCURRENCY": None, **(settings or {})}, **kwargs)

    def workers_conf(self, workers):
        return f"server: {{ workers = {workers}; drain_ms = {self.drain_ms}; }};\n"

    def set_workers(self, workers):
        self.gw.write_conf(self.workers_conf(workers))

    def aigw(self, *words, timeout=90, socket=None):
        return subprocess.run([self.ctx.binary, *words, "--socket", socket or f"@aigw-{self.gw.port}"],
                              env={"PATH": "/usr/bin:/bin"}, cwd=self.gw.folder, capture_output=True, text=True,
                              timeout=timeout, check=False)

    def upgrade(self, *options, **kwargs):
        """It has to work. The process that was replaced."""
        found = self.aigw("upgrade", *options, **kwargs)
        truth(found.returncode == 0 and found.stdout.endswith("upgraded\n"), "an upgrade", found.stdout + found.stderr)
        pid = int(re.search(r"process (\d+) serves now", found.stdout).group(1))
        before = self.gw.adopt(pid)
        self.former.append(before)
        return before

    def refused(self, *options, code=1):
        """The words of an upgrade that must not work; the same process goes on and serves."""
        found = self.aigw("upgrade", *options)
        equal((found.returncode, found.stderr), (code, ""), f"result of the upgrade ({found.stdout})")
        truth(found.stdout.endswith("not upgraded: the running gateway goes on as before\n"), "what became of it",
              found.stdout)
        equal(self.gw.process.poll(), None, "exit code of the running one")
        equal(self.post(PATH, completion(self.models.script(Reply()))).status, 200, "status of a request")
        return found.stdout

    def program(self, text):
        """An executable script in the place of a new program."""
        path = os.path.join(self.ctx.folder("program"), "aigw")
        with open(path, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def open_stream(self):
        """A connection on which a stream runs until its gate opens."""
        gate = Gate()
        script = self.models.script(Reply(pieces=("a", "b"), gate=gate))
        conn = self.gw.connect(timeout=30)
        conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
        truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
        return conn, gate

    def close(self):
        super().close()
        for process in self.former:  # whatever failed, none is left behind
            if process.poll() is None:
                process.kill()


def ends_well(process, timeout=30):
    """A process that was replaced ends by itself."""
    try:
        equal(process.wait(timeout), 0, "exit code of the process that was replaced")
    except subprocess.TimeoutExpired:
        truth(False, f"the process that was replaced to end within {timeout} s", "one that runs")


def descriptors(gw):
    return len(os.listdir(f"/proc/{gw.process.pid}/fd"))


class Newcomers:
    """Threads of which each opens a connection, asks, reads the answer and closes, again and again."""

    def __init__(self, env, threads=4, connect=None, port=None):
        self.count, self.bad = 0, []
        self._connect = connect or (lambda: http.Connection(port or env.gw.port, tls=env.gw.tls, timeout=20))
        self._request = http.render("GET", "/monitoring/healthz" if not port else "/metrics", {"Connection": "close"})
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                with self._connect() as conn:
                    conn.send(self._request)
                    response = conn.read_response()
                what = None if response.status == 200 and response.is_complete else repr(response)
            except (OSError, http.HttpError) as err:
                what = repr(err)
            with self._lock:
                self.count += 1
                if what:
                    self.bad.append(what)
            if len(self.bad) > 50:
                return

    def wait_for(self, more, timeout=30):
        goal, deadline = self.count + more, time.monotonic() + timeout
        while self.count < goal and time.monotonic() < deadline and len(self.bad) <= 50:
            self._stop.wait(0.01)

    def stop(self):
        """How many a second there were."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        return self.count / (time.monotonic() - self.began)


class Regulars:
    """Threads that keep their connection as long as the gateway lets them: an answer that says close is the last one; one
    that is closed without a word, or cut, is a failure."""

    def __init__(self, env, threads=2):
        self.env, self.count, self.told, self.bad = env, 0, 0, []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        conn = self.env.gw.connect(timeout=20)
        while not self._stop.is_set() and len(self.bad) < 20:
            try:
                conn.send(http.render("GET", "/monitoring/healthz"))
                response = conn.read_response()
                self.count += 1
                if response.status != 200:
                    self.bad.append(repr(response))
                if (response.header("connection") or "").lower() == "close":
                    self.told += 1
                    conn.close()
                    conn = self.env.gw.connect(timeout=20)
            except (OSError, http.HttpError) as err:
                self.bad.append(repr(err))
                conn.close()
                conn = self.env.gw.connect(timeout=20)
            self._stop.wait(0.005)
        conn.close()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def streams(env, count):
    """So many streams that run until the gate opens → gate, future of their answers."""
    gate = Gate()
    script = env.models.script(*(Reply(pieces=("a", "b"), gate=gate) for _ in range(count)))
    data = http.render("POST", PATH, {"Connection": "close"}, completion(script, stream=True))
    future = _load.start_all(env.gw.port, [data] * count)
    truth(script.wait(lambda s: s.count == count, 90), f"{count} streams open", script.count)
    return gate, future


def none_cut(future, count):
    wrong = [a for a in future.result(120) if a.status != 200 or a.body != b"ab" or not a.is_complete]
    equal(len(wrong), 0, f"streams that were cut of {count} ({[(a.status, a.error, a.body[:80]) for a in wrong[:1]]})")
