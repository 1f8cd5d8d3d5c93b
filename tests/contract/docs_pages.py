"""The documentation taken at its word: groups of conf.d of a page are one configuration that `aigw check` takes, its prompt is one
that renders, its curl commands are answered, and no page has a command that nobody runs (DOCS-COVERED). Commands of `aigw` itself:
docs_commands.py; docker and helm: tests/deploy."""
import glob
import json
import os
import re
import shutil
import subprocess

from harness import command
from harness.runner import Skip, case, equal, fixture, truth

from ._env import Env, Reply

GROUP = re.compile(r"^(server|providers|models|prefixes|features|families|keys|oidc|quotas|prices|prompts|routing|limits|log|auth) *[:=]")
# First word of a command → the row that runs it, or why none does. Pages whose blocks another suite takes whole are not listed.
RUN_BY = {
    "aigw": "DOCS-commands", "curl": "DOCS-curl", "docker": "DOCS-docker", "helm": "DOCS-helm",
    "git": "the network: a copy of GitLab's sources", "sudo": "DOCS-INDEX-*: the command behind it", "kill": "F-RELOAD, by its signal",
    "systemctl": "UNIT-VERIFY, PKG-START: no systemd runs in the suite", "apt-get": "PKG-INSTALL", "./scripts/serve": "CI's first step",
    "echo": "ROUTE-DOC-*", "bench/sizing": "S-35 to S-37 measure the same, scaled",
}
OTHERS = {"plugin-authors.md": "sdk.guide", "clients.md": "CLIENT-*", "architecture.md": "pictures", "abi.md": "sdk.abi",
          "routing.md": "ROUTE-DOC-*"}
# Models that a page speaks of without showing them.
SPOKEN_OF = """providers: { other = { plugin = "openai"; base_url = "http://127.0.0.1:1/v1"; }; };
models: { big = { targets = ( { provider = "other"; model = "x"; } ); };
          small = { targets = ( { provider = "other"; model = "y"; } ); };
          fast-one = { targets = ( { provider = "other"; model = "x"; } ); }; };
"""
SCRIPT = re.compile(r"^\.?/?(scripts|bench)/([a-z0-9-]+)")


def page_of(ctx, name):
    with open(os.path.join(ctx.source_dir, *(("docs", name) if name != "README.md" else (name,))), encoding="utf-8") as file:
        return file.read()


def blocks(text):
    """Indented paragraphs, without their indent; a blank line between two of them ends the first."""
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE).strip("\n")
            for block in re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)]


class Pages(Env):
    def config(self, name):
        """A page's groups, each a file of its own as an operator would have them; its folder."""
        folder = self.ctx.folder("page")
        found = [block for block in blocks(page_of(self.ctx, name)) if GROUP.match(block)]
        truth(found, f"groups of conf.d in {name}", "none")
        with open(os.path.join(folder, "19-page.conf"), "w", encoding="utf-8") as out:
            out.write(SPOKEN_OF)
        for number, block in enumerate(found):
            text = block.replace("/etc/aigw/conf.d/prompts", os.path.join(self.ctx.conf_dir, "prompts")).replace(
                "/etc/aigw/prompts", self.ctx.folder("prompts"))
            with open(os.path.join(folder, f"{number + 20}-page.conf"), "w", encoding="utf-8") as out:
                out.write(text + "\n")
        return folder


@fixture("docs-pages")
def pages(ctx):
    def conf(env):
        base = env.models.script(Reply(pieces=("OK",))).base
        made = command.run(ctx, "key", "my-laptop", conf_dirs=(), plugins=False)
        env.key = ctx.secret(made.out.strip())
        group = re.search(r"^keys: .*$", made.err, re.MULTILINE).group()
        return (f'providers: {{ vllm = {{ plugin = "openai"; base_url = "{base}"; }}; }};\n'
                'models: { coder = { targets = ( { provider = "vllm"; model = "mock"; } ); }; };\n'
                'features: { code_suggestions = { plugin = "code_suggestions"; model = "coder"; }; };\n' + group)
    return Pages(ctx, bypass=True, conf=conf, name="docs-pages")


def page_checks(name):
    def check(env):
        result = command.run(env.ctx, "check", conf_dirs=(env.ctx.conf_dir, env.config(name)),
                             env={"ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x", "AIGW_CUSTOMER_PORTAL_URL": ""})
        equal(result.status, 0, f"exit status with the groups of {name} ({result.out[-800:]}{result.err[-300:]})")
    case(f"DOCS-CONF-{name[:-3]}", "docs-pages")(check)


for _name in ("configuration.md", "documentation-search.md", "clients.md"):
    page_checks(_name)


@case("DOCS-PROMPT", "docs-pages")
def prompt_definition(env):
    """The definition of docs/prompts.md, where that page says it goes, renders as that page says."""
    folder = env.ctx.folder("prompts")
    place = os.path.join(folder, "prompts", "mine", "base")
    os.makedirs(place)
    definition = next(block for block in blocks(page_of(env.ctx, "prompts.md")) if block.startswith("name = "))
    with open(os.path.join(place, "1.0.0.conf"), "w", encoding="utf-8") as out:
        out.write(definition.replace('also = ( "1.0.0", ', "also = ( "))
    with open(os.path.join(place, "system.mustache"), "w", encoding="utf-8") as out:
        out.write("You write messages.\n")
    given = os.path.join(folder, "in.json")
    with open(given, "w", encoding="utf-8") as out:
        json.dump({"diff": "+one line"}, out)
    dirs = (env.ctx.conf_dir, folder)
    equal(command.run(env.ctx, "check", conf_dirs=dirs, env={"AIGW_CUSTOMER_PORTAL_URL": ""}).status, 0, "exit status of check")
    result = command.run(env.ctx, "prompts", "render", "mine", "--input", given, conf_dirs=dirs, plugins=False)
    truth(result.status == 0 and "You write messages." in result.out and "+one line" in result.out, "both texts", result)


@case("DOCS-curl", "docs-pages")
def curl_commands(env):
    """Each curl of the pages, against a gateway on another port."""
    if not shutil.which("curl"):
        raise Skip("curl is not installed")
    count = 0
    for name in ("README.md", "documentation-search.md", "clients.md"):
        for block in blocks(page_of(env.ctx, name)):
            if not block.startswith("curl "):
                continue
            text = re.sub(r"http://(localhost|127\.0\.0\.1):5052", f"http://127.0.0.1:{env.gw.port}", block)
            done = subprocess.run(["sh", "-c", text.replace("curl -s", "curl -s --fail-with-body", 1)], capture_output=True,
                                  text=True, timeout=30, check=False,
                                  env={"PATH": os.environ["PATH"], "AIGW_KEY": env.key, "no_proxy": "*"})
            equal(done.returncode, 0, f"{name}: exit status of {block} ({done.stdout[-300:]}{done.stderr[-200:]})")
            truth(json.loads(done.stdout), f"{name}: JSON", done.stdout)
            count += 1
    truth(count >= 3, "three curl commands at least", count)


def shell_lines(text):
    """What looks like a command: indented lines whose first word is a program, spans `$ …` and `scripts/…`."""
    for block in blocks(text):
        if GROUP.match(block) or block.startswith(("name = ", "prompts/", "provider:")):
            continue
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            line = line.strip().removeprefix("$ ")
            if re.match(r"^(\./)?[a-z][a-z/.-]*( |$)", line):
                yield line
    yield from re.findall(r"`((?:\./)?(?:scripts|bench)/[a-z0-9-]+(?: --[a-z0-9-]+)*)", text)


@case("DOCS-COVERED", "docs-pages")
def nobody_forgot_a_command(env):
    names = [os.path.basename(path) for path in glob.glob(os.path.join(env.ctx.source_dir, "docs", "*.md"))]
    unknown, count = [], 0
    for name in [*sorted(names), "README.md"]:
        if name in OTHERS:
            continue
        for line in shell_lines(page_of(env.ctx, name)):
            script = SCRIPT.match(line)
            first = line.split()[0]
            count += 1
            if not script:
                if first not in RUN_BY and not is_output(line, page_of(env.ctx, name)):
                    unknown.append((name, line))
                continue
            path = os.path.join(env.ctx.source_dir, *script.groups())
            truth(os.access(path, os.X_OK), f"{name}: `{line}` to be there", path)
            with open(path, encoding="utf-8") as file:
                said = file.read()
            for flag in re.findall(r" (--[a-z0-9-]+)", line.split("&&")[0].split("#")[0]):
                truth(flag in said, f"{name}: `{line}`: a flag {flag}", path)
    truth(count > 20, "more than twenty commands", count)
    equal(unknown, [], "commands that no row runs")


def is_output(line, text):
    """A line below a command that begins with `$ `: what the command says."""
    return re.search(r"^ +\$ .*\n(?: +(?!\$).*\n)*? +" + re.escape(line) + "$", text, re.MULTILINE) is not None
