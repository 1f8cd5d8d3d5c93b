"""The program's commands as an operator runs them: with the environment of the service, their output and exit status."""
import subprocess

from .gateway import ASAN_OPTIONS


class Result:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    def __repr__(self):
        return f"exit {self.status}; out: {self.out}; err: {self.err}"


def run(ctx, *args, env=None, conf_dirs=None, text=None, timeout=60, plugins=True, cgroup=None,
        before=()):
    """conf_dirs: None for the shipped one, () for none named. text: standard input. cgroup: a Cgroup to run in.
    before: a command that runs it, such as unshare with its options."""
    flags = [flag for folder in ((ctx.conf_dir,) if conf_dirs is None else conf_dirs) for flag in ("--conf-dir", folder)]
    if plugins:
        flags += ["--plugin-dir", ctx.plugin_dir]
    environment = {"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": ASAN_OPTIONS}
    environment.update({key: value for key, value in (env or {}).items() if value is not None})
    result = subprocess.run([*before, ctx.binary, args[0], *flags, *args[1:]], env=environment, input=text, text=True,
                            capture_output=True, timeout=timeout, check=False, preexec_fn=cgroup.enter if cgroup else None)
    return Result(result.returncode, result.stdout, result.stderr)
