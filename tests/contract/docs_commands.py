"""Every `aigw …` of the documentation is run as it stands, but for the values it stands in for (addresses, folders, names)."""
import glob
import os
import re

from harness import command
from harness.runner import case, equal, fixture, truth

from ._env import Env, Reply

# Run by other suites, with what they need: tests/core/cli, faults/reload_control, faults/upgrade, contract/search.
SERVED_ELSEWHERE = ("serve", "docs", "prompts", "reload", "upgrade", "health", "completion", "route", "plugin")
# Exit statuses that are fine in a healthy place.
STATUSES = {"doctor": (0, 1), "check": (0,), "config": (0,), "plugins": (0,), "key": (0,), "version": (0,),
            "status": (0,), "top": (0,), "troubleshoot": (0,), "diagnose-token": (0,)}


class Documented(Env):
    def settings(self):
        return {"AIGW_GITLAB_URL": self.gitlab.url, "AIGW_CUSTOMER_PORTAL_URL": "", "AIGW_CUSTOM_MODELS__ENABLED": "true",
                "AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1",
                "AIGW_FASTAPI__API_PORT": str(self.gw.port), "AIGW_FASTAPI__METRICS_PORT": str(self.gw.metrics_port)}


@fixture("docs-commands", takes_s=8)
def documented(ctx):
    return Documented(ctx, name="docs-commands", conf=lambda env: (
        f'providers: {{ here = {{ plugin = "openai"; base_url = "{env.models.script(Reply()).base}"; }}; }};\n'
        'models: { coder = { targets = ( { provider = "here"; model = "mock"; } ); }; };\n'))


def commands(ctx):
    """(file, command) of every code span and indented line that begins with the program's name."""
    paths = [*sorted(glob.glob(os.path.join(ctx.source_dir, "docs", "*.md"))), os.path.join(ctx.source_dir, "README.md")]
    for path in paths:
        with open(path, encoding="utf-8") as text:
            for line in text:
                found = re.findall(r"`(aigw [^`]+)`", line) + re.findall(r"^    (aigw [^#]+?)(?:   .*|\s*#.*)?$", line)
                for item in found:
                    yield os.path.basename(path), item.strip()


def run_it(env, text):
    words = text.split()[1:]
    replaced = {"token.txt": env.token_file, "https://gateway.example.com": f"http://127.0.0.1:{env.gw.port}", "NAME": "mine",
                "greet/build/lib/aigw": env.ctx.plugin_dir, "localhost:5052": f"127.0.0.1:{env.gw.port}", "70": "1"}
    words = [replaced.get(word, word) for word in words]
    if words[0] == "troubleshoot":
        words += ["--endpoint", f"127.0.0.1:{env.gw.port}"]
    flags = {"plugins": words[0] in ("doctor", "check", "config", "plugins") and "--plugin-dir" not in words}
    folders = (env.ctx.conf_dir, env.gw.conf_dir) if words[0] in ("doctor", "check", "status", "top", "troubleshoot",
                                                                   "diagnose-token") else ()
    return command.run(env.ctx, *words, env=env.settings(), conf_dirs=folders, **flags)


@case("DOCS-commands", "docs-commands")
def each(env):
    env.token_file = os.path.join(env.ctx.folder("token"), "token.txt")
    with open(env.token_file, "w", encoding="ascii") as out:
        out.write(env.token())
    seen = set()
    for file, text in commands(env.ctx):
        name = text.split()[1]
        help_page = command.run(env.ctx, "help", name, conf_dirs=(), plugins=False)
        equal(help_page.status, 0, f"{file}: `{text}`: there is such a command")
        for flag in re.findall(r" (--[a-z-]+)", text):
            truth(flag in help_page.out, f"{file}: `{text}`: a flag {flag}", help_page.out)
        is_mention = len(text.split()) == 2 and not re.match(rf"Usage: aigw {name}( \[flags\])?\n", help_page.out)
        if name in SERVED_ELSEWHERE or text in seen or is_mention:
            continue
        seen.add(text)
        truth(name in STATUSES, f"{file}: a way to run `{text}`", name)
        result = run_it(env, text)
        truth(result.status in STATUSES[name], f"{file}: `{text}` to end with {STATUSES[name]}", result)
    truth(len(seen) > 10, "more than ten commands", seen)
