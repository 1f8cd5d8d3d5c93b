"""Checks over the whole run, after every group has ended."""
import json
import os
import subprocess

from .runner import Failure


def no_sanitizer_report(ctx):
    if ctx.sanitizer_reports:
        raise Failure("no sanitizer report from any gateway", f"{len(ctx.sanitizer_reports)}: "
                      + " || ".join(ctx.sanitizer_reports[:3]))


def no_crash(ctx):
    if ctx.crashes:
        raise Failure("every gateway to stop with code 0 when told to", " || ".join(ctx.crashes[:5]))


def no_secret_in_any_log(ctx):
    """Every secret that any case used is looked for in every line that any gateway printed; by grep, which looks for all
    at once."""
    secrets = sorted(value for value in ctx.secrets if value)
    logs = [os.path.join(ctx.log_dir, name) for name in sorted(os.listdir(ctx.log_dir))]
    lines = [line for value in secrets for line in value.splitlines() if line]  # an empty one would be found everywhere
    if not secrets:
        raise Failure("secrets to look for", "none were registered")
    if not any(os.path.getsize(log) for log in logs):
        raise Failure("log lines to search", "no log output at all")
    found = subprocess.run(["grep", "-aFHn", "-f", "-", "--", *logs], input="\n".join(lines).encode(), stdout=subprocess.PIPE,
                           env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, check=False)
    if found.returncode != 1:  # 1: none
        hits = [hit[len(ctx.log_dir) + 1:][:200] for hit in found.stdout.decode("utf-8", "replace").splitlines()]
        raise Failure(f"none of {len(secrets)} secrets in any log", f"{len(hits)} hits: " + " || ".join(hits[:5]))


def every_line_is_json(ctx):
    """Whatever begins as an object is one, whole: a reader of logs loses the others. A killed gateway's last may be cut."""
    broken = []
    for name in sorted(os.listdir(ctx.log_dir)):
        with open(os.path.join(ctx.log_dir, name), "rb") as log:
            for line in log:
                if line[:1] != b"{" or line[-1:] != b"\n":
                    continue
                try:
                    json.loads(line)
                except ValueError as err:
                    broken.append(f"{name}: {err}: {line[:200]!r}")
    if broken:
        raise Failure("JSON on every line of every log", f"{len(broken)} others: " + " || ".join(broken[:3]))


OVERALL = [("RUN-SANITIZER", no_sanitizer_report), ("RUN-EXIT", no_crash), ("RUN-SECRETS", no_secret_in_any_log),
           ("RUN-LOGS", every_line_is_json)]
