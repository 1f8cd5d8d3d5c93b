"""The configurations of docs/clients.md as they stand there, for a gateway, a key and a model of a test."""
import os
import re

GATEWAY, MODEL = "http://localhost:5052", "coder"  # what the page calls them
SECTION = re.compile(r"^### (.+)$", re.MULTILINE)
BLOCK = re.compile(r"(?:`(~/[^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Recipe:
    """files: {path below the home: text}; environment: {name: value}; code: {language: text}."""

    def __init__(self, ctx, client, url, key, model):
        with open(os.path.join(ctx.source_dir, "docs", "clients.md"), encoding="utf-8") as page:
            parts = SECTION.split(page.read())
        text = dict(zip(parts[1::2], parts[2::2]))[client].split("\n## ")[0]
        self.files, self.environment, self.code = {}, {"AIGW_KEY": key}, {}
        for path, language, block in BLOCK.findall(text):
            block = re.sub(rf"\b{MODEL}\b", model, block.replace(GATEWAY, url))
            if path:
                self.files[path[2:]] = block
            elif language == "sh":
                for name, value in re.findall(r"^export (\w+)=(\S+)$", block, re.MULTILINE):
                    self.environment[name] = value.replace("$AIGW_KEY", key)
            else:
                self.code[language] = block

    def write(self, home):
        for path, text in self.files.items():
            place = os.path.join(home, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as out:
                out.write(text)
