"""Case files of model servers as they really behave (tests/faults/quirks/*.case).

    === case ID what goes wrong      begins a case; lines up to the next section are notes
    === gateway NAME=VALUE           another gateway, with this in its environment
    === ask stream|buffered          a POST to /v2/code/completions; lines below: JSON merged into the usual body
    === answer STATUS [TYPE] [+FLAG …]
                                     what the model server answers: one section a call, the last one stays. TYPE is
                                     text/event-stream when missing, - for no Content-Type at all
    === expect                       what must come of it, one a line
    === plugin NAME                  below it a case file of the conformance runner

In asks, gateways and expectations {U} is the model server's address, {PORT} its port, {K} the first path segment of
this ask (the usual endpoint is {U}/{K}/v1), {TRAP} the port of a proxy that must not be used.

An answer's lines are its body, each with its line feed; lines with @ do something:

    @header NAME: VALUE    @wait MS             what came so far is sent, then nothing for a while
    @chunk                 a chunk ends here    @raw BYTES   outside of the chunks (\\r \\n \\xNN are read)
    @repeat N TEXT         N times, joined to the line before
    @nonl                  no line feed at the end of the line before
    @close [MS]            FIN without the end of the message    @reset [MS]   RST
    @open                  neither: the connection stays until the gateway leaves

Flags: +length (Content-Length instead of chunks; +length=N says N), +bare (neither: the body goes on to the close),
+crlf (line ends), +gzip +deflate +rawdeflate +zstd, +slow (one byte a write), +ext (chunk extensions), +continue (100 and 103
before it), +early (before the request's body is read), +hex (<f0> is a byte).

Expectations: text "…" (JSON text; the answer is then complete, too), complete, fails (a status of 400 or more, or a
broken body), status N, within MS, header NAME REGEX, no-header NAME, body-has TEXT, body-not TEXT, up-target PATH (of
the first call), up-count N, log-has REGEX, utf-8 (no other bytes in the body), trapped (the proxy was used; without it
the proxy must not have been).
"""
import json
import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quirks")
EXPECTATIONS = {"text", "complete", "fails", "status", "within", "header", "no-header", "body-has", "body-not",
                "up-target", "up-count", "log-has", "trapped", "utf-8"}
FLAGS = {"length", "bare", "crlf", "gzip", "deflate", "rawdeflate", "zstd", "slow", "ext", "continue", "early", "hex"}


class Answer:
    def __init__(self, status, content_type, flags):
        self.status = status
        self.content_type = content_type
        self.flags = flags       # name → value or True
        self.headers = []
        self.steps = []          # (kind, value): data bytes, repeat (count, bytes), wait ms, chunk, raw bytes
        self.end = ("end", 0)    # or close, reset (both with ms before it), open


class Ask:
    """One row: a request, what its calls are answered, and what must come of it."""

    def __init__(self, ident, title, is_stream):
        self.id = ident
        self.title = title
        self.is_stream = is_stream
        self.body = ""
        self.answers = []
        self.expect = []         # (word, argument)
        self.gateway = {}


class PluginCase:
    def __init__(self, ident, title, plugin, text):
        self.id = ident
        self.title = title
        self.plugin = plugin
        self.text = text


def _unescape(text):
    def byte(match):
        name = match[1]
        return {b"r": b"\r", b"n": b"\n"}.get(name) or bytes([int(name[1:], 16)])
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|r|n)", byte, text.encode())


def _data(text, flags):
    data = text.encode()
    if "hex" in flags:
        data = re.sub(rb"<([0-9a-f]{2})>", lambda m: bytes([int(m[1], 16)]), data)
    return data


def _answer(argument, lines):
    words = argument.split()
    flags = {}
    for word in words:
        if word.startswith("+"):
            name, _, value = word[1:].partition("=")
            if name not in FLAGS:
                raise ValueError(f"unknown flag +{name}")
            flags[name] = value or True
    plain = [word for word in words if not word.startswith("+")]
    answer = Answer(int(plain[0]), plain[1] if len(plain) > 1 else "text/event-stream", flags)
    feed = "\r\n" if "crlf" in flags else "\n"
    body = ""

    def flush():
        nonlocal body
        if body:
            answer.steps.append(("data", _data(body, flags)))
        body = ""

    for line in lines:
        word, _, rest = line.partition(" ")
        if not line.startswith("@"):
            body += line + feed
        elif word == "@header":
            name, _, value = rest.partition(":")
            answer.headers.append((name.strip(), value.strip()))
        elif word == "@nonl":
            body = body[:-len(feed)]
        elif word == "@repeat":
            count, _, text = rest.partition(" ")
            body = body[:-len(feed)]
            flush()
            answer.steps.append(("repeat", (int(count), _data(text, flags))))
            body = feed
        elif word in ("@wait", "@chunk", "@raw"):
            flush()
            answer.steps.append({"@wait": lambda: ("wait", int(rest)), "@chunk": lambda: ("chunk", None),
                                 "@raw": lambda: ("raw", _unescape(rest))}[word]())
        elif word in ("@close", "@reset", "@open"):
            answer.end = (word[1:], int(rest or 0))
        else:
            raise ValueError(f"unknown line {line!r}")
    flush()
    return answer


def _expect(lines):
    found = []
    for line in lines:
        word, _, argument = line.partition(" ")
        if not word:
            continue
        if word not in EXPECTATIONS:
            raise ValueError(f"unknown expectation {line!r}")
        found.append((word, json.loads(argument) if word == "text" else argument))
    return found


class _Reader:
    def __init__(self):
        self.rows = []
        self.case = self.title = None
        self.number = 0
        self.gateway = {}
        self.ask = None
        self.plugin = None

    def _next_id(self):
        self.number += 1
        return f"{self.case}-{self.number}"

    def section(self, name, argument, lines):
        if name in ("case", "gateway", "ask"):
            getattr(self, "_" + name)(argument, lines)
        elif name == "plugin":
            self.plugin = PluginCase(self._next_id(), self.title, argument, "")
            self.rows.append(self.plugin)
        elif self.plugin:
            self.plugin.text += "\n".join([f"=== {name} {argument}".rstrip(), *lines, ""])
        elif name == "answer":
            self.ask.answers.append(_answer(argument, lines))
        elif name == "expect":
            self.ask.expect = _expect(lines)
        else:
            raise ValueError(f"unknown section === {name}")

    def _case(self, argument, _):
        self.case, _, self.title = argument.partition(" ")
        self.number, self.gateway, self.ask, self.plugin = 0, {}, None, None

    def _gateway(self, argument, _):
        """Lines that follow each other make one gateway; one behind an ask begins another."""
        if self.ask:
            self.gateway, self.ask = {}, None
        self.plugin = None
        key, _, value = argument.partition("=")
        self.gateway = {**self.gateway, key: value}

    def _ask(self, argument, lines):
        if argument not in ("stream", "buffered"):
            raise ValueError(f"ask {argument!r}")
        self.plugin = None
        self.ask = Ask(self._next_id(), self.title, argument == "stream")
        self.ask.body = "\n".join(lines).strip()
        self.ask.gateway = self.gateway
        self.rows.append(self.ask)


def _sections(path):
    """(line number, name, argument, lines) each."""
    found = []
    with open(path, encoding="utf-8", newline="\n") as text:
        for number, line in enumerate(text.read().split("\n")[:-1], 1):
            if line.startswith("=== "):
                name, _, argument = line[4:].partition(" ")
                found.append((number, name, argument, []))
            elif found:
                found[-1][3].append(line)
    return found


def read_file(path):
    reader = _Reader()
    for number, *section in _sections(path):
        try:
            reader.section(*section)
        except (ValueError, AttributeError, KeyError, IndexError) as err:
            raise ValueError(f"{path}:{number}: {err}") from err
    for row in reader.rows:
        row.file = os.path.basename(path)[:-len(".case")]
        if isinstance(row, Ask) and (not row.expect or not row.answers):
            raise ValueError(f"{path}: {row.id} expects nothing, or has no answer")
    return reader.rows


def read_all():
    rows = []
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(".case"):
            rows += read_file(os.path.join(FOLDER, name))
    return rows
