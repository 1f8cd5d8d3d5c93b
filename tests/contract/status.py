"""`aigw status` and `aigw top`: what a running gateway says of itself, for people and as JSON."""
import json
import os
import pty
import signal
import subprocess
import time

from fakes.models import Reply
from fakes.net import Gate, Server
from harness import http
from harness.command import run
from harness.runner import case, equal, fixture, truth

from ._env import Env, completion

PATH = "/v2/code/completions"


class Running(Env):
    def settings(self, **changes):
        return {"AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1",
                "AIGW_FASTAPI__API_PORT": str(self.gw.port), "AIGW_FASTAPI__METRICS_PORT": str(self.gw.metrics_port),
                **changes}

    def command(self, *args, **changes):
        return run(self.ctx, *args, env=self.settings(**changes), plugins=False)


@fixture("status")
def status(ctx):
    return Running(ctx, name="status", conf=lambda env: (
        f'providers: {{ here = {{ plugin = "openai"; base_url = "{env.models.script(Reply()).base}"; }}; }};\n'
        'models: { coder = { targets = ( { provider = "here"; model = "mock"; } ); }; };\n'))


def busy(env):
    """One good call, one that fails, one stream that stays open. What ends the stream."""
    equal(env.post(PATH, completion(env.models.script(Reply())), env.auth()).status, 200)
    equal(env.post(PATH, completion(env.models.script(Reply(status=400))), env.auth()).status, 503)
    gate = Gate()
    script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
    stream = env.gw.connect(timeout=20)
    stream.send(http.render("POST", PATH, env.auth(), completion(script, stream=True)))
    truth(script.wait(lambda s: s.seen and s.seen[0].pieces_sent), "a stream", script.seen)

    def end():
        gate.set()
        truth(stream.read_response().is_complete, "a whole stream", "a cut one")
        stream.close()
    return end


@case("OP-ST-status", "status")
def says(env):
    end = busy(env)
    result = env.command("status")
    data = json.loads(env.command("status", "--json").out)
    end()
    equal((result.status, result.err), (0, ""))
    for text in (f"gateway      http://127.0.0.1:{env.gw.port}  ready, up ", "2 workers", "requests     1 open, ",
                 " of clients, ", "keys         Gitlab: 3, read ",
                 "codestral (litellm)", "ATTEMPTS AT A PROVIDER", "coder", "mock at here", "closed"):
        truth(text in result.out, text, result.out)
    # The stream's, and perhaps one of before whose end was not seen yet.
    truth(any(f"connections  {count} of clients" in result.out for count in (1, 2)), "a connection", result.out)
    row = next(row for row in data["models"] if row["name"] == "codestral")
    equal((row["in_flight"], row["good"] >= 1, row["failed"] >= 1), (1, True, True), f"row {row}")
    equal((data["requests"]["open"], data["ready"]["status"]), (1, "ready"))
    truth(data["process"]["memory_bytes"] > 1e6 and data["connections"]["clients"] >= 1, "numbers of the process", data)


@case("OP-ST-nobody", "status")
def nobody(env):
    for command in ("status", "top"):
        result = env.command(command, AIGW_FASTAPI__API_PORT="1")
        equal((result.status, result.out), (1, ""))
        truth("no gateway answers at http://127.0.0.1:1: " in result.err, "where it looked", result)
    result = env.command("status", AIGW_FASTAPI__METRICS_HOST="")
    equal(result.status, 0)
    truth("the metrics listener is off" in result.out, "what is missing", result)


ODD = (("number", "5", 1), ("list", "[]", 1), ("no status", '{"providers":[]}', 1), ("page", "<html></html>", 1),
       ("shapes", '{"status":"ready","keys":{"issuers":[]},"plugins":{},"models":[],"quotas":5,"quotas_used":{},"config":[]}', 0),
       ("items", '{"status":"ready","keys":{"issuers":{"a":5}},"plugins":[5],"models":{"m":{},"n":[5]},"quotas_used":[[]]}', 0))


@case("OP-ST-stranger", "status")
def stranger(env):
    """Something else answers at the address, with whatever shapes: it is told from a gateway, and ends no command."""
    for ident, body, expected in ODD:
        async def answer(ex, body=body):
            ex.reply(200, body)
        server = Server(answer)
        try:
            for words in (("status",), ("status", "--json"), ("top",), ("doctor",)):
                result = env.command(*words, AIGW_FASTAPI__API_PORT=str(server.port), AIGW_CUSTOMER_PORTAL_URL="",
                                     AIGW_GITLAB_URL=env.gitlab.url)
                truth(result.status == expected if words[0] != "doctor" else result.status in (0, 1, 2),
                      f"exit status {expected} of {words} with {ident}", result)
                truth(words[0] == "doctor" or expected == 0 or "what answers there is no aigw" in result.err,
                      f"a word about it from {words} with {ident}", result)
            for words in (("health",), ("health", "--ready")):
                result = env.command(*words, AIGW_FASTAPI__API_PORT=str(server.port))
                equal(result.status, expected, f"exit status of {words} with {ident}: {result}")
        finally:
            server.close()


@case("OP-ST-top", "status")
def rates(env):
    """Not in a terminal: once, over one second."""
    for args in ((), ("--json",)):
        child = subprocess.Popen([env.ctx.binary, "top", *args, "--conf-dir", env.ctx.conf_dir], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin", **env.settings()})
        while child.poll() is None:
            equal(env.post(PATH, completion(env.models.script(Reply())), env.auth()).status, 200)
        out, err = child.communicate()
        equal((child.returncode, err), (0, ""))
        if args:
            truth(json.loads(out)["per_second"]["requests"] > 1, "requests per second", out)
        else:
            truth("; now " in out and "now/s" in out, "rates", out)


@case("OP-ST-terminal", "status")
def terminal(env):
    """Live in a terminal: painted anew each second, until Ctrl-C."""
    leader, follower = pty.openpty()
    child = subprocess.Popen([env.ctx.binary, "top", "--conf-dir", env.ctx.conf_dir], stdin=follower, stdout=follower,
                             stderr=follower, env={"PATH": "/usr/bin", "TERM": "xterm", **env.settings()})
    os.close(follower)
    seen, deadline = b"", time.monotonic() + 20
    while seen.count(b"\x1b[H") < 3 and time.monotonic() < deadline:
        seen += os.read(leader, 65536)
    child.send_signal(signal.SIGINT)
    equal(child.wait(10), 0, "exit status after Ctrl-C")
    os.close(leader)
    truth(seen.count(b"gateway      http") >= 2 and b"Ctrl-C ends" in seen, "two screens", seen)
