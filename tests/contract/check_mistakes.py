"""`aigw check` on the mistakes that operators make: each is one line with its place, what was found, what was expected and the
nearest right name. The table is check_mistakes.txt; here is what a table cannot show."""
import os
import re
import shutil
import subprocess

from cryptography.hazmat.primitives import serialization

from fakes import pki
from harness.runner import Skip, add_case, equal, fixture

BASE = """providers: { openai: { plugin = "openai"; base_url = "http://vllm:8000/v1"; }; };
families: { mistral: { title = "Mistral"; }; };
"""
KINDS = ("error", "warning", "note")


class Mistake:
    def __init__(self, ident):
        self.id = ident
        self.files = {}
        self.env = {}
        self.modes = {}
        self.expected = []
        self.plugin_dir = None
        self.prepare = None  # function (folder, ca) that writes what is not text

    def file(self, name, content):
        self.files[name] = content
        return self

    def says(self, *lines):
        self.expected += lines
        return self

    def __call__(self, env):
        folder = env.ctx.folder("mistake")
        try:
            self.write(folder, env)
            found = self.check(env, folder)
        finally:
            shutil.rmtree(folder)
        wanted = [line.replace("{d}", folder) for line in self.expected]
        matches = len(found) == len(wanted) and all(
            re.fullmatch(re.escape(line).replace("<\\*>", ".*"), text) for line, text in zip(wanted, found))
        if not matches:
            equal("\n".join(found), "\n".join(wanted), "lines of aigw check:")

    def write(self, folder, env):
        for name, content in {"10-base.conf": BASE, **self.files}.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(content, str):
                content = content.replace("{d}", folder).encode()
            with open(path, "wb") as out:
                out.write(content)
            os.chmod(path, 0o644)
        if self.prepare:
            self.prepare(folder, env.ca)
        for name, mode in self.modes.items():
            os.chmod(os.path.join(folder, name), mode)

    def check(self, env, folder):
        """The lines it prints, each with its kind in front and without the folder."""
        command = [env.ctx.binary, "check", "--conf-dir", folder, "--plugin-dir", self.plugin_dir or env.ctx.plugin_dir]
        result = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **self.env}, cwd=folder, capture_output=True,
                                timeout=60, check=False)
        lines = (result.stdout + result.stderr).decode("utf-8", "replace").replace(folder + "/", "").splitlines()
        summary = lines.pop()
        errors = sum(not line.startswith(("warning: ", "note: ")) for line in lines)
        warnings = sum(line.startswith("warning: ") for line in lines)
        equal(summary, f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}")
        equal(result.returncode, 1 if errors else 0, "exit status")
        return [line.replace(": ", " ", 1) if line.startswith(("warning: ", "note: ")) else "error " + line
                for line in lines]


class Place:
    def __init__(self, ctx):
        self.ctx = ctx
        self.ca = pki.CA(ctx.folder("mistakes-ca"))

    def close(self):
        pass


@fixture("check-mistakes", takes_s=12)
def place(ctx):
    return Place(ctx)


# -- the table ---------------------------------------------------------------------------------------------------------

def table():
    path = os.path.join(os.path.dirname(__file__), "check_mistakes.txt")
    mistake = name = None
    with open(path, encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            line = line.rstrip("\n")
            word, _, rest = line.partition(" ")
            if line.startswith("["):
                mistake, name = Mistake(line.strip("[]")), "90-local.conf"
                yield mistake
            elif line.startswith("    "):
                mistake.files[name] = mistake.files.get(name, "") + line[4:] + "\n"
            elif word == "file":
                name = rest
                mistake.files[name] = ""
            elif word == "env":
                key, _, value = rest.partition("=")
                mistake.env[key] = value
            elif word in KINDS:
                mistake.expected.append(line)
            elif line and not line.startswith("#"):
                raise ValueError(f"{path}:{number}: expected one of the forms that its head describes, found {line!r}")


# -- what is not plain text --------------------------------------------------------------------------------------------

GOOD = "server: { port = 5052; };\n"
TYPO = "error 90-local.conf:{} server.prot: unknown, did you mean port?"


def conf(ident, content, *expected):
    return Mistake(ident).file("90-local.conf", content).says(*expected)


def pipe_at(name):
    """Nobody writes to it: whoever opens it to read would wait for ever."""
    def prepare(folder, _ca):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        os.mkfifo(os.path.join(folder, name))
    return prepare


def files():
    nul = "a NUL byte; the file is not text, expected UTF-8"
    utf16 = "error 90-local.conf:1: this file is UTF-16, expected UTF-8: save it in that encoding"
    yield conf("nul", GOOD.encode() + b"\0", f"error 90-local.conf:2: {nul}")
    yield conf("utf16", GOOD.encode("utf-16"), utf16)
    yield conf("utf16-big-endian", b"\xfe\xff" + GOOD.encode("utf-16-be"), utf16)
    yield conf("utf16-without-mark", GOOD.encode("utf-16-le"), utf16)
    yield conf("latin1", 'server: { environment = "Br\xfccke"; };\n'.encode("latin-1"),
               "error 90-local.conf:1: server.environment: is not valid UTF-8")
    yield conf("mark-is-no-mistake", b"\xef\xbb\xbf" + b"server: { prot = 5052; };\n", TYPO.format("1:"))
    yield conf("crlf-is-no-mistake", "server: {\r\n    prot = 5052;\r\n};\r\n", TYPO.format("2:"))
    for ident, last in (("hash", "# the end"), ("slashes", "// the end"), ("stars", "/* the end */"), ("nothing", "")):
        yield conf(f"last-line-ends-in-{ident}-is-no-mistake", "server: { prot = 5052; };\n" + last, TYPO.format("1:"))
        yield conf(f"only-line-ends-in-{ident}-is-no-mistake", "server: { prot = 5052; }; " + last, TYPO.format("1:"))
    yield conf("tabs-are-no-mistake", "server: {\n\t\tprot = 5052;\n};\n", TYPO.format("2:"))
    yield conf("cr-alone", "server: {\r    port = 5052;\r};\r",
               "error 90-local.conf:1: this line ends in CR alone, expected LF or CRLF")
    yield conf("no-break-space", "server: {\n\u00a0\u00a0port = 5052;\n};\n",
               "error 90-local.conf:2: found a no-break space (U+00A0), expected an ordinary one")
    yield conf("program", b"\x7fELF\x02\x01\x01\0\0\0",
               "error 90-local.conf:1: found the byte 0x7f, expected a setting:  name = value;")
    yield Mistake("folder-as-file").file("90-local.conf/x", "").says("error 90-local.conf: is not a regular file")
    for where, text, words in (("conf", None, "90-local.conf: cannot be opened: "),
                               ("key", 'auth: { signing_key = "file:{d}/pipe"; };\n',
                                '90-local.conf:1: auth.signing_key: file "pipe" cannot be opened: '),
                               ("prompt", None, "prompts/mine/base/1.0.0.conf: cannot be read: ")):
        mistake = Mistake(f"pipe-as-{where}").says(f"error {words}it is a pipe, expected a file: each reload reads it again")
        if text:
            mistake.file("90-local.conf", text)
        mistake.prepare = pipe_at({"conf": "90-local.conf", "key": "pipe", "prompt": "prompts/mine/base/1.0.0.conf"}[where])
        yield mistake
    mistake = Mistake("plugin-folder").says("error /nonexistent/lib: cannot read this plugin folder: No such file or "
                                            "directory; name the right one with --plugin-dir")
    mistake.plugin_dir = "/nonexistent/lib"
    yield mistake
    mistake = conf("secret-in-private-file", 'providers: { v: { plugin = "openai"; base_url = "http://a/v1"; '
                                             'api_key = "sk-verysecretkey12345"; }; };\n')
    mistake.modes["90-local.conf"] = 0o640
    yield mistake


def copy(source, folder, name):
    shutil.copyfile(source, os.path.join(folder, name))


def certificates():
    tls = 'tls: { enabled = true; cert_file = "{d}/tls.crt"; key_file = "{d}/tls.key"; };\n'

    def mismatch(folder, ca):
        copy(ca.issue()[0], folder, "tls.crt")
        copy(ca.issue()[1], folder, "tls.key")
    mistake = conf("certificate-of-another-key", tls,
                   "error 90-local.conf:1: tls.cert_file: tls.crt and tls.key: <*>")
    mistake.prepare = mismatch
    yield mistake

    def swapped(folder, ca):
        cert, key = ca.issue()
        copy(key, folder, "tls.crt")
        copy(cert, folder, "tls.key")
    mistake = conf("certificate-and-key-swapped", tls,
                   "error 90-local.conf:1: tls.cert_file: tls.crt and tls.key: <*>")
    mistake.prepare = swapped
    yield mistake

    def encrypted(folder, _ca):
        pem = pki.rsa_key("mistakes").private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                    serialization.BestAvailableEncryption(b"word"))
        with open(os.path.join(folder, "key.pem"), "wb") as out:
            out.write(pem)
    mistake = conf("signing-key-with-password", 'auth: { signing_key = "file:{d}/key.pem"; };\n',
                   "warning 90-local.conf:1: auth.signing_key: not a readable PEM key (<*>); expected an unencrypted RSA "
                   "private key: its first line says BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY, and it has real "
                   "newlines or \\n")
    mistake.prepare = encrypted
    yield mistake

    def small(folder, _ca):
        with open(os.path.join(folder, "key.pem"), "w", encoding="ascii") as out:
            out.write(pki.private_pem(pki.rsa_key("mistakes-small", 1024)))
    mistake = conf("signing-key-too-small", 'auth: { signing_key = "file:{d}/key.pem"; };\n',
                   "warning 90-local.conf:1: auth.signing_key: <*>2048<*>")
    mistake.prepare = small
    yield mistake

    def der(folder, ca):
        with open(os.path.join(folder, "key.pem"), "wb") as out:
            out.write(ca.cert.public_bytes(serialization.Encoding.DER))
    mistake = conf("signing-key-is-der", 'auth: { signing_key = "file:{d}/key.pem"; };\n',
                   'error 90-local.conf:1: auth.signing_key: file "key.pem" holds NUL bytes, expected text')
    mistake.prepare = der
    yield mistake


def unreadable(env):
    if os.geteuid() == 0:
        raise Skip("root reads every file")
    mistake = conf("unreadable", 'tls: { enabled = true; cert_file = "{d}/tls.crt"; key_file = "{d}/tls.key"; };\n',
                   "error 90-local.conf:1: tls.key_file: tls.key: cannot be read: Permission denied")
    mistake.prepare = lambda folder, ca: [copy(path, folder, name) for path, name in
                                          zip(ca.issue(), ("tls.crt", "tls.key"))]
    mistake.modes["tls.key"] = 0
    mistake(env)


for _mistake in [*table(), *files(), *certificates()]:
    add_case(f"CHECK-{_mistake.id}", "check-mistakes", _mistake, __name__)
add_case("CHECK-unreadable-key", "check-mistakes", unreadable, __name__)
