"""RP-<version>-<mode>-<request>: every request of gitlab-client.md §1, in the shape that each GitLab sends, through Rails,
Workhorse and the language server, read as GitLab reads it. Where the model answered, no user sees an A- or M-code.
RP-F-…: what the user sees when the model fails, which is the best that GitLab can show for it. RP-ADMIN-…: the admin
page's health check and "Test connection". The data is in fakes/gitlab_requests.py, the readers in
fakes/gitlab_client.py."""
from fakes import clients, gitlab_client
from fakes import gitlab as gl
from fakes.gitlab_requests import ALL, CATEGORIES, FAMILIES, VERSIONS, Model
from harness.runner import add_case, equal, fixture, truth

from ._env import API_KEY, Env, Reply
from ._prompts import PROMPTS

OWN = """
providers: {{ own = {{ plugin = "openai"; base_url = "{base}"; }}; }};
models: {{ own: {{ targets = ( {{ provider = "own"; model = "own-7b"; }} ); }}; }};
features: {{ duo_chat: {{ plugin = "duo_chat"; model = "own"; }};
             prompts: {{ plugin = "prompts"; model = "own"; }};
             code_suggestions: {{ plugin = "code_suggestions"; model = "own"; }}; }};
"""


class Replay(Env):
    """GitLab's token holds every right of its catalogue (§2.4), so contexts of chat, too."""

    def scopes(self):
        return sorted({*gl.ALL_SCOPES, *(scope for scope, _, _ in PROMPTS.values()), "ai_gateway_model_provider_proxy",
                       *(f"include_{category}_context" for category in CATEGORIES)})

    def model(self, script, **changes):
        return Model(script.base, API_KEY, **changes)

    def send(self, request, version, model, timeout=None, prefix="", scopes=None):
        """The verdict of the user's side."""
        body = request.body(model, clients.number(version))
        rails = clients.Rails(self.gw.port, self.token(self.scopes() if scopes is None else scopes), timeout or 60.0,
                              prefix=prefix, version=version)
        if request.mode == "workhorse":
            workhorse = clients.Workhorse(self.gw.port, version=version)
            try:
                response = workhorse.call(prefix + request.path, rails.token, body, request.headers)
            finally:
                workhorse.close()
            if request.stream and response.status == 200:
                equal((response.header("x-accel-buffering"), response.header("content-length")), ("no", None),
                      "x-accel-buffering and content-length of a stream")
            truth(response.header("content-encoding") is None, "no compression", response.headers)
            return gitlab_client.suggestion(response)
        if request.mode == "ls":
            server = clients.LanguageServer(self.gw.port, rails, limit_s=timeout or 5.0)
            found = server.complete(body)
            self.ctx.secret(server.token or "")
            return ("error", "fallback") if found == "fallback" else ("text", found)
        read = getattr(gitlab_client, request.read)
        return read(rails, body) if request.read == "chat" else read(rails, request.path, body)


@fixture("replay")
def replay(ctx):
    return Replay(ctx, name="replay")


@fixture("replay-own")
def replay_own(ctx):
    """conf.d has a model for requests that bring none."""
    def conf(env):
        env.own = env.models.script()
        return OWN.format(base=env.own.base)
    return Replay(ctx, name="replay-own", conf=conf)


def replayed(env, request, version, **how):
    script = env.own if request.own_model else env.models.script()
    script.replies = [Reply(pieces=request.says)]
    before = script.count
    verdict = env.send(request, version, None if request.own_model else env.model(script), **how)
    equal(verdict, request.wanted, f"verdict of {request.name}")
    equal(script.count - before, request.calls, f"model calls of {request.name}")


class Sent:
    """One request of one version, and the verdict it must end in."""

    def __init__(self, request, version):
        self.request = request
        self.version = version

    def __call__(self, env):
        replayed(env, self.request, self.version)


for short_version, full_version in VERSIONS.items():
    for row in ALL:
        if row.sent_by(full_version):
            add_case(f"RP-{short_version}-{row.mode}-{row.name}", "replay-own" if row.own_model else "replay",
                     Sent(row, full_version), __name__)


class Bases:
    """AI_GATEWAY_URL with a slash at its end, and with a path: paths are appended as they are."""

    def __init__(self, prefix, own_model):
        self.prefix = prefix
        self.own_model = own_model

    def __call__(self, env):
        for request in ALL:
            if request.own_model == self.own_model and request.mode != "ls" and request.sent_by("18.9.0"):
                replayed(env, request, "18.9.0", prefix=self.prefix)


for name, url_path in (("slash", "/"), ("path", "/ai"), ("path-slash", "/ai/")):
    add_case(f"RP-URL-{name}", "replay", Bases(url_path, False), __name__)
    add_case(f"RP-URL-{name}-own", "replay-own", Bases(url_path, True), __name__)
