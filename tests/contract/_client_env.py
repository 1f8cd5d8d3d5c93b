"""What the CL rows of client_apis*.py share: a gateway in front of a server of OpenAI's dialect (gpt) and one of Anthropic's (claude), and
what clients send to it and read of its answers."""
import hashlib
import json

from fakes.models import Reply
from harness.runner import add_case, fixture, truth, equal

from ._env import Env

KEY = "aigw-client00-canary-key-18c1"
SERVER_KEY = "sk-server-canary-77d2"
CONF = """
upstream: {{ retries = 0; }};
limits: {{ stream_status_ms = 300; }};
keys: {{ client: {{ hash = ( "sha256:{hash}" ); }};
         narrow: {{ hash = ( "sha256:{narrow}" ); models = ( "gpt" ); }}; }};
providers: {{
    of_openai: {{ plugin = "openai"; base_url = "{openai}/v1"; api_key = "{key}"; }};
    of_anthropic: {{ plugin = "anthropic"; base_url = "{anthropic}"; api_key = "{key}"; }};
}};
models: {{
    gpt: {{ targets = ( {{ provider = "of_openai"; model = "gpt-real"; }} ); max_context_tokens = 8000; }};
    claude: {{ targets = ( {{ provider = "of_anthropic"; model = "claude-real"; }} ); max_context_tokens = 200000; }};
    both: {{ targets = ( {{ provider = "of_openai"; model = "gpt-real"; }},
                         {{ provider = "of_anthropic"; model = "claude-real"; weight = 0; }} ); }};
}};
features: {{
    openai_api: {{ plugin = "openai_api"; {openai_settings} aliases = ( "gpt-4* = gpt", "gpt-5* = gpt", "gpt-6* = gpt", "org/gpt = gpt" ); }};
    anthropic_api: {{ plugin = "anthropic_api"; aliases = ( "claude-* = claude" ); }};
    gemini_api: {{ plugin = "gemini_api"; aliases = ( "gemini-* = gpt" ); }};
    models_api: {{ plugin = "models_api"; }};
}};
"""


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


class ClientEnv(Env):
    def __init__(self, ctx, openai_settings="", **kwargs):
        def conf(env):
            env.openai, env.anthropic = env.models.script(), env.models.script()
            return CONF.format(hash=sha(KEY), narrow=sha(KEY + "n"), openai=env.openai.root,
                               anthropic=env.anthropic.root, key=SERVER_KEY, openai_settings=openai_settings)
        super().__init__(ctx, conf=conf, **kwargs)
        ctx.secret(KEY)
        ctx.secret(SERVER_KEY)

    def ask(self, path, body, *replies, headers=None, method="POST"):
        for script in (self.openai, self.anthropic):
            script.replies = list(replies) or [Reply(("hel", "lo"), usage=(7, 2))]
            script.seen.clear()
        return self.request(method, path, {"Authorization": f"Bearer {KEY}", **(headers or {})},
                            body if body is None or isinstance(body, (str, bytes)) else json.dumps(body))

    def asked(self):
        """The body that the model server got."""
        seen = self.openai.seen + self.anthropic.seen
        truth(len(seen) == 1, "one request at the model servers", len(seen))
        return seen[0].json()


@fixture("client-apis")
def client_apis(ctx):
    return ClientEnv(ctx, name="client-apis")


@fixture("client-apis-pass")
def client_apis_pass(ctx):
    return ClientEnv(ctx, 'responses_pass = true;', name="client-apis-pass")


CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def chat(model="gpt", **more):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


def message(model="claude", **more):
    return {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}], **more}


def chunks(response):
    """The JSON of each event of a chat stream, and whether the end marker came."""
    events = [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]
    is_ended = bool(events) and events[-1] == "[DONE]"
    return [json.loads(event) for event in events if event != "[DONE]"], is_ended


def events(response):
    """(name, data) of each event of an Anthropic stream."""
    found = []
    for block in response.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def text_of(found):
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in found if chunk["choices"])


def bad_body(module, ident, path, body, http_status, **wanted):
    def run(env):
        response = env.ask(path, body)
        equal(response.status, http_status, "status")
        error = response.json()["error"]
        equal({key: error.get(key) for key in wanted}, wanted, "error")
        truth(error["message"], "words", error)
        equal(len(env.openai.seen) + len(env.anthropic.seen), 0, "requests at the model servers")
    add_case(ident, "client-apis", run, module)


def gemini(model, method="generateContent", version="v1beta"):
    return f"/{version}/models/{model}:{method}"


ASK = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def gemini_text(found):
    return "".join(part.get("text", "") for item in found for candidate in item.get("candidates", ())
                   for part in candidate.get("content", {}).get("parts", ()))
