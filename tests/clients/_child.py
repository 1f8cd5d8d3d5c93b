"""A child program at the other end of the wire: lines of JSON both ways, ends when its standard input closes."""
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))


class Child:
    """said: the first line that it printed, when it greets. It gives way to the gateways and to what measures them."""

    def __init__(self, command, env=None, greets=True):
        self.process = subprocess.Popen(["nice", "-n", "5", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=env)
        self.errors = []
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()
        self.said = self._read() if greets else None

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(10)
            raise RuntimeError("the child ended: " + "".join(self.errors)[-800:])
        return json.loads(line)

    def call(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()


def python(program, packages, *arguments, env=None, greets=True):
    """A Python program of this folder with the packages of a folder."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": packages, "HOME": packages, **(env or {})}
    return Child([sys.executable, "-P", os.path.join(HERE, program), *arguments], environment, greets)


def node(program, packages, greets=True):
    return Child(["node", os.path.join(HERE, program), packages], None, greets)
