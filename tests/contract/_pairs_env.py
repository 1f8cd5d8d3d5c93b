"""A gateway with every provider behind every client API, each in front of a fake server of its own dialect."""
import hashlib
import json

from fakes import dialects
from fakes.models import Reply
from fakes.net import Server
from harness import providers
from harness.runner import fixture, truth

from . import _pairs
from ._apis import APIS
from ._env import Env

KEY = "aigw-pairs000-canary-key-5b2d"
SERVER_KEY = "sk-pairs-canary-63c0"
# Models whose names tell their provider something, beside those of the table.
MORE = [("openai", "o3-mini"), ("anthropic", "claude-opus-4-7"), ("anthropic", "claude-sonnet-4-5"), ("mistral", "mistral-embed"),
        ("vertex", "gemini-3-pro"), ("vertex", "gemini-embedding-001"), ("openai", "text-embedding-3-small")]
# Models of two targets, the second when the first fails: names["anthropic", "openai"].
FALLBACKS = [(("anthropic", "test-model"), ("openai", "gpt-4.1")), (("openai", "gpt-4.1"), ("anthropic", "test-model"))]


class Metadata:
    """Google's metadata server, which lets everybody in."""

    def __init__(self, ctx):
        self.token = ctx.secret("ya29.pairs-canary")
        self.server = Server(self._handle)
        self.host = f"127.0.0.1:{self.server.port}"
        self.close = self.server.close

    async def _handle(self, ex):
        if "token" in ex.request.path:
            ex.reply(200, json.dumps({"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"}),
                     headers=(("Metadata-Flavor", "Google"),))
        else:
            ex.reply(200, "p", content_type="text/plain", headers=(("Metadata-Flavor", "Google"),))


class PairsEnv(Env):
    """settings: of each API."""

    def __init__(self, ctx, name="pairs", settings=""):
        self.settings = settings
        _, self.rows = providers.matrix()
        self.features = _pairs.load()
        self.metadata = Metadata(ctx)
        self.scripts, self.names = {}, {}
        super().__init__(ctx, conf=self._conf, name=name)
        ctx.secret(KEY)
        ctx.secret(SERVER_KEY)

    def _conf(self, _):
        groups, models = [], []
        for number, target in enumerate(_pairs.TARGETS):
            script = self.scripts[target.name] = self.models.script()
            group = target.group.replace("{key}", SERVER_KEY).replace("{metadata}", self.metadata.host)
            group = group % script.root if "%s" in group else group
            groups.append(f'p{number} = {{ plugin = "{target.plugin}"; {group} }};')
            named = {item.cell(api, target, self.rows).model for item in self.features for api in item.apis()}
            for name in sorted(named | {name for owner, name in MORE if owner == target.name} | {target.model}):
                self.names[target.name, name] = f"m{len(self.names)}"
                models.append(f'm{len(self.names) - 1} = {{ retries = 0; targets = ( {{ provider = "p{number}"; '
                              f'model = "{name}"; }} ); max_context_tokens = 8000; }};')
        places = {target.name: number for number, target in enumerate(_pairs.TARGETS)}
        for first, second in FALLBACKS:
            targets = ", ".join(f'{{ provider = "p{places[name]}"; model = "{model}"; weight = {weight}; }}'
                                for (name, model), weight in ((first, 1), (second, 0)))
            self.names[first[0], second[0]] = f"m{len(self.names)}"
            models.append(f"m{len(self.names) - 1} = {{ retries = 0; targets = ( {targets} ); }};")
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        return (f'upstream: {{ retries = 0; circuit_failures = 0; }};\nlimits: {{ stream_status_ms = 300; }};\nkeys: {{ pairs = {{ hash = ( "sha256:{digest}" ); }}; }};\n'
                f"providers: {{ {' '.join(groups)} }};\nmodels: {{ {' '.join(models)} }};\n"
                "features: { " + "".join(f'{api} = {{ plugin = "{api}"; {self.settings} }}; '
                                         for api in ("openai_api", "anthropic_api", "gemini_api")) + "};\n")

    def ask(self, api, target, model, members, reply, stream, kind="chat", headers=()):
        """What came back, and the one request that the server got, or None."""
        script = self.scripts[target.name]
        script.replies = [reply]
        script.seen.clear()
        path, body = api.send(self.names[target.name, model], members, stream, kind)
        response = self.post(path, json.dumps(body), headers={**api.headers(KEY), "Content-Type": "application/json", **dict(headers)})
        truth(len(script.seen) <= (2 if reply.status in (401, 403) else 1), "one request, or another with a new token", len(script.seen))
        return api.read(response, stream), (script.seen or [None])[0], body, response

    def say(self, api, target, members=(), answer=None, stream=False, reply=None, model=None, kind="chat", headers=()):
        """The same by names. answer: of fakes/dialects.py; reply: a Reply instead. → (answer, the server's JSON or None, response)"""
        target = next(item for item in _pairs.TARGETS if item.name == target)
        if reply is None:
            content_type, body = dialects.write(target.dialect, {"text": "Hello."} if answer is None else answer, "real", stream)
            reply = Reply(body=body, content_type=content_type)
        found, sent, _, response = self.ask(APIS[api], target, model or target.model, dict(members), reply, stream, kind, headers)
        self.sent = sent
        return found, sent and json.loads(sent.body), response

    def close(self):
        super().close()
        self.metadata.close()


def sse_reply(*chunks, done=True):
    """A stream of these objects, as a chat server sends it."""
    return Reply(body=b"".join(dialects.sse(chunk) for chunk in chunks) + (b"data: [DONE]\n\n" if done else b""),
                 content_type=dialects.SSE)


@fixture("pairs")
def pairs(ctx):
    return PairsEnv(ctx)


@fixture("pairs-strict")
def strict(ctx):
    return PairsEnv(ctx, "pairs-strict", 'strict = true; report_model = "target";')


