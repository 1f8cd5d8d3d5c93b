"""The shipped conf.d reads like documentation: every setting that a table of the program declares stands in it, with its true
default, and each such line may be uncommented as it is."""
import glob
import json
import os
import re
import shutil
import subprocess

from harness.runner import case, equal, fixture, truth


class Shipped:
    def __init__(self, ctx):
        self.ctx = ctx
        out = subprocess.run([ctx.binary, "config", "--plugin-dir", ctx.plugin_dir], capture_output=True, text=True,
                             timeout=60, check=True).stdout
        self.core, self.plugins = tables(out)
        self.groups = groups(out)
        self.texts = {}
        for path in sorted(glob.glob(os.path.join(ctx.conf_dir, "*.conf"))):
            with open(path, encoding="utf-8") as text:
                self.texts[os.path.basename(path)] = text.read()

    def close(self):
        pass


@fixture("shipped-conf")
def shipped(ctx):
    return Shipped(ctx)


def cells(line):
    return [cell.replace("\\|", "|").strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def tables(text):
    """[(section, name, type, default)] of the core, and the same of plugins with the plugin's name in front."""
    core, plugins, plugin = [], [], None
    for line in text.splitlines():
        heading = re.match(r"## (?:provider|feature) `(\w+)`", line)
        plugin = heading[1] if heading else plugin
        if not line.startswith("| `"):
            continue
        row = cells(line)
        if plugin:
            plugins.append((plugin, row[0], row[1], row[2]))
        elif "." in row[0]:
            core.append((*row[0].split(".", 1), row[2], row[3]))
    return core, plugins


def groups(text):
    """{heading: names} of what groups with names of their own have: models, targets, providers, rules …"""
    found, heading = {}, None
    for line in text.split("# Models and routing")[1].split("\n# ")[0].splitlines():
        if line.startswith("## "):
            heading = line[3:].split(",")[0]
        elif line.startswith("| `"):
            found.setdefault(heading, []).append(cells(line)[0])
    return found


def blocks(env, head):
    """Texts of all groups whose first line matches."""
    for text in env.texts.values():
        for match in re.finditer(head, text, re.M):
            depth, at = 0, text.index("{", match.start())
            for end in range(at, len(text)):
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                if depth == 0:
                    yield text[at:end]
                    break


def written(kind, default):
    """The default as conf.d has it; None when the setting has none."""
    if default == "not set" or default == "required":
        return None
    if kind.startswith("text"):
        return '"' + default.replace('"', '\\"') + '"'
    if kind == "list" and default.startswith("["):
        return "( " + ", ".join(json.dumps(item) for item in json.loads(default)) + " )"
    if kind == "list":
        return "( " + ", ".join(f'"{item.strip()}"' for item in default.split(",")) + " )"
    return default


def missing(env, rows, heads):
    for group, name, kind, default in rows:
        texts = list(blocks(env, heads(group)))
        if not texts:
            yield f"{group}: no group in the shipped conf.d"
        found = [value for text in texts for value in
                 re.findall(rf"^ *(?://)? *{name} *[=:] *(.*?);(?: *//.*| *\*/.*)?$", text, re.M)]
        wanted = written(kind, default)
        if not any(re.search(rf"(?<!\w){name} *[=:]", text) for text in texts):
            yield f"{group}.{name} is not mentioned"
        elif found and wanted is not None and wanted not in found and not any(value.startswith('"env:') for value in found):
            yield f"{group}.{name} = {' or '.join(found)}, the default is {wanted}"


@case("CONF-shipped-core", "shipped-conf")
def core(env):
    truth(len(env.core) > 80, "the settings of the core", env.core)
    equal(list(missing(env, env.core, lambda section: rf"^{section}: {{")), [], "settings of the core in conf.d")


@case("CONF-shipped-plugins", "shipped-conf")
def plugins(env):
    truth(len(env.plugins) > 80, "the settings of plugins", env.plugins)
    equal(list(missing(env, env.plugins, lambda plugin: rf'^    \w+: *{{[^{{}}]*?plugin = "{plugin}";')), [],
          "settings of plugins in conf.d")


@case("CONF-shipped-models", "shipped-conf")
def models(env):
    """`aigw config` has the settings of named groups too, and each of them stands in the file that is about it."""
    files = {"models.NAME": "50-models.conf", "each of models.NAME.targets": "50-models.conf", "providers.NAME": "30-providers.conf",
             "each of routing.endpoints": "50-models.conf", "each of routing.rules": "50-models.conf", "`when` of a rule": "50-models.conf",
             "families.NAME": "40-families.conf", "prefixes.NAME": "45-prefixes.conf"}
    equal(sorted(env.groups), sorted(files), "groups in the reference")
    truth("hedge_ms" in env.groups["models.NAME"] and "health" in env.groups["providers.NAME"], "their settings", env.groups)
    for group, file in files.items():
        equal([name for name in env.groups[group] if not re.search(rf"(?<!\w){name}(?!\w)", env.texts[file])], [],
              f"settings of {group} that {file} does not mention")


@case("CONF-shipped-uncommented", "shipped-conf")
def uncommented(env):
    """Take the strokes away from every default of the core: nothing is wrong, and nothing changes."""
    defaults = {(section, name): written(kind, default) for section, name, kind, default in env.core}
    folder = env.ctx.folder("uncommented")
    count = 0
    for file, text in env.texts.items():
        section, lines = None, []
        for line in text.splitlines():
            opened = re.match(r"(\w+): {", line)
            section = opened[1] if opened else section
            setting = re.match(r"    // (\w+) = (.*);$", line)
            if setting and defaults.get((section, setting[1])) == setting[2]:
                line = line.replace("// ", "", 1)
                count += 1
            lines.append(line)
        with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
    shutil.copytree(os.path.join(env.ctx.conf_dir, "prompts"), os.path.join(folder, "prompts"))
    result = subprocess.run([env.ctx.binary, "check", "--conf-dir", folder, "--plugin-dir", env.ctx.plugin_dir],
                            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False)
    equal((result.returncode, result.stdout + result.stderr), (0, "0 errors, 0 warnings\n"), "aigw check")
    truth(count > 60, "more than 60 defaults", count)
