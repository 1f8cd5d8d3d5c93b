"""The groups of conf.d in the READMEs of the providers are good as they stand there: `aigw check` takes them."""
import json
import os
import re
import subprocess

from fakes import pki
from harness import providers
from harness.runner import case, equal, fixture, truth

GROUP = re.compile(r"^ *(providers|models|prefixes|features) *:", re.MULTILINE)


class ReadmeEnv:
    def __init__(self, ctx):
        self.ctx = ctx

    def close(self):
        pass


@fixture("readmes")
def readmes(ctx):
    return ReadmeEnv(ctx)


def groups(text):
    """Indented paragraphs that are groups of conf.d."""
    found = re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE)
    return [block for block in found if block.strip() and GROUP.match(block.strip("\n"))]


def files(folder, text):
    """The text with its files of /etc/aigw in a folder, where they are made."""
    pem = pki.private_pem(pki.rsa_key("google-service-account"))
    for name in re.findall(r'"/etc/aigw/([^"]+)"', text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            json.dump({"type": "service_account", "project_id": "acme-1", "private_key": pem, "client_email": "a@example",
                       "token_uri": "https://oauth2.googleapis.com/token"}, out)
    return text.replace('"/etc/aigw/', f'"{folder}/')


def readme(name):
    @case(f"README-{name}", "readmes")
    def run(env):
        with open(os.path.join(providers.FOLDER, name, "README.md"), encoding="utf-8") as source:
            found = groups(source.read())
        truth(found, "a group of conf.d in the README")
        for text in found:
            folder = env.ctx.folder("readme")
            with open(os.path.join(folder, "90-pasted.conf"), "w", encoding="utf-8") as out:
                out.write(files(folder, text))
            needed = {key: "x" for names in re.findall(r"env:([A-Z0-9_|]+)", text) for key in names.split("|")}
            command = [env.ctx.binary, "check", "--conf-dir", env.ctx.conf_dir, "--conf-dir", folder, "--plugin-dir",
                       env.ctx.plugin_dir]
            done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", "HOME": folder, **needed},
                                  capture_output=True, text=True, timeout=60, check=False)
            equal(done.returncode, 0, f"exit code of aigw check with {text} ({done.stdout[-300:]}{done.stderr[-300:]})")


for _name in sorted(os.listdir(providers.FOLDER)):
    if os.path.exists(os.path.join(providers.FOLDER, _name, "CMakeLists.txt")):
        readme(_name)
