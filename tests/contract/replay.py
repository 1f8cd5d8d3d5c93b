"""RP-<version>-<mode>-<request>: every request of gitlab-client.md §1, in the shape that each GitLab sends, through
Rails, Workhorse and the language server, read as GitLab reads it. Where the model answered, no user sees an A- or
M-code. RP-F-…: what the user sees when the model fails, which is the best that GitLab can show for it. RP-ADMIN-…: the
admin page's health check and "Test connection". The data is in fakes/gitlab_requests.py, the readers in
fakes/gitlab_client.py."""
import os
import subprocess
import time

from fakes import clients, gitlab_client
from fakes import gitlab as gl
from fakes.gitlab_requests import (ALL, CALL, CATEGORIES, DIRECT, FAMILIES, OTHERS, RESOURCE, VERSIONS, Model,
                                   next_turn)
from harness.runner import Failure, Skip, add_case, equal, fixture, truth

from ._env import API_KEY, Env, Reply
from ._prompts import PROMPTS
from ._proxy import SERVER_KEY, conf_text

OWN = """
providers: {{ own = {{ plugin = "openai"; base_url = "{base}"; }}; }};
models: {{ own: {{ family = "codestral"; targets = ( {{ provider = "own"; model = "own-7b"; }} ); }}; }};
features: {{ duo_chat: {{ plugin = "duo_chat"; model = "own"; }};
             prompts: {{ plugin = "prompts"; model = "own"; }};
             code_suggestions: {{ plugin = "code_suggestions"; model = "own"; }}; }};
"""
ANSWER = ("I know.\nFinal Answer: ", "forty", "-two")


class Replay(Env):
    """GitLab's token holds every right of its catalogue (§2.4), so contexts of chat, too."""

    def scopes(self):
        return sorted({*gl.ALL_SCOPES, *(scope for scope, _, _ in PROMPTS.values()), "ai_gateway_model_provider_proxy",
                       *(f"include_{category}_context" for category in CATEGORIES if category != "user_rule")})

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
            if server.token:
                self.ctx.secret(server.token)
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


# -- tokens and browsers ----------------------------------------------------------------------------------------------

class Tokens:
    """direct_access (§1.5) and third-party agents (§1.10): what Rails hands on."""

    def __init__(self, version, headers):
        self.version = version
        self.headers = headers

    def __call__(self, env):
        rails = clients.Rails(env.gw.port, env.token(env.scopes()), version=self.version)
        kind, found = gitlab_client.user_token(rails, headers=self.headers)
        equal(kind, "token", f"verdict ({found})")
        env.ctx.secret(found["token"])
        truth(3500 < found["expires_at"] - time.time() <= 3600, "one hour", found["expires_at"])
        refused = clients.Rails(env.gw.port, env.token(["duo_chat"]), version=self.version)
        equal(gitlab_client.user_token(refused, headers=self.headers), ("error", 403), "without the right")


def web_ide(env):
    """The Web IDE does what the language server does, from a browser."""
    server = clients.LanguageServer(env.gw.port, clients.Rails(env.gw.port, env.token()))
    for path in ("/v2/completions", "/v2/code/completions", "/ai/v2/completions"):
        response = server.preflight(path)
        equal((response.status, response.header("access-control-allow-origin")), (200, "*"), f"preflight of {path}")
    status, given = server.direct_access()
    equal(status, 201, "direct access")
    env.ctx.secret(given["token"])
    for replies in ((Reply(),), (Reply(status=401),)):
        body = DIRECT[0].body(env.model(env.models.script(*replies)), (18, 9))
        headers = {**given["headers"], "Authorization": f"Bearer {given['token']}", "Origin": "https://ide.example.com"}
        response = env.post("/v2/completions", body, headers)
        equal(response.header("access-control-allow-origin"), "*", f"allowed origin of a {response.status}")


class Dance:
    """A question, a tool, a second tool, and the answer, as Rails goes through it."""

    def __init__(self, version):
        self.version = version

    def __call__(self, env):
        script = env.models.script(Reply(pieces=(CALL,)), Reply(pieces=(CALL.replace("#123", "#7"),)),
                                   Reply(pieces=ANSWER))
        rails = clients.Rails(env.gw.port, env.token(env.scopes()), version=self.version)
        model, shape = env.model(script), clients.number(self.version)
        observed = []

        def observe(action):
            observed.append(action["tool_input"])
            return f"what {action['tool_input']} says"
        verdict = gitlab_client.conversation(rails, lambda steps: next_turn(model, shape, steps), observe)
        equal((verdict, observed, script.count), (("text", "forty-two"), ["#123", "#7"], 3), "verdict, tools, calls")
        for text in ("what #123 says", "what #7 says"):
            truth(text in script.seen[-1].body.decode(), f"{text!r} in what the model is asked", script.seen[-1].body)


for short_version, full_version in VERSIONS.items():
    add_case(f"RP-{short_version}-rails-chat-dance", "replay", Dance(full_version), __name__)
    add_case(f"RP-{short_version}-rails-user-token", "replay", Tokens(full_version, None), __name__)
    add_case(f"RP-{short_version}-rails-agent-token", "replay", Tokens(full_version, {
        "X-Gitlab-Unit-Primitive": "ai_gateway_model_provider_proxy", "x-gitlab-project-id": "5"}), __name__)
add_case("RP-18.9-ls-web-ide", "replay", web_ide, __name__)

# -- models that fail -------------------------------------------------------------------------------------------------

@fixture("replay-faults", takes_s=20)
def replay_faults(ctx):
    """Short limits: what takes a minute in life takes a moment here, though a busy machine may lose two seconds. No
    second attempts: the pause before one would count against limits this short."""
    return Replay(ctx, name="replay-faults", env={"AIGW_UPSTREAM__IDLE_MS": "3300",
                                                  "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT": "5.7"},
                  conf='limits: { stream_status_ms = 1500; }; upstream: { retries = 0; };\n'
                       'features: { duo_chat: { plugin = "duo_chat"; heartbeat_ms = 50; };\n'
                       '            code_suggestions: { plugin = "code_suggestions"; answer_ms = 2100; }; };')


TOO_LONG = {"error": {"message": "This model's maximum context length is 8192 tokens",
                      "code": "context_length_exceeded"}}
PATIENCE = 3.0   # GitLab's time-out here
FAULTS = {
    # refused before anything of an answer
    "401": Reply(status=401), "404": Reply(status=404), "429": Reply(status=429), "500": Reply(status=500),
    "503": Reply(status=503), "529": Reply(status=529), "garbage": Reply(body="<html>"), "down": None,
    "too-long": Reply(status=400, body=TOO_LONG),
    # broken in the middle
    "cut": Reply(pieces=ANSWER, cut_after=2), "reset": Reply(pieces=ANSWER, cut_after=2, cut="reset"),
    "event": Reply(pieces=ANSWER, cut_after=2, error_event={"message": "GPU on fire"}),
    "half": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
                      b'{"choices":['),
    "closed": Reply(raw=b""),
    # in time, later than GitLab waits, never
    "slow": Reply(pieces=ANSWER, head_delay=0.3), "late": Reply(pieces=ANSWER, head_delay=4.5),
    "hang": Reply(hang=True),
}
REFUSED = ("401", "404", "429", "500", "503", "529", "garbage", "down", "too-long")
BROKEN = ("cut", "reset", "event")
HALF = ("half", "closed")   # where no stream is asked for

# Request → what its user sees, best first, and what of it each fault must come to. Nothing better can be had: before
# the first byte the status tells the cause, afterwards only chat and SSE have a form for an error; GitLab's time-out
# can be held off only where the form has heartbeats.
OUTCOMES = {
    "chat-agent": (("text", "A1005", "A1004", "A1003", "A1002", "A1000", "A9999"),
                   {REFUSED: "A1004", ("too-long",): "A1005", BROKEN: "A1004", ("slow", "late"): "text",
                    ("hang",): "A1004"}),
    "slash-explain_code": (("text", "M4000", "A1003", "A1000"),
                           {REFUSED: "M4000", BROKEN: "A1003", ("slow",): "text", ("hang",): "A1000"}),
    "reader-issue_reader": (("resource", "M4001", "A1003", "A1000"), {REFUSED: "M4001", BROKEN: "A1003"}),
    "v1-chat-agent": (("text", "A1001", "A1003", "A1000"), {REFUSED: "A1001", BROKEN: "A1003", ("slow",): "text"}),
    "v1-chat-agent-whole": (("text", "A1001", "A1003", "A1000"), {REFUSED: "A1001", HALF: "A1001", ("slow",): "text"}),
    "prompt-generate_commit_message": (("text", "generic"), {REFUSED: "generic", HALF: "generic", ("slow",): "text",
                                                             ("hang",): "generic"}),
    "complete": (("text", 429, 503, "cut", 500), {REFUSED: 503, ("429",): 429, HALF: 503, ("slow",): "text",
                                                      ("late",): 503}),
    "complete-stream": (("text", 429, 503, "cut", 500), {REFUSED: 503, ("429",): 429, BROKEN: "cut",
                                                         ("slow",): "text"}),
    "generate-v4-sse": (("text", 429, 503, "event", "cut", 500), {REFUSED: 503, ("429",): 429, BROKEN: "event",
                                                                  ("slow",): "text"}),
    "direct": (("text", "fallback"), {REFUSED: "fallback", HALF: "fallback", ("slow",): "text",
                                      ("hang",): "fallback"}),
}


class Failing:
    def __init__(self, request, fault, wanted):
        self.request = request
        self.fault = fault
        self.wanted = wanted

    def __call__(self, env):
        reply = FAULTS[self.fault]
        script = env.models.script(reply or Reply())
        model = env.model(script)
        if reply is None:
            model.endpoint = "http://127.0.0.1:1/v1"
        verdict = env.send(self.request, "18.9.0", model, timeout=PATIENCE)
        found = verdict[0] if verdict[0] != "error" else verdict[1]
        equal(found, self.wanted, f"what the user sees ({verdict})")
        truth(API_KEY not in str(verdict), "no key in what the user sees", verdict)


BY_NAME = {request.name: request for request in ALL}
for request_name, (ladder, outcomes) in OUTCOMES.items():
    found = {fault: code for faults, code in outcomes.items() for fault in faults}
    assert set(found.values()) <= set(ladder), request_name
    for fault_name, code in found.items():
        add_case(f"RP-F-{request_name}-{fault_name}", "replay-faults", Failing(BY_NAME[request_name], fault_name, code),
                 __name__)


class Forbidden:
    """A user without the right: the codes for that, and no model is asked."""

    def __init__(self, name, wanted):
        self.request = BY_NAME[name]
        self.wanted = wanted

    def __call__(self, env):
        script = env.models.script()
        verdict = env.send(self.request, "18.9.0", env.model(script), scopes=["complete_code" if self.request.mode ==
                                                                            "rails" else "duo_chat"])
        equal(verdict[:2], ("error", self.wanted), "what the user sees")
        equal(script.count, 0, "model calls")


for request_name, code in (("chat-agent", "M3006"), ("slash-explain_code", "M3006"), ("reader-issue_reader", "M3006"),
                           ("v1-chat-agent", "M3006"), ("prompt-generate_commit_message", "generic"),
                           ("complete", 403), ("generate-v4-sse", 403), ("direct", "fallback")):
    add_case(f"RP-F-{request_name}-forbidden", "replay", Forbidden(request_name, code), __name__)


def repeats(env):
    """An overloaded model: GitLab repeats the step where the event allows it, and the user gets the answer."""
    busy = Reply(pieces=("I know.\nFinal Answer: ", "x"), cut_after=1, error_event={
        "type": "overloaded_error", "message": "Overloaded", "code": "overloaded_error"})
    for replies, wanted, calls in (((busy, busy, Reply(pieces=ANSWER)), ("text", "forty-two"), 3),
                                   ((busy,), ("error", "A1004"), 3)):
        script = env.models.script(*replies)
        equal(env.send(BY_NAME["chat-agent"], "18.9.0", env.model(script)), wanted, "verdict")
        equal(script.count, calls, "model calls")


def never_sleeps(env):
    """A busy model is no 429 to Sidekiq, which would sleep up to 20 s for it (§8.7)."""
    request, slept = BY_NAME["prompt-generate_commit_message"], []
    script = env.models.script(Reply(status=429))
    rails = clients.Rails(env.gw.port, env.token(env.scopes()))
    equal(gitlab_client.prompt(rails, request.path, request.body(env.model(script), (18, 9)), slept),
          ("error", "generic"), "verdict")
    equal(slept, [], "waits of Sidekiq")


def bad_objects(env):
    """A reader's answer without an object is asked for three times, then M4001; a good one on the way is taken."""
    for replies, wanted, calls in (((Reply(pieces=("no",)),), ("error", "M4001"), 3),
                                   ((Reply(pieces=("no",)), Reply(pieces=(RESOURCE,))), ("resource", "3"), 2)):
        script = env.models.script(*replies)
        equal(env.send(BY_NAME["reader-issue_reader"], "18.9.0", env.model(script)), wanted, "verdict")
        equal(script.count, calls, "model calls")


def too_many_turns(env):
    """A model that never stops calling tools."""
    script = env.models.script(Reply(pieces=(CALL,)))
    rails = clients.Rails(env.gw.port, env.token(env.scopes()))
    model = env.model(script)
    equal(gitlab_client.conversation(rails, lambda steps: next_turn(model, (18, 9), steps), lambda action: "x"),
          ("error", "A1006"), "verdict")
    equal(script.count, gitlab_client.TURNS, "model calls")


for ident, run in (("turns", too_many_turns), ("repeats", repeats), ("429-sidekiq", never_sleeps),
                   ("reader-retries", bad_objects)):
    add_case(f"RP-F-{ident}", "replay", run, __name__)

# -- the admin page ---------------------------------------------------------------------------------------------------

# Identifiers by platform (§4); the endpoint of Anthropic's protocol has no /v1.
PLATFORMS = {"vllm": "custom_openai/{}", "openai": "openai/{}", "hosted": "hosted_vllm/{}", "none": "{}",
             "text": "text-completion-custom_openai/{}", "anthropic": "anthropic/{}"}


class Page:
    """Run health check and Test connection for one family, as each version does, with and without a key."""

    def __init__(self, family, what):
        self.family = family
        self.what = what

    def __call__(self, env):
        for version in VERSIONS.values():
            for platform, identifier in PLATFORMS.items():
                for key in (API_KEY, "", None):
                    script = env.models.script(Reply(pieces=("\n  puts 'hello'\nend",)))
                    model = Model(script.root if platform == "anthropic" else script.base, key, self.family,
                                  identifier.format(self.family + "-7b"))
                    admin = clients.Admin(env.gw.port, env.token(), version=version)
                    name = f"{self.what} of {version} for {self.family} on {platform}, key {key!r}"
                    if self.what == "health check":
                        for verdict in admin.health_check(model):
                            truth(verdict["success"], f"{name}: success of {verdict['name']}", verdict["message"])
                    else:
                        verdict = admin.model_check(model.metadata())
                        truth(verdict["success"], f"{name}: success", verdict["message"])
                    equal(script.count, 1, f"{name}: model calls")


for family_name in FAMILIES:
    add_case(f"RP-ADMIN-health-{family_name}", "replay", Page(family_name, "health check"), __name__)
    add_case(f"RP-ADMIN-connection-{family_name}", "replay", Page(family_name, "Test connection"), __name__)


def failing_page(env):
    """What the admin reads when it fails names the cause, in each of the two."""
    admin = clients.Admin(env.gw.port, env.token())
    for status, word in ((401, "401: Unauthorized"), (404, "404: Not Found"), (429, "429: Too Many Requests"),
                         (500, "500: Internal Server Error"), (529, "529: ")):
        model = env.model(env.models.script(Reply(status=status)))
        verdict = admin.model_check(model.metadata())
        truth(not verdict["success"] and f"model server returned code {word}" in verdict["message"], word, verdict)
        verdict = admin.health_check(model)[-1]
        truth(not verdict["success"] and str(status) in verdict["message"], f"{status} in the text", verdict["message"])
    unassigned = clients.Admin(env.gw.port, "")   # offline, and Code completion not yet assigned (§3.4)
    verdict = unassigned.model_check(env.model(env.models.script()).metadata())
    truth(not verdict["success"] and "401" in verdict["message"] and "empty" in verdict["message"],
          "401 and that the token is empty", verdict["message"])


add_case("RP-ADMIN-failures", "replay", failing_page, __name__)

# -- what came later: documentation search, model definitions, the vendors' own APIs, Amazon Q ------------------------

ALL_SERVED = True   # False while routes are still to come: an unknown one is then a skip
SEARCH = 'features: { docs_search: { plugin = "docs_search"; database = "%s"; };'


@fixture("replay-others")
def replay_others(ctx):
    """Model servers behind the proxies, and a page in the documentation's database, where this gateway has them."""
    def conf(env):
        env.anthropic, env.openai = env.models.script(), env.models.script()
        text = conf_text(anthropic=env.anthropic.root, openai=env.openai.root, key=ctx.secret(SERVER_KEY))
        if os.path.exists(os.path.join(ctx.plugin_dir, "features", "docs_search.so")):
            folder = ctx.folder("replay-docs")
            database = os.path.join(folder, "docs.db")
            with open(os.path.join(folder, "images.md"), "w", encoding="utf-8") as page:
                page.write("# Images\n\nYou can upload images.\n")
            subprocess.run([ctx.binary, "docs", "index", folder, "-o", database], check=True, timeout=60,
                           capture_output=True)
            text = text.replace("features: {", SEARCH % database)
        return text
    return Replay(ctx, name="replay-others", conf=conf)


class Others:
    def __init__(self, call, version):
        self.call = call
        self.version = version

    def __call__(self, env):
        call = self.call
        rails = clients.Rails(env.gw.port, env.token([*env.scopes(), "amazon_q_integration"]), version=self.version)
        if call.with_user_token:
            _, given = gitlab_client.user_token(rails, headers=call.headers)
            rails.token = env.ctx.secret(given["token"])
        response = rails.call(call.path, call.body, call.method, headers=call.headers)
        if response.status == 404 and response.json() == {"detail": "Not Found"}:
            if ALL_SERVED:
                raise Failure(f"{call.path} to be served", repr(response))
            raise Skip(f"{call.path} is not in this build yet (404)")
        equal(response.status, call.status, f"status ({response.text[:200]})")
        found = rails.parsed(response)
        truth(isinstance(found, dict) and set(call.keys) <= set(found), f"an object with {call.keys}", response.text)
        if call.name == "docs":
            kind, results = gitlab_client.documents(rails, call.body)
            equal((kind, len(results)), ("documents", 1), "what Rails goes on with")
            truth("upload images" in results[0]["content"], "the page", results)
        if "detail" in call.keys:
            truth(isinstance(found["detail"], str) and found["detail"], "a text for GitLab's log", found)


for short_version, full_version in VERSIONS.items():
    for row in OTHERS:
        if clients.number(row.since) <= clients.number(full_version):
            add_case(f"RP-{short_version}-rails-other-{row.name}", "replay-others", Others(row, full_version),
                     __name__)
