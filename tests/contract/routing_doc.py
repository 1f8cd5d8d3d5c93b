"""ROUTE-DOC: every snippet of docs/routing.md is checked by `aigw check`, and every `aigw route` beside it answers as the page says.
One row for each question."""
import json
import os
import re
import shlex
import subprocess

from harness.runner import add_case, equal, fixture, truth

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "routing.md")


def blocks(text):
    """Indented blocks of a section."""
    found = [[]]
    for line in text.split("\n"):
        if line.startswith("    "):
            found[-1].append(line[4:])
        elif found[-1]:
            found.append([])
    return ["\n".join(block) for block in found if block]


def read_page():
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    servers = blocks(text.split("## The servers of this page")[1].split("\n## ")[0])[0]
    sections = re.split(r"\n### ", text.split("\n## Questions\n")[1].split("\n## ")[0])[1:]
    return servers, {section.split("\n")[0]: blocks(section) for section in sections}


SERVERS, QUESTIONS = read_page()


class Folder:
    def __init__(self, ctx):
        self.ctx = ctx

    def aigw(self, *args, body=None):
        environment = {"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
                       "AIGW_CUSTOM_MODELS__ENABLED": "true", "AIGW_GITLAB_URL": "https://gitlab.example.com"}
        return subprocess.run([self.ctx.binary, *args, "--conf-dir", self.ctx.conf_dir, "--conf-dir", self.folder,
                               "--plugin-dir", self.ctx.plugin_dir], input=body, capture_output=True, text=True,
                              env=environment, timeout=60)

    def use(self, conf):
        self.folder = self.ctx.folder("routing-doc")
        # Features ask for a model that not every snippet has.
        servers = SERVERS if "coder:" in conf else SERVERS.replace(' model = "coder";', "")
        for name, text in (("80-servers.conf", servers), ("90-snippet.conf", conf)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text + "\n")
        check = self.aigw("check")
        equal(check.returncode, 0, f"aigw check of {conf}: {check.stdout}")

    def close(self):
        pass


@fixture("routing-doc", takes_s=7)
def routing_doc(ctx):
    return Folder(ctx)


def explain(env, block):
    command, *expected = block.split("\n")
    words = shlex.split(command.removeprefix("$ "))
    at = words.index("|")
    equal((words[0], words[at + 1:at + 3]), ("echo", ["aigw", "route"]), "command")
    plain = env.aigw("route", *words[at + 3:], body=words[1])
    lines = plain.stdout.split("\n")
    arrows = [line for line in expected if line.startswith("→")]
    truth(lines[-2] in arrows, f"one of {arrows} of {command}", plain.stdout + plain.stderr)
    for line in expected:
        truth(line.startswith("→") or line in lines, f"a line {line!r} of {command}", plain.stdout)
    as_json = json.loads(env.aigw("route", "--json", *words[at + 3:], body=words[1]).stdout)
    equal(as_json["target"] is None, "→ refused" in arrows[0], "no target in --json")
    equal(plain.returncode, 1 if as_json["target"] is None else 0, "exit status")
    if len(arrows) == 1 and as_json["target"]:
        truth(as_json["target"]["provider"] == arrows[0].split()[1], arrows[0], as_json)


def question(name):
    def run(env):
        seen = 0
        for block in QUESTIONS[name]:
            if block.startswith("$ "):
                explain(env, block)
                seen += 1
            else:
                env.use(block)
        truth(seen > 0, "a command in the section", name)
    return run


for number, title in enumerate(QUESTIONS, 1):
    add_case(f"ROUTE-DOC-{number:02d}", "routing-doc", question(title), __name__)
