"""Model servers as they really behave: one row an ask of the case files in quirks/ (their form: _quirk_cases.py)."""
import json
import os
import re
import subprocess
import time

from contract._env import Env, completion
from harness.runner import Failure, add_case, equal, fixture, truth

from . import _quirk_cases
from ._quirk_server import QuirkServer, Trap

PATH = "/v2/code/completions"
PATIENCE_S = 15
SECRETS = ("s3cret-7f1b",)  # what rows put into places from which it must not come back


class QuirkEnv(Env):
    def __init__(self, ctx, gateway, name):
        self.server = QuirkServer()
        self.trap = Trap()
        self.keys = 0
        super().__init__(ctx, bypass=True, name=name,
                         env={key: self.fill(value, "") for key, value in gateway.items()})
        for value in SECRETS:
            ctx.secret(value)

    def fill(self, text, key):
        for name, value in (("U", self.server.url), ("PORT", self.server.port), ("TRAP", self.trap.port), ("K", key)):
            text = text.replace("{%s}" % name, str(value))
        return text

    def close(self):
        try:
            super().close()
        finally:
            self.server.close()
            self.trap.close()


class Outcome:
    """What came of one ask."""

    def __init__(self, env, row):
        env.keys += 1
        self.env = env
        self.key = f"q{env.keys}"
        self.script = env.server.script(self.key, row.answers)
        self.log_from = len(env.gw.lines)
        self.trapped_before = env.trap.accepted
        body = completion(stream=row.is_stream, model_endpoint=f"{env.server.url}/{self.key}/v1")
        if row.body:
            body.update(json.loads(env.fill(row.body, self.key)))
        start = time.monotonic()
        try:
            self.response = env.post(PATH, body, timeout=PATIENCE_S)
        except TimeoutError:
            raise Failure(f"an end within {PATIENCE_S} s", "none") from None
        self.took_ms = (time.monotonic() - start) * 1000
        self.is_good = self.response.status < 400 and self.response.is_complete

    def text(self):
        if (self.response.header("content-type") or "").startswith("application/json"):
            return "".join(choice["text"] for choice in self.response.json()["choices"])
        return self.response.text

    def has_logged(self, pattern):
        return self.env.gw.wait_line(lambda line: re.search(pattern, str(line)), 3, self.log_from)


def _expect_text(o, text):
    truth(o.is_good, f"text {text!r}, complete", o.response)
    equal(o.text(), text, "text")


def _expect_header(o, argument):
    name, _, pattern = argument.partition(" ")
    truth(re.fullmatch(pattern, o.response.header(name) or ""), f"header {name}: {pattern}", o.response.headers)


def _expect_target(o, argument):
    wanted = o.env.fill(argument, o.key)
    truth(o.script.targets, f"a call of {wanted}", f"none; the client got {o.response!r}")
    equal(o.script.targets[0], wanted, "target of the model call")


CHECKS = {
    "text": _expect_text,
    "complete": lambda o, _: truth(o.is_good, "a complete answer", o.response),
    "fails": lambda o, _: truth(not o.is_good, "a status of 400 or more, or a broken body", o.response),
    "status": lambda o, status: equal(o.response.status, int(status), f"status ({o.response!r})"),
    "within": lambda o, ms: truth(o.took_ms <= int(ms) * (3 if o.env.ctx.is_sanitized else 1), f"an end within {ms} ms",
                                  f"{o.took_ms:.0f} ms"),
    "header": _expect_header,
    "no-header": lambda o, name: equal(o.response.header(name), None, f"header {name}"),
    "body-has": lambda o, part: truth(part in o.response.text, f"a body with {part!r}", o.response),
    "body-not": lambda o, part: truth(part not in o.response.text, f"a body without {part!r}", o.response),
    "up-target": _expect_target,
    "up-count": lambda o, count: equal(len(o.script.targets), int(count), "model calls"),
    "utf-8": lambda o, _: truth(o.response.body == o.response.text.encode(), "nothing but UTF-8", o.response.body),
    "log-has": lambda o, pattern: truth(o.has_logged(pattern), f"a log line with {pattern!r}",
                                        [line.get("message") for line in o.env.gw.lines[o.log_from:]]),
}


def run_ask(row):
    def run(env):
        outcome = Outcome(env, row)
        for word, argument in row.expect:
            if word in CHECKS:
                CHECKS[word](outcome, argument)
        wants_proxy = "trapped" in dict(row.expect)
        equal(env.trap.accepted > outcome.trapped_before, wants_proxy, "whether the proxy was used")
    return run


def run_plugin(row):
    def run(ctx):
        so = os.path.join(ctx.plugin_dir, "providers", row.plugin + ".so")
        folder = ctx.folder(row.id)
        path = os.path.join(folder, row.id + ".case")
        with open(path, "w", encoding="utf-8") as out:
            out.write(row.text)
        done = subprocess.run([os.path.join(ctx.build_dir, "bin", "aigw-plugin"), "test", so, path], capture_output=True,
                              text=True, timeout=60, check=False)
        if f"{path}: ok" not in done.stdout.splitlines():  # what else the runner finds is no matter of the case
            found = (done.stderr or done.stdout).replace(folder + "/", "")
            raise Failure("the plugin to do as the case says", found[:700].replace("\n", " | "))
    return run


class _NoGateway:
    """Rows for the conformance runner need none."""

    def __init__(self, ctx):
        self.ctx = ctx

    def close(self):
        pass


def declare(rows):
    """One gateway for the rows of a file; rows that ask for another one share it when they ask for the same."""
    fixture("quirk-plugins")(_NoGateway)
    known = set()
    for row in rows:
        if isinstance(row, _quirk_cases.PluginCase):
            add_case(row.id, "quirk-plugins", lambda env, run=run_plugin(row): run(env.ctx), __name__)
            continue
        name = "-".join(["quirks", row.file, *(f"{key}={value}" for key, value in sorted(row.gateway.items()))])
        if name not in known:
            known.add(name)
            fixture(name)(lambda ctx, settings=row.gateway, hint=f"quirks-{row.file}": QuirkEnv(ctx, settings, hint))
        add_case(row.id, name, run_ask(row), __name__)


declare(_quirk_cases.read_all())
