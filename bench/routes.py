"""Requests of each route with bodies of one size: the same source text in the place where the route has its text."""
import collections
import json
import os
import subprocess

# `way` is how the model answers: "whole", "streamed" (all at once), "endless", or "no model" when none is asked.
Route = collections.namedtuple("Route", "name path body way", defaults=("whole",))

SCOPES = ["complete_code", "code_suggestions", "generate_code", "duo_chat", "duo_classic_chat",
          "generate_commit_message", "documentation_search", "ai_gateway_model_provider_proxy"]
HEADERS = ["X-Gitlab-Version: 18.9.0", "X-Gitlab-Unit-Primitive: ai_gateway_model_provider_proxy"]
BODY_BYTES = 1300
TEXT_BEGINS = "Final Answer: "  # what chat looks for in a model's answer; the others get it as well
GENERATION = {"prompt_id": "code_suggestions/generations", "prompt_version": "^1.0.0"}

CONF = {
    "proxy": """
providers: {{ bench_proxy: {{ plugin = "openai"; base_url = "http://127.0.0.1:{upstream}/v1"; api_key = "x"; }}; }};
models: {{ bench_proxy: {{ targets = ( {{ provider = "bench_proxy"; model = "bench"; }} ); }}; }};
features: {{ proxy: {{ plugin = "proxy"; openai_model = "bench_proxy"; }}; }};
""",
    "docs_search": 'features: {{ docs_search: {{ plugin = "docs_search"; database = "{folder}/docs.db"; }}; }};\n',
}


def v2_body(text, endpoint, stream, **more):
    return {"prompt_version": 1, "project_path": "bench/bench", "project_id": 1,
            "current_file": {"file_name": "bench.py", "language_identifier": "python", "content_above_cursor": text,
                             "content_below_cursor": "\n\nprint(step_1(2))\n"},
            "model_provider": "litellm", "model_name": "codestral", "model_endpoint": endpoint,
            "model_api_key": "bench-key", "model_identifier": "custom_openai/bench", "stream": stream, **more}


def generations(text, endpoint, stream):
    return v2_body(text, endpoint, stream, prompt_version=2, prompt="", prompt_id=GENERATION["prompt_id"])


def metadata(endpoint):
    return {"provider": "openai", "name": "codestral", "endpoint": endpoint, "api_key": "bench-key",
            "identifier": "custom_openai/bench"}


def component(text, endpoint, kind, stream=False, **more):
    payload = {"file_name": "bench.py", "language_identifier": "Python", "content_above_cursor": text,
               "content_below_cursor": "\n\nprint(step_1(2))\n", "stream": stream, **more}
    return {"prompt_components": [{"type": kind, "payload": payload}], "model_metadata": metadata(endpoint)}


def prompt(text, endpoint):
    return {"inputs": {"diff": text}, "model_metadata": metadata(endpoint)}


def chat(text, endpoint):
    return {"messages": [{"role": "user", "content": text}], "model_metadata": metadata(endpoint)}


def old_chat(text, endpoint, stream):
    payload = {"content": text, "provider": "litellm", "model": "mistral", "model_endpoint": endpoint,
               "model_api_key": "bench-key", "model_identifier": "custom_openai/bench"}
    return {"prompt_components": [{"type": "prompt", "metadata": {"source": "GitLab EE", "version": "18.9.0"},
                                   "payload": payload}], "stream": stream}


def proxied(text, stream):
    return {"model": "gpt-5", "messages": [{"role": "user", "content": text}], "stream": stream}


def search(_):
    return {"type": "search-docs", "metadata": {"source": "GitLab EE", "version": "18.9.0"},
            "payload": {"query": "How do I add a step?"}}


def filled(source, make):
    """The body with as much of the source text as makes it BODY_BYTES long."""
    text = source + "#" * (BODY_BYTES - len(packed(make(source))))
    return make(text)


def packed(body):
    return json.dumps(body, separators=(",", ":"))


def calls(source, endpoint):
    """Calls that come to an end; the first of each way is what the others of that way are compared with."""
    generate, complete = "code_editor_generation", "code_editor_completion"
    every = [
        Route("v2 completions", "/v2/code/completions", lambda text: v2_body(text, endpoint, False)),
        Route("v2 generations", "/v2/code/generations", lambda text: generations(text, endpoint, False)),
        Route("v3 completion", "/v3/code/completions", lambda text: component(text, endpoint, complete)),
        Route("v3 generation", "/v3/code/completions",
              lambda text: component(text, endpoint, generate, **GENERATION)),
        Route("v4 suggestions", "/v4/code/suggestions",
              lambda text: component(text, endpoint, generate, **GENERATION)),
        Route("v1 prompts", "/v1/prompts/generate_commit_message", lambda text: prompt(text, endpoint)),
        Route("v2 prompts", "/v2/prompts/generate_commit_message", lambda text: prompt(text, endpoint)),
        Route("v1 chat", "/v1/chat/agent", lambda text: old_chat(text, endpoint, False)),
        Route("openai proxy", "/v1/proxy/openai/v1/chat/completions", lambda text: proxied(text, False)),
        Route("v2 completions, streamed", "/v2/code/completions", lambda text: v2_body(text, endpoint, True),
              "streamed"),
        Route("v4 suggestions, streamed", "/v4/code/suggestions",
              lambda text: component(text, endpoint, generate, True, **GENERATION), "streamed"),
        Route("v2 chat", "/v2/chat/agent", lambda text: chat(text, endpoint), "streamed"),
        Route("openai proxy, streamed", "/v1/proxy/openai/v1/chat/completions", lambda text: proxied(text, True),
              "streamed"),
        Route("docs search", "/v1/search/gitlab-docs", search, "no model"),
    ]
    return [route._replace(body=filled(source, route.body)) for route in every]


def streams(source, endpoint):
    """Streams without an end; the first is what the others are compared with."""
    generate = "code_editor_generation"
    every = [
        Route("v2 completions", "/v2/code/completions", lambda text: v2_body(text, endpoint, True), "endless"),
        Route("v2 generations", "/v2/code/generations", lambda text: generations(text, endpoint, True), "endless"),
        Route("v4 suggestions", "/v4/code/suggestions",
              lambda text: component(text, endpoint, generate, True, **GENERATION), "endless"),
        Route("v2 chat", "/v2/chat/agent", lambda text: chat(text, endpoint), "endless"),
        Route("v1 chat", "/v1/chat/agent", lambda text: old_chat(text, endpoint, True), "endless"),
        Route("openai proxy", "/v1/proxy/openai/v1/chat/completions", lambda text: proxied(text, True), "endless"),
    ]
    return [route._replace(body=filled(source, route.body)) for route in every]


def configure(build, folder, upstream):
    """Files of conf.d, name → text, for the plugins that need some and are built; makes the search's database."""
    files = {f"91-{plugin}.conf": conf.format(upstream=upstream, folder=folder) for plugin, conf in CONF.items()
             if is_built(build, plugin)}
    if is_built(build, "docs_search") and not os.path.exists(os.path.join(folder, "docs.db")):
        pages = os.path.join(folder, "pages")
        os.makedirs(pages)
        for number in range(200):
            with open(os.path.join(pages, f"page{number}.md"), "w", encoding="utf-8") as out:
                out.write(f"# Page {number}\n\n" + f"How to add step {number} to a pipeline, and what it does. " * 20)
        subprocess.run([os.path.join(build, "bin", "aigw"), "docs", "index", pages, "-o",
                        os.path.join(folder, "docs.db")], check=True, stdout=subprocess.DEVNULL)
    return files


def is_built(build, plugin):
    return os.path.exists(os.path.join(build, "lib", "aigw", "features", plugin + ".so"))
