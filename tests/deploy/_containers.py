"""Containers as an operator runs them: `run -d -p …`, `logs`, `exec`, `stop`, `rm`, through docker or podman."""
import itertools
import json
import os
import socket
import subprocess
import tempfile
import time

from harness import http
from harness.runner import Failure

_numbers = itertools.count(1)
LIMITS = ("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=2000:2000")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Engine:
    def __init__(self, ctx):
        self.command = ctx.engine
        self.image = ctx.image

    def run(self, *args, timeout=120, good=True):
        """The output of one command; a Failure when it ends otherwise than `good` says (None: either way)."""
        done = subprocess.run([*self.command, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, text=True)
        if good is not None and (done.returncode == 0) != good:
            raise Failure(f"`{' '.join(args)}` to {'work' if good else 'fail'}",
                          f"status {done.returncode}: {done.stdout[-600:]}{done.stderr[-600:]}")
        return done

    def inspect(self, image):
        return json.loads(self.run("image", "inspect", image).stdout)[0]

    def export(self, image):
        """The path of a tar file of what is in an image."""
        name = self.run("create", *LIMITS, image).stdout.split()[-1]
        handle, path = tempfile.mkstemp(suffix=".tar")
        os.close(handle)
        try:
            self.run("export", "-o", path, name)
        finally:
            self.run("rm", "-f", name)
        return path

    def bridge_address(self, container):
        """This machine's address as containers see it."""
        details = json.loads(self.run("inspect", container).stdout)[0]["NetworkSettings"]
        networks = list((details.get("Networks") or {}).values())
        return details.get("Gateway") or networks[0]["Gateway"]


class Container:
    """A gateway that was started with `run`. env and args as on the command line; the port is published on loopback."""

    def __init__(self, engine, env=None, args=(), command=(), name=None, image=None, wait=True, port=None, tls=None):
        self.engine = engine
        self.name = name or f"aigw-test-{os.getpid()}-{next(_numbers)}"
        self.port = port or free_port()
        self.tls = tls
        variables = [part for key, value in (env or {}).items() for part in ("-e", f"{key}={value}")]
        started = time.monotonic()
        engine.run("run", "-d", "--name", self.name, "-p", f"127.0.0.1:{self.port}:5052", *LIMITS, *args, *variables,
                   image or engine.image, *command)
        if wait:
            self.wait_healthy(started)

    def wait_healthy(self, started, limit=30.0):
        """Asks until healthz answers; after_s is from the moment `run` returned."""
        asked = time.monotonic()
        while time.monotonic() - started < limit:
            try:
                response = http.request(self.port, "GET", "/monitoring/healthz", tls=self.tls, timeout=5)
                if response.status == 200:
                    self.after_s = time.monotonic() - asked
                    return
            except (OSError, http.HttpError):
                if not self.is_running():
                    break
                time.sleep(0.02)
        raise Failure(f"a healthy container within {limit} s", self.logs()[-1500:])

    def state(self):
        return json.loads(self.engine.run("inspect", self.name).stdout)[0]["State"]

    def is_running(self):
        return self.state()["Running"]

    def logs(self):
        done = self.engine.run("logs", self.name, good=None)
        return done.stdout + done.stderr

    def exec(self, *command, good=True):
        return self.engine.run("exec", self.name, *command, good=good)

    def request(self, method, target, headers=(), body=None, **kwargs):
        return http.request(self.port, method, target, headers, body, tls=self.tls, **kwargs)

    def stop(self):
        """`stop`, then the exit code."""
        self.engine.run("stop", "-t", "10", self.name)
        return self.state()["ExitCode"]

    def close(self):
        self.engine.run("rm", "-f", self.name, good=None)
