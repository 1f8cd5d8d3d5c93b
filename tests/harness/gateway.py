"""The gateway under test as a child process. Every line it logs is kept and also written to the run's log folder,
where the secrets test reads them all at the end.
"""
import ctypes
import itertools
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from . import http

_numbers = itertools.count(1)


_running = []
PR_SET_CHILD_SUBREAPER = 36


def kill_all():
    """End what is still running, by process handle."""
    for process in _running:
        if process.poll() is None:
            process.kill()


def be_reaper():
    """Processes whose parent ends become children of this one: a gateway that took over from another can be waited for."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Successor:
    """What subprocess.Popen is for a child: a gateway that another one started."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None
        self._fd = os.pidfd_open(pid)

    def _has_ended(self, timeout_ms):
        waiter = select.poll()  # select() takes no descriptor above 1023
        waiter.register(self._fd, select.POLLIN)
        return bool(waiter.poll(timeout_ms))

    def poll(self):
        if self.returncode is None and self._has_ended(0):
            try:
                self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            except ChildProcessError:
                return None  # its parent has not ended yet
        return self.returncode

    def wait(self, timeout=None):
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("aigw", timeout)
            self._has_ended(100)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            signal.pidfd_send_signal(self._fd, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class StartError(Exception):
    pass


class Context:
    """Where things are; one per run. secrets: values that must never show up in a log."""

    def __init__(self, build_dir, source_dir, work_dir):
        self.build_dir = build_dir
        self.source_dir = source_dir
        self.work_dir = work_dir
        self.log_dir = os.path.join(work_dir, "logs")
        os.makedirs(self.log_dir, exist_ok=True)
        self.binary = os.path.join(build_dir, "bin", "aigw")
        self.plugin_dir = os.path.join(build_dir, "lib", "aigw")
        # A copy, so that edits while the tests run do not matter.
        self.conf_dir = os.path.join(work_dir, "conf.d")
        shutil.copytree(os.path.join(source_dir, "conf.d"), self.conf_dir)
        self._secrets = set()
        self.sanitizer_reports = []
        self.crashes = []
        self.notes = []  # measured numbers, printed with --times
        self._lock = threading.Lock()

    def secret(self, value):
        """Register a value as secret and hand it back."""
        with self._lock:
            self._secrets.add(value)
        return value

    @property
    def secrets(self):
        with self._lock:
            return list(self._secrets)

    def note(self, text):
        self.notes.append(text)

    def clear(self):
        """After a run without failures: only the logs stay."""
        for name in os.listdir(self.work_dir):
            if name != "logs" and os.path.isdir(os.path.join(self.work_dir, name)):
                shutil.rmtree(os.path.join(self.work_dir, name), ignore_errors=True)

    def folder(self, hint):
        return tempfile.mkdtemp(prefix=hint + "-", dir=self.work_dir)

    @property
    def is_sanitized(self):
        """Whether the binary was built with AddressSanitizer: limits on time and memory are relaxed then."""
        if not hasattr(self, "_sanitized"):
            with open(self.binary, "rb") as image:
                self._sanitized = b"__asan_init" in image.read()
        return self._sanitized


ASAN_OPTIONS = "detect_leaks=1:exitcode=99:quarantine_size_mb=8:thread_local_quarantine_size_kb=64"


class Gateway:
    """env: AIGW_… settings (None removes a default). conf: text of an extra conf.d file. cgroup: a harness.cgroup.Cgroup
    to run in. cpus: numbers of the only CPUs it may use."""

    def __init__(self, ctx, env=None, conf=None, ready_timeout=20.0, name="gw", args=(), tls=None, wait=True,
                 nofile=None, cgroup=None, cpus=None, pass_fds=()):
        self.ctx = ctx
        self.tls = tls
        self.name = f"{next(_numbers):03d}-{name}"
        self.folder = ctx.folder(self.name)
        self.lines = []
        self.raw = []
        self._cond = threading.Condition()
        conf_dir = os.path.join(self.folder, "conf.d")
        os.makedirs(conf_dir)
        self.conf_dir = conf_dir
        if conf:
            self.write_conf(conf)
        settings = {"AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__API_PORT": "0",
                    "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_PORT": "0",
                    "AIGW_FASTAPI__OPENAPI_URL": "/openapi.json", "AIGW_FASTAPI__DOCS_URL": "/docs",
                    "AIGW_CUSTOM_MODELS__ENABLED": "true", "AIGW_CUSTOMER_PORTAL_URL": "", "WEB_CONCURRENCY": "2"}
        settings.update(env or {})
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "TMPDIR": self.folder,
                       "ASAN_OPTIONS": ASAN_OPTIONS,
                        "UBSAN_OPTIONS": "print_stacktrace=1"}
        environment.update({key: value for key, value in settings.items() if value is not None})
        command = [ctx.binary, "serve", "--conf-dir", ctx.conf_dir, "--conf-dir", conf_dir, "--plugin-dir",
                   ctx.plugin_dir, *args]

        def limits():
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
            if cgroup:
                cgroup.enter()
            if cpus:
                os.sched_setaffinity(0, cpus)
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=pass_fds,
                                        preexec_fn=limits if nofile or cgroup or cpus else None)
        _running.append(self.process)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = self.metrics_port = 0
        if wait:
            line = self.wait_line(lambda item: item.get("message") == "listening", ready_timeout)
            if line is None:
                self._reader.join(2)
                tail = "".join(self.raw[-6:])
                code = self.process.poll()
                self.kill()
                raise StartError(f"no \"listening\" line within {ready_timeout} s (exit code {code}); output: {tail}")
            self.port = int(line["port"])
            self.metrics_port = int(line.get("metrics_port") or 0)
            self.ready_after = time.monotonic() - self.started_at

    def write_conf(self, text, name="90-test.conf"):
        with open(os.path.join(self.conf_dir, name), "w", encoding="utf-8") as out:
            out.write(text)

    def _read(self):
        with open(os.path.join(self.ctx.log_dir, self.name + ".log"), "wb") as copy:
            for raw in self.process.stdout:
                copy.write(raw)
                copy.flush()
                text = raw.decode("utf-8", "replace")
                try:
                    item = json.loads(text)
                    if not isinstance(item, dict):
                        item = {"message": text, "not_json": True}
                except ValueError:
                    item = {"message": text, "not_json": True}
                with self._cond:
                    self.raw.append(text)
                    self.lines.append(item)
                    self._cond.notify_all()
        with self._cond:
            self.ended = True
            self._cond.notify_all()

    ended = False

    def wait_line(self, match, timeout=30.0, start=0):
        """First log line (an object) for which match(line) holds, from index start on; None at the time-out."""
        deadline = time.monotonic() + timeout
        at = start
        with self._cond:
            while True:
                while at < len(self.lines):
                    if match(self.lines[at]):
                        return self.lines[at]
                    at += 1
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    return None
                self._cond.wait(left)

    def request(self, method, target, headers=(), body=None, **kwargs):
        return http.request(self.port, method, target, headers, body, tls=kwargs.pop("tls", self.tls), **kwargs)

    def connect(self, **kwargs):
        return http.Connection(self.port, tls=kwargs.pop("tls", self.tls), **kwargs)

    def metrics(self):
        return http.request(self.metrics_port, "GET", "/metrics").text

    def metric(self, name, **labels):
        """Sum of the samples of a metric whose labels include the given ones; None when there is none."""
        total = None
        for line in self.metrics().splitlines():
            if line.startswith("#") or not line.startswith(name):
                continue
            head, _, value = line.rpartition(" ")
            if head.split("{")[0] != name:
                continue
            if all(f'{key}="{wanted}"' in head for key, wanted in labels.items()):
                total = (total or 0.0) + float(value)
        return total

    def adopt(self, pid):
        """The process with this pid took over (be_reaper() before). The one before it."""
        before, self.process = self.process, Successor(pid)
        _running.append(self.process)
        return before

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self, timeout=20.0):
        """SIGTERM; the exit code, or None when it did not stop in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self._reader.join(5)
        self._judge(code)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self._judge(0)

    def _judge(self, code):
        """Sanitizer reports and crashes belong to the run, whichever test saw them."""
        # Its log may quote what another process said that tried a plugin first.
        text = "".join(line for line in self.raw if not line.startswith("{"))
        for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"):
            if mark in text:
                at = text.index(mark)
                self.ctx.sanitizer_reports.append(f"{self.name}: {text[at:at + 1500]}")
        if code < 0 and code != -signal.SIGKILL:
            self.ctx.crashes.append(f"{self.name}: killed by signal {-code}")

    def close(self):
        """End of a group: a clean stop is expected; what went wrong is kept in ctx."""
        if self.process.poll() is not None:
            self._reader.join(5)
            if not getattr(self, "_expected_end", False) and self.process.returncode != 0:
                self.ctx.crashes.append(f"{self.name}: ended by itself with code {self.process.returncode}: "
                                        + "".join(self.raw[-5:])[:600])
            self._judge(self.process.returncode)
            return
        code = self.terminate()
        if code is None:
            self.ctx.crashes.append(f"{self.name}: did not stop within 20 s of SIGTERM")
        elif code != 0:
            self.ctx.crashes.append(f"{self.name}: exit code {code} after SIGTERM, expected 0: "
                                    + "".join(self.raw[-5:])[:600])
