"""Checks over the whole run, after every group has ended."""
import os

from .runner import Failure


def no_sanitizer_report(ctx):
    if ctx.sanitizer_reports:
        raise Failure("no sanitizer report from any gateway", f"{len(ctx.sanitizer_reports)}: "
                      + " || ".join(ctx.sanitizer_reports[:3]))


def no_crash(ctx):
    if ctx.crashes:
        raise Failure("every gateway to stop with code 0 when told to", " || ".join(ctx.crashes[:5]))


def no_secret_in_any_log(ctx):
    """Every secret that any case used is looked for in every line that any gateway printed."""
    found = []
    bytes_read = 0
    secrets = [(value, value.encode()) for value in ctx.secrets if value]
    for name in sorted(os.listdir(ctx.log_dir)):
        with open(os.path.join(ctx.log_dir, name), "rb") as log:
            for number, line in enumerate(log, 1):
                bytes_read += len(line)
                for value, needle in secrets:
                    if needle in line:
                        found.append(f"{name}:{number}: {value[:6]}… in {line[:160]!r}")
    if not secrets:
        raise Failure("secrets to look for", "none were registered")
    if found:
        raise Failure(f"none of {len(secrets)} secrets in any log", f"{len(found)} hits: " + " || ".join(found[:5]))
    if not bytes_read:
        raise Failure("log lines to search", "no log output at all")


OVERALL = [("RUN-SANITIZER", no_sanitizer_report), ("RUN-EXIT", no_crash), ("RUN-SECRETS", no_secret_in_any_log)]
