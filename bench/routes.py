"""Requests of each route with a body of like size: the same source text in the place where the route has its text."""
import collections
import os
import subprocess

# `way` is how the model answers: "whole" or "streamed". `plugin` is what has to be built for it, None: always built.
Route = collections.namedtuple("Route", "name path body way plugin", defaults=("whole", None))

SCOPES = ["complete_code", "code_suggestions", "generate_code", "duo_chat", "duo_classic_chat",
          "generate_commit_message", "documentation_search", "ai_gateway_model_provider_proxy"]
HEADERS = ["X-Gitlab-Version: 18.9.0", "X-Gitlab-Unit-Primitive: ai_gateway_model_provider_proxy"]
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


def search():
    return {"type": "search-docs", "metadata": {"source": "GitLab EE", "version": "18.9.0"},
            "payload": {"query": "How do I add a step?"}}


def calls(text, endpoint):
    """Calls that are answered whole; the first of each way is what the others of that way are compared with."""
    generate, complete = "code_editor_generation", "code_editor_completion"
    return [
        Route("v2 completions", "/v2/code/completions", v2_body(text, endpoint, False)),
        Route("v2 generations", "/v2/code/generations", generations(text, endpoint, False)),
        Route("v3 completion", "/v3/code/completions", component(text, endpoint, complete)),
        Route("v3 generation", "/v3/code/completions", component(text, endpoint, generate, **GENERATION)),
        Route("v4 suggestions", "/v4/code/suggestions", component(text, endpoint, generate, **GENERATION)),
        Route("v1 prompts", "/v1/prompts/generate_commit_message", prompt(text, endpoint)),
        Route("v2 prompts", "/v2/prompts/generate_commit_message", prompt(text, endpoint)),
        Route("v1 chat", "/v1/chat/agent", old_chat(text, endpoint, False)),
        Route("openai proxy", "/v1/proxy/openai/v1/chat/completions",
              {"model": "gpt-5", "messages": [{"role": "user", "content": text}]}, "whole", "proxy"),
        Route("docs search", "/v1/search/gitlab-docs", search(), "whole", "docs_search"),
        Route("v2 completions, streamed", "/v2/code/completions", v2_body(text, endpoint, True), "streamed"),
        Route("v4 suggestions, streamed", "/v4/code/suggestions",
              component(text, endpoint, generate, True, **GENERATION), "streamed"),
        Route("v2 chat", "/v2/chat/agent", chat(text, endpoint), "streamed"),
    ]


def streams(text, endpoint):
    """Streams without an end; the first is what the others are compared with."""
    generate = "code_editor_generation"
    return [
        Route("v2 completions", "/v2/code/completions", v2_body(text, endpoint, True)),
        Route("v2 generations", "/v2/code/generations", generations(text, endpoint, True)),
        Route("v4 suggestions", "/v4/code/suggestions", component(text, endpoint, generate, True, **GENERATION)),
        Route("v2 chat", "/v2/chat/agent", chat(text, endpoint)),
        Route("v1 chat", "/v1/chat/agent", old_chat(text, endpoint, True)),
    ]


def configure(build, folder, upstream):
    """Text of conf.d for the plugins that need some and are built; makes the database of the search."""
    text = ""
    for plugin, conf in CONF.items():
        if is_built(build, plugin):
            text += conf.format(upstream=upstream, folder=folder)
    if is_built(build, "docs_search"):
        pages = os.path.join(folder, "pages")
        os.makedirs(pages)
        for number in range(200):
            with open(os.path.join(pages, f"page{number}.md"), "w", encoding="utf-8") as out:
                out.write(f"# Page {number}\n\n" + f"How to add step {number} to a pipeline, and what it does. " * 20)
        subprocess.run([os.path.join(build, "bin", "aigw"), "docs", "index", pages, "-o",
                        os.path.join(folder, "docs.db")], check=True, stdout=subprocess.DEVNULL)
    return text


def is_built(build, plugin):
    return plugin is None or os.path.exists(os.path.join(build, "lib", "aigw", "features", plugin + ".so"))
