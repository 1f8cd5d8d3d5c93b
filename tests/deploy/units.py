"""The systemd unit, the compose file, shell completion, the manual page: what can be said of them without a running
systemd or Docker."""
import os
import re
import shutil
import subprocess
import tempfile

from harness.runner import Failure, Skip, case, equal, fixture, truth

from . import _tools

LIMIT = 2.0  # of systemd-analyze security, 10 is the worst


class Units:
    def __init__(self, ctx):
        if not ctx.build_dir:
            raise Skip("no build of the gateway: --build")
        self.ctx = ctx
        self.aigw = os.path.join(ctx.build_dir, "bin", "aigw")
        self.folder = tempfile.mkdtemp(prefix="aigw-units-")
        self.unit, self.socket = [self._unit(name) for name in ("aigw.service", "aigw.socket")]

    def _unit(self, name):
        """A unit with the program of this build."""
        path = os.path.join(self.folder, name)
        with open(self.ctx.path("deploy", "systemd", name), encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as out:
            out.write(text.replace("/usr/bin/aigw", self.aigw))
        return path

    def output(self, *args, good=True):
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, check=False, cwd=self.folder)
        if good is not None and (done.returncode == 0) != good:
            raise Failure(f"`{' '.join(args)}` to {'work' if good else 'fail'}", done.stdout[-1200:])
        return done.stdout

    def file(self, name, *command):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(self.output(self.aigw, *command))
        return path

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


@fixture("units")
def units(ctx):
    return Units(ctx)


@case("UNIT-VERIFY", "units")
def unit_is_well_formed(env):
    _tools.debian("systemd-analyze", "systemd")
    found = [line for line in env.output("systemd-analyze", "verify", env.unit, env.socket, good=None).splitlines()
             if "aigw." in line]
    equal(found, [], "complaints of systemd-analyze verify")
    with open(env.unit, encoding="utf-8") as file:
        text = file.read()
    for line in ("DynamicUser=yes", "LoadCredential=aigw.tls.key", "ExecReload=", "Type=notify", "NotifyAccess=main"):
        truth(line in text, line, "nothing")


@case("UNIT-SECURITY", "units")
def unit_is_hardened(env):
    _tools.debian("systemd-analyze", "systemd")
    said = env.output("systemd-analyze", "security", "--offline=true", "--no-pager", env.unit, good=None)
    level = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    truth(level, "a verdict of systemd-analyze security", said[-400:])
    env.ctx.note(f"systemd-analyze security: {level.group(1)}, limit {LIMIT}")
    truth(float(level.group(1)) <= LIMIT, f"at most {LIMIT}", level.group(1))


@case("S-45 COMPOSE", "units")
def compose_file(env):
    yaml, _ = _tools.python_packages(env.ctx)
    with open(env.ctx.path("deploy", "compose", "compose.yaml"), encoding="utf-8") as file:
        service = yaml.safe_load(file)["services"]["gitlab-aigw"]
    variables = service["environment"]
    truth("GITLAB_URL" in variables["AIGW_GITLAB_URL"] and variables["AIGW_GITLAB_API_URL"].endswith("/api/v4/"),
          "the two variables of the install page", variables)
    equal((service["read_only"], service["cap_drop"], service["container_name"]), (True, ["ALL"], "gitlab-aigw"),
          "hardening and name")
    truth("5052:5052" in service["ports"], "port 5052", service["ports"])
    truth(os.path.exists(os.path.join(env.ctx.path("deploy", "compose"), service["build"]["context"], "Dockerfile")),
          "a context with a Dockerfile", service["build"])


def complete(env, script, *words):
    """What bash would offer for the last word."""
    text = (f"source {script}; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
            f"COMP_CWORD={len(words) - 1}; _aigw; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return env.output("bash", "-c", text).split()


@case("COMPLETION", "units")
def completion(env):
    script = env.file("aigw.bash", "completion", "bash")
    equal(complete(env, script, "aigw", "prom"), ["prompts"], "commands")
    equal(complete(env, script, "aigw", "prompts", "--format", ""), ["text", "json"], "choices")
    truth({"list", "render"} <= set(complete(env, script, "aigw", "prompts", "")), "words", "others")
    for command in re.findall(r"^  ([a-z-]+) ", env.output(env.aigw, "--help"), re.M):
        truth(command in complete(env, script, "aigw", command), f"the command {command}", "others")
        flags = set(re.findall(r"(--[a-z-]+)", env.output(env.aigw, command, "--help").split("Exit status")[0]))
        offered = set(complete(env, script, "aigw", command, "--"))
        equal(sorted(offered - flags), [], f"flags of {command} that its help does not know")
        truth("--help" in offered, "--help", offered)
    for shell, option in (("zsh", "-n"), ("fish", "--no-execute")):
        made = env.file("aigw." + shell, "completion", shell)
        if shutil.which(shell):
            env.output(shell, option, made)
    truth("expected bash, zsh or fish" in env.output(env.aigw, "completion", "tcsh", good=False), "the choices", "none")


@case("MAN", "units")
def manual_page(env):
    page = env.file("aigw.1", "man")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for command in re.findall(r"^  ([a-z-]+) ", env.output(env.aigw, "--help"), re.M):
        truth(f".SS aigw {command}".replace("-", "\\-") in text, f"a section for {command}", "none")
    if shutil.which("groff"):
        equal(env.output("groff", "-man", "-Tutf8", "-ww", "-z", page), "", "complaints of groff")
