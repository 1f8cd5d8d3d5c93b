"""Agents that people run at a command line, each for a session with a tool in it: configured as docs/clients.md says, in an empty
home, with no way out but loopback. The model behind the gateway asks for a file that only the agent's own tool can read."""
import os
import platform
import re
import shutil
import signal
import subprocess
import sys

from contract._client_env import KEY, ClientEnv
from fakes.models import Reply
from harness.runner import Skip, case, equal, fixture, truth

from . import _npm, _pypi
from ._scripted import Coder, file_with
from ._recipes import Recipe

HERE = os.path.dirname(os.path.abspath(__file__))
WORD = "heron-4711"
ASK = "What is the word in note.txt?"
LIMIT_S = 120  # of a session; an idle machine needs 1 to 10
CLOSED = "http://127.0.0.1:9"


class Session:
    """What came of one: the agent's output and exit code, and (method, path, status) of all it asked the gateway."""

    def __init__(self, output, code, asked):
        self.output, self.code, self.asked = output, code, asked


class AgentEnv(ClientEnv):
    """start: makes (command, environment) of an agent for (env, home, question); doing so it may put files into the home."""

    def __init__(self, ctx, name, client, start):
        self.client, self.start = client, start
        start.install(ctx)
        super().__init__(ctx, name=name)
        self.folder = ctx.folder(name)
        self.note = file_with(self.folder, WORD)
        self.sessions = 0

    def session(self, model, replies=None, key=KEY, **how):
        self.sessions += 1
        home = os.path.join(self.folder, f"home{self.sessions}")
        os.makedirs(home)
        for script in (self.openai, self.anthropic):
            script.seen.clear()
            script.replies = replies or Coder(self.note, WORD)
        recipe = Recipe(self.ctx, self.client, f"http://127.0.0.1:{self.gw.port}", key, model)
        recipe.write(home)
        command, environment = self.start(self, home, **how)
        asked_before = len(self.access_log())
        output, code = _run(command, self.folder, {
            "PATH": os.pathsep.join((os.path.dirname(shutil.which("node") or "/usr/bin/node"), "/usr/bin", "/bin")), "HOME": home,
            "TMPDIR": self.folder, "HTTP_PROXY": CLOSED, "HTTPS_PROXY": CLOSED, "http_proxy": CLOSED, "https_proxy": CLOSED,
            "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", "CI": "1", "GIT_CEILING_DIRECTORIES": self.ctx.work_dir, **recipe.environment, **environment})
        return Session(output, code, self.access_log()[asked_before:])

    def access_log(self):
        return [(line["method"], line["path"], line["status_code"]) for line in list(self.gw.lines)
                if line.get("logger") == "api.access" and line["path"] != "/api/hello"]  # which Claude Code may ask at any time


def _run(command, folder, environment):
    """Whatever an agent leaves running goes with it."""
    process = subprocess.Popen(["nice", "-n", "15", *command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return output + f"\n(still running after {LIMIT_S} s)", None
    return output, process.returncode


# -- the agents ------------------------------------------------------------------------------------------------------

def _machine():
    kind = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine())
    if kind is None or sys.platform != "linux":
        raise Skip(f"the packages have no program for {sys.platform} on {platform.machine()}")
    return kind


class NodeAgent:
    """An agent from npm. Packages whose own command is put there by an install script, which is not run, name its file."""
    packages = os.path.join(HERE, "agent_packages")
    needs_node = 0

    def install(self, ctx):
        if self.needs_node:
            found = _npm.node_version()
            if found < self.needs_node:
                raise Skip(f"it needs Node.js {self.needs_node}, found {found}")
        modules = os.path.join(_npm.installed(ctx, self.packages, "agents", 400), "node_modules")
        self.program = os.path.join(modules, self.file.format(machine=_machine()))
        if not os.access(self.program, os.X_OK):
            raise Skip(f"npm put no {self.program} there")


class Codex(NodeAgent):
    file = ".bin/codex"

    def __call__(self, env, home, provider="aigw"):
        own = ["-c", 'model_provider="openai"', "-c", f'openai_base_url="http://127.0.0.1:{env.gw.port}/v1"']
        quiet = ["-c", "analytics.enabled=false", "-c", "feedback.enabled=false", "-c", "check_for_update_on_startup=false"]
        return [self.program, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", *quiet,
                *(own if provider == "openai" else ()), ASK], {"CODEX_API_KEY": KEY} if provider == "openai" else {}


class ClaudeCode(NodeAgent):
    file = "@anthropic-ai/claude-code-linux-{machine}/claude"

    def __call__(self, env, home, more=()):
        return [self.program, "-p", ASK], {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
                                           "DISABLE_TELEMETRY": "1", **dict(more)}


class Gemini(NodeAgent):
    file = ".bin/gemini"
    needs_node = 20

    def __call__(self, env, home):
        quiet = os.path.join(env.folder, "gemini.json")
        with open(quiet, "w", encoding="utf-8") as out:
            out.write('{"privacy": {"usageStatisticsEnabled": false}, "telemetry": {"enabled": false},'
                      ' "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false}}')
        return [self.program, "--skip-trust", "-p", ASK], {"GEMINI_CLI_SYSTEM_SETTINGS_PATH": quiet}


class OpenCode(NodeAgent):
    file = "opencode-linux-{machine}-baseline/bin/opencode"  # what opencode-ai installs, without its list of all systems

    def __call__(self, env, home):
        return [self.program, "run", ASK], {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1",
                                            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}


class Aider:
    """Has no tools: its model writes the changes of files into its answer."""

    def install(self, ctx):
        if sys.version_info >= (3, 13):
            raise Skip(f"aider-chat needs a Python older than 3.13, found 3.{sys.version_info.minor}")
        self.packages = _pypi.installed(ctx, "aider", 400)

    def __call__(self, env, home):
        shutil.copy(env.note, os.path.join(home, "note.txt"))
        return [sys.executable, "-P", "-m", "aider", "--no-git", "--no-check-update", "--analytics-disable", "--yes-always",
                "--no-pretty", "--no-show-release-notes", "--map-tokens", "0", "--edit-format", "diff", "--message",
                "say goodbye", os.path.join(home, "note.txt")], {
                    "PYTHONPATH": self.packages, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                    "AIDER_CHAT_HISTORY_FILE": os.path.join(home, "chat"), "AIDER_INPUT_HISTORY_FILE": os.path.join(home, "input")}


for _name, _client, _start in (("codex", "Codex", Codex()), ("claude-code", "Claude Code", ClaudeCode()),
                               ("gemini-cli", "Gemini CLI", Gemini()), ("opencode", "opencode", OpenCode()),
                               ("aider", "aider", Aider())):
    fixture(f"agent-{_name}", heavy=True)(
        lambda ctx, name=_name, client=_client, start=_start: AgentEnv(ctx, f"agent-{name}", client, start))


# -- sessions --------------------------------------------------------------------------------------------------------

def reads_the_note(name, path, ident, model, behind, asks=(), times=1, row="", **how):
    """behind: the script of the model that answers. asks: what else it asks the gateway for. row: of the references."""
    @case(f"{row} CLIENT-agent-{name}-{ident}".strip(), f"agent-{name}")
    def run(env):
        done = env.session(model, Coder(env.note, WORD, times), **how)
        truth(WORD in done.output and done.code == 0, f"exit code 0 and {WORD}", f"{done.code}: {done.output[-600:]}")
        script = getattr(env, behind)
        truth(sum(WORD in result for result in script.replies.results) >= times, f"{times} results at the model", done.output[-600:])
        other = env.anthropic if behind == "openai" else env.openai
        equal([seen.path for seen in other.seen], [], "asked of a model that nobody named")
        equal({ask for ask in done.asked if ask[:2] != ("POST", path)}, set(asks), "other requests")
        equal({ask[2] for ask in done.asked if ask[:2] == ("POST", path)}, {200}, "statuses")


WEBSOCKET = ("GET", "/v1/responses", 426)
for _model, _behind in (("gpt", "openai"), ("claude", "anthropic")):
    reads_the_note("codex", "/v1/responses", _model, _model, _behind)
    reads_the_note("claude-code", "/v1/messages?beta=*", _model, _model, _behind)
    reads_the_note("codex", "/v1/responses", f"twice-{_model}", _model, _behind, times=2, row="CL-RSP-12" if _model == "gpt" else "")
    reads_the_note("gemini-cli", f"/v1beta/models/{_model}:streamGenerateContent?alt=*", _model, _model, _behind,
                   row="CL-GEM-09" if _model == "claude" else "")
    reads_the_note("opencode", "/v1/chat/completions", _model, _model, _behind)
# Models that it knows make it list other tools: free text held to a grammar, a namespace in the conversation.
reads_the_note("codex", "/v1/responses", "free-text", "gpt-5.5", "openai")
reads_the_note("codex", "/v1/responses", "namespaces", "gpt-6", "openai")
# Its own provider with another address tries a WebSocket first.
reads_the_note("codex", "/v1/responses", "websocket", "gpt", "openai", (WEBSOCKET,), provider="openai")
reads_the_note("claude-code", "/v1/messages?beta=*", "own-names", "claude-opus-4-8", "anthropic")
reads_the_note("claude-code", "/v1/messages?beta=*", "api-key", "gpt", "openai",
               more={"ANTHROPIC_AUTH_TOKEN": "", "ANTHROPIC_API_KEY": KEY})
reads_the_note("claude-code", "/v1/messages?beta=*", "discovery", "claude", "anthropic",
               (("GET", "/v1/models?limit=*", 200),), more={"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1"})

EDIT = "note.txt\n```\n<<<<<<< SEARCH\nThe word is heron-4711.\n=======\nGoodbye.\n>>>>>>> REPLACE\n```\n"
for _model in ("gpt", "claude"):
    @case(f"CLIENT-agent-aider-{_model}", "agent-aider")
    def changes_the_file(env, model=_model):
        done = env.session(model, [Reply((EDIT[:40], EDIT[40:]), usage=(70, 20))])
        with open(os.path.join(env.folder, f"home{env.sessions}", "note.txt"), encoding="utf-8") as note:
            equal(note.read(), "Goodbye.\n", f"the file after {done.output[-300:]}")
        equal((done.code, set(done.asked)), (0, {("POST", "/v1/chat/completions", 200)}), "exit code and what it asked")


def gives_up(name, ident, words, paths, replies=None, key=KEY, **how):
    """A failure that no retry cures: the agent says why, in words that its user understands, and does not try again."""
    @case(f"CLIENT-agent-{name}-{ident}", f"agent-{name}")
    def run(env):
        done = env.session("gpt", replies, key, **how)
        truth(re.search(words, done.output, re.IGNORECASE), f"a message like {words}", f"{done.code}: {done.output[-600:]}")
        truth(done.code is not None, "an end", done.output[-300:])
        equal(done.asked, paths, "what it asked")


TOO_LONG = [Reply(status=400, body={"error": {"code": "context_length_exceeded", "type": "invalid_request_error", "message":
                                              "This model's maximum context length is 8000 tokens, you asked for 9000."}})]
gives_up("claude-code", "refused-key", "api key|authenticat|log ?in", [("POST", "/v1/messages?beta=*", 401)], key="aigw-nobody00-k")
gives_up("claude-code", "too-long", "too long|context", [("POST", "/v1/messages?beta=*", 400)], TOO_LONG)
gives_up("codex", "too-long", "context window|too long", [("POST", "/v1/responses", 400)], TOO_LONG)
gives_up("gemini-cli", "refused-key", "api key|401", [("POST", "/v1beta/models/gpt:streamGenerateContent?alt=*", 401)],
         key="aigw-nobody00-k")
