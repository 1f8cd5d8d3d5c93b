"""What the contract's and the clients' cases of the proxies share: a gateway with model servers behind its proxies, and
the bodies that those servers answer."""
from ._env import Env, Reply

SERVER_KEY = "sk-proxy-canary-5d01"

CONF = """
{limits}
upstream: {{ retries = 0; }};
providers: {{
    px_anthropic: {{ plugin = "anthropic"; base_url = "{anthropic}"; api_key = "{key}"; }};
    px_openai: {{ plugin = "openai"; base_url = "{openai}/v1"; api_key = "{key}"; }};
    {providers}
}};
models: {{
    claude: {{ targets = ( {{ provider = "px_anthropic"; model = "claude-real"; }} ); retries = 0; }};
    claude_small: {{ targets = ( {{ provider = "px_anthropic"; model = "claude-small"; }} ); retries = 0; }};
    gpt: {{ targets = ( {{ provider = "px_openai"; model = "gpt-real"; }} ); retries = 0; }};
    {models}
}};
features: {{
    proxy: {{ plugin = "proxy"; anthropic_model = "{anthropic_model}"; openai_model = "gpt";
              anthropic_models = ( "claude-haiku-* = claude_small", "claude-*" ); {more} }};
    embeddings: {{ plugin = "embeddings"; model = "gpt"; }};
}};
"""


def conf_text(**given):
    return CONF.format(**{"key": SERVER_KEY, "anthropic_model": "claude", "more": "", "limits": "", "providers": "",
                          "models": "", **given})


class ProxyEnv(Env):
    """The model servers' scripts belong to the environment; answers() sets what they say next."""

    def __init__(self, ctx, name, anthropic_model="claude", more="", limits="", providers="", models="", **kwargs):
        def conf(env):
            env.anthropic = env.models.script()
            env.openai = env.models.script()
            return conf_text(anthropic=env.anthropic.root, openai=env.openai.root, anthropic_model=anthropic_model,
                             more=more, limits=limits, providers=providers, models=models)
        super().__init__(ctx, conf=conf, name=name, **kwargs)
        ctx.secret(SERVER_KEY)

    def answers(self, *replies):
        for script in (self.anthropic, self.openai):
            script.replies = list(replies)
            script.seen.clear()
        return self


def anthropic_error(type_, message):
    return {"type": "error", "error": {"message": message, "type": type_}}


def openai_error(message, type_, code=None):
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def vectors(*rows, order=None):
    data = [{"object": "embedding", "index": i, "embedding": list(row)} for i, row in enumerate(rows)]
    return Reply(body={"object": "list", "model": "e", "data": [data[i] for i in order] if order else data,
                       "usage": {"prompt_tokens": 5, "total_tokens": 5}})
