"""EDGE: what GitLab's clients trip over (gitlab-client.md §8), on every route that calls a model; conformance.txt says
which rows elsewhere show the rest."""
import json
import subprocess
import time

from fakes import gitlab as gl
from harness.runner import case, equal, fixture, truth

from ._env import API_KEY, VERBOSE, Env, Reply, check, completion, log_text
from ._prompts import CHECK, V1, V2, body_of
from .chat import body_for, old_body
from .generations import complete, generate, generation, metadata

V3, V4 = "/v3/code/completions", "/v4/code/suggestions"
BODY, METADATA, PAYLOAD = "body", "model_metadata", "payload"


def parts(make):
    return lambda script, **more: {"prompt_components": [make(**more)], "model_metadata": metadata(script)}


# path, where the model is named, body of a request for the model at a script
ROUTES = {
    "completions": ("/v2/code/completions", BODY, completion),
    "generations": ("/v2/code/generations", BODY, generation),
    "v3-completion": (V3, METADATA, parts(complete)),
    "v3-generation": (V3, METADATA, parts(generate)),
    "v4-completion": (V4, METADATA, parts(complete)),
    "v4-generation": (V4, METADATA, parts(generate)),
    "prompts": (V1 + CHECK, METADATA, body_of),
    "prompts-v2": (V2 + CHECK, METADATA, body_of),
    "chat": ("/v2/chat/agent", METADATA, lambda script, **_: body_for(script)),
    "chat-v1": ("/v1/chat/agent", PAYLOAD, old_body),
}


@fixture("edge")
def edge(ctx):
    return Env(ctx, bypass=True, name="edge")


@case("EDGE-02", "edge")
def idle_connections_and_large_bodies(env):
    reference = subprocess.run([env.ctx.binary, "config", "--plugin-dir", env.ctx.plugin_dir], capture_output=True,
                               text=True, check=True, timeout=30).stdout
    row = next(line for line in reference.splitlines() if line.startswith("| `limits.idle_ms`"))
    default = int(row.split("|")[4].strip(" `"))
    truth(default > 90000, "idle connections kept for more than 90 s", default)
    for name in ("chat", "prompts-v2", "v3-generation"):
        path, _, make = ROUTES[name]
        body = {**make(env.models.script(Reply())), "padding": "x" * (11 << 20)}
        check(env.post(path, body, {"X-Padding": "x" * 16384}), 200)


@case("EDGE-04", "edge")
def an_empty_identifier(env):
    """GitLab's form may leave it empty: the family's name is the model's."""
    for name, (path, place, make) in ROUTES.items():
        script = env.models.script(Reply())
        body = make(script)
        if place == BODY:
            body["model_identifier"] = ""
        elif place == PAYLOAD:
            body["prompt_components"][0]["payload"]["model_identifier"] = ""
        else:
            body["model_metadata"]["identifier"] = ""
        check(env.post(path, body), 200)
        equal(script.count, 1, f"calls of {name}")


@case("EDGE-04-null", "edge")
def null_is_missing(env):
    """Without a model: the same refusal, word for word, whether model_metadata is null or not there."""
    for name, (path, place, make) in ROUTES.items():
        if place != METADATA:
            continue
        body = make(env.models.script(Reply()))
        del body["model_metadata"]
        absent = check(env.post(path, body), 422)
        null = check(env.post(path, {**body, "model_metadata": None}), 422)
        equal(null.body, absent.body, f"bodies of {name}")


@case("EDGE-05", "edge")
def a_model_s_refusal_is_not_ours(env):
    """A model server's 401, 403 or 422 is neither a matter of the caller's rights nor of its body."""
    for name, (path, _, make) in ROUTES.items():
        if name == "chat":
            continue  # always 200 with an error line: C-CHAT-007
        for code in (400, 401, 403, 404, 422, 429, 500, 503):
            response = env.post(path, make(env.models.script(Reply(status=code))))
            wanted = 421 if name.startswith("prompts") else 429 if code == 429 else 503
            check(response, wanted)
            text = response.json()["detail"]
            truth(isinstance(text, str) and str(code) in text, f"{code} in the detail of {name}", text)
            if wanted == 421:
                truth(text.startswith(f"{code}: "), f"detail of {name} to begin with the code", text)


@case("EDGE-06", "edge")
def errors_of_streams_are_short(env):
    """They may be shown to a user as if they were the answer."""
    words = f"Traceback in /srv/model/server.py, key {API_KEY}: " + "x" * 100000
    for name, (path, _, make) in ROUTES.items():
        for reply in (Reply(status=500, body={"error": {"message": words}}), Reply(status=401, body=words),
                      Reply(cut_after=0, cut="end", error_event={"message": words})):
            script = env.models.script(reply)
            body = make(script) if name == "chat" else make(script, stream=True)
            response = check(env.post(path, body), 200 if name == "chat" else (421, 503))
            truth(len(response.body) < 2000, f"a short error of {name}", len(response.body))
            for inside in (API_KEY, env.gw.folder, env.ctx.plugin_dir, ".so"):
                truth(inside not in response.text, f"no {inside} in the error of {name}", response.text[:500])


@fixture("edge-alone")
def edge_alone(ctx):
    gitlab = gl.FakeGitLab()
    gitlab.faults["discovery"] = gl.Fault("hang")
    return Env(ctx, gitlab=gitlab, name="edge-alone")


@case("EDGE-10", "edge-alone")
def health_needs_nobody(env):
    """From the first moment, while GitLab accepts and says nothing."""
    for method, path in (("HEAD", "/"), ("GET", "/monitoring/healthz"), ("HEAD", "/ai"),
                         ("GET", "/ai/monitoring/healthz")):
        for _ in range(5):
            start = time.monotonic()
            response = env.request(method, path)
            wanted = (200,) if method == "GET" else (200, 204, 401, 404)
            truth(response.status in wanted, f"an answer to {path}", response)
            truth(time.monotonic() - start < 1, f"{method} {path} at once", f"{time.monotonic() - start:.2f} s")
    equal(env.models.server.accepted, 0, "connections to models")


@case("EDGE-12", "edge")
def no_log_has_a_secret(env):
    """Also when GitLab asks for verbose logs, when a body is refused, and when a secret stands where none belongs."""
    secret = env.ctx.secret("glcs-canary-client-secret-55d1")
    headers = {**VERBOSE, "Authorization": f"Bearer {secret}", "X-Gitlab-Authentication-Type": "oidc"}
    for name, (path, _, make) in ROUTES.items():
        for reply in (Reply(), Reply(status=401, body={"error": {"message": f"bad key {API_KEY}"}})):
            body = {**make(env.models.script(reply)), "client_secret": secret}
            response = env.post(path, body, headers)
            env.gw.wait_line(lambda item: item.get("correlation_id") == response.header("x-request-id"))
            body.update(prompt_components=[], inputs=secret, messages=secret, prompt_version=9)
            check(env.post(path, body, headers), 422)
    for value in (secret, API_KEY):
        truth(value not in log_text(env) and value not in json.dumps(env.gw.raw), "no secret in the log", value[:6])
