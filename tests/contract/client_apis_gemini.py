"""CL-GEM rows: Google's API in front of models of other dialects."""
import json

from fakes.models import Reply
from harness.runner import case, equal, truth

from ._client_env import ASK, KEY, bad_body, gemini, gemini_text


@case("CL-GEM-01", "client-apis")
def gem_minimal(env):
    for path in (gemini("gpt"), gemini("claude"), gemini("gemini-2.5-pro", version="v1"), "/gemini" + gemini("gpt")):
        found = env.ask(path, ASK).json()
        equal((gemini_text([found]), found["candidates"][0]["finishReason"]), ("hello", "STOP"), f"answer of {path}")
        equal((found["usageMetadata"]["promptTokenCount"], found["usageMetadata"]["totalTokenCount"]), (7, 9), "usage")


@case("CL-GEM-02 CL-GEM-03", "client-apis")
def gem_stream(env):
    for model in ("gpt", "claude"):
        response = env.ask(gemini(model, "streamGenerateContent") + "?alt=sse", ASK)
        lines = [line for line in response.text.split("\n") if line]
        truth(all(line.startswith("data: {") for line in lines), "nothing but data lines", response.text)
        found = [json.loads(line[6:]) for line in lines]
        equal((gemini_text(found), found[-1]["candidates"][0]["finishReason"], found[-1]["usageMetadata"]["totalTokenCount"]),
              ("hello", "STOP", 9), f"stream of {model}")
        response = env.ask(gemini(model, "streamGenerateContent"), ASK)
        equal((gemini_text(response.json()), response.header("content-type").split(";")[0]), ("hello", "application/json"),
              "the same as a list")


@case("CL-GEM-04 CL-GEM-23", "client-apis")
def gem_spelling(env):
    env.ask(gemini("gpt"), {**ASK, "system_instruction": {"parts": [{"text": "brief"}]},
                            "generationConfig": {"max_output_tokens": 9, "topP": 0.5, "stopSequences": ["E"]}})
    asked = env.asked()
    equal((asked["messages"][0], asked["max_tokens"], asked["top_p"], asked["stop"]),
          ({"role": "system", "content": "brief"}, 9, 0.5, ["E"]), "what the server was asked")


@case("CL-GEM-08", "client-apis")
def gem_tools(env):
    tools = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}}]}]
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"n":1}'}}
    reply = Reply(body={"choices": [{"index": 0, "finish_reason": "tool_calls",
                                     "message": {"role": "assistant", "content": None, "tool_calls": [call]}}]})
    part = env.ask(gemini("gpt"), {**ASK, "tools": tools}, reply).json()["candidates"][0]["content"]["parts"][0]
    equal((part["functionCall"]["name"], part["functionCall"]["args"]), ("f", {"n": 1}), "the call")
    equal(env.asked()["tools"][0]["function"]["name"], "f", "the tool at the server")
    body = {"contents": [*ASK["contents"], {"role": "model", "parts": [part]},
                         {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]}]}
    env.ask(gemini("gpt"), body)
    messages = env.asked()["messages"]
    equal((messages[1]["tool_calls"][0]["id"], messages[2]["role"]), (messages[2]["tool_call_id"], "tool"), "call and result")


@case("CL-GEM-15", "client-apis")
def gem_results(env):
    """A tool's words, as each client wraps them; what is no words is JSON."""
    for given, wanted in (({"output": "x"}, "x"), ({"result": "x"}, "x"), ({"name": "f", "content": "x"}, "x"),
                          ({"name": "Ann", "content": "x"}, {"name": "Ann", "content": "x"}), ({"n": 1}, {"n": 1}), ({"output": 3}, 3),
                          ({"result": {"n": 1}}, {"n": 1}), ({"output": "x", "error": "y"}, {"output": "x", "error": "y"})):
        env.ask(gemini("gpt"), {"contents": [
            {"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": given}}]}]})
        said = env.asked()["messages"][-1]["content"]
        equal(said if isinstance(wanted, str) else json.loads(said), wanted, f"of {given}")


@case("CL-GEM-16 CL-GEM-17", "client-apis")
def gem_beside(env):
    found = env.ask(gemini("claude", "countTokens"), ASK, Reply(body={"input_tokens": 5})).json()
    equal(found["totalTokens"], 5, "tokens")
    response = env.ask(gemini("gpt", "countTokens"), ASK)
    equal((response.status, response.header("x-aigw-estimated")), (200, "1"), "an estimate")
    reply = Reply(body={"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1]}]})
    request = {"model": "models/gpt", "content": {"parts": [{"text": "a"}]}}
    equal(env.ask(gemini("gpt", "embedContent"), request, reply).json(), {"embedding": {"values": [0.5, -1]}}, "a vector")
    equal(env.ask(gemini("gpt", "batchEmbedContents"), {"requests": [request]}, reply).json(),
          {"embeddings": [{"values": [0.5, -1]}]}, "a batch of one")


@case("CL-GEM-18", "client-apis")
def gem_failures(env):
    for model in ("gpt", "claude"):
        response = env.ask(gemini(model, "streamGenerateContent") + "?alt=sse", ASK, Reply(("a", "b"), cut_after=1))
        truth('"error"' in response.text.rstrip().split("\n")[-1], "an error object at the end", response.text[-200:])
        response = env.ask(gemini(model), ASK, Reply(status=429, headers=(("Retry-After", "7"),)))
        equal((response.status, response.json()["error"]["status"]), (429, "RESOURCE_EXHAUSTED"), f"refusal of {model}")
    equal(env.ask(gemini("nobody"), ASK).json()["error"]["status"], "NOT_FOUND", "an unknown model")


@case("CL-GEM-19 CL-GEM-20", "client-apis")
def gem_keys(env):
    none = {"Authorization": ""}
    equal(env.ask(gemini("gpt"), ASK, headers={**none, "x-goog-api-key": KEY}).status, 200, "Google's header")
    response = env.ask(gemini("gpt") + "?key=" + KEY, ASK, headers=none)
    equal((response.status, response.json()["error"]["status"]), (401, "UNAUTHENTICATED"), "a key in the query")
    truth("x-goog-api-key" in response.text and KEY not in response.text, "the header's name, not the key", response.text)
    found = env.ask("/v1/models", None, headers={**none, "x-goog-api-key": KEY}, method="GET").json()
    equal([model["name"] for model in found["models"]], ["models/gpt", "models/claude", "models/both"], "Google's list")
    equal(env.ask("/v1beta/models/gpt", None, method="GET").json()["inputTokenLimit"], 8000, "one of them")


bad_body(__name__, "CL-GEM-bad-json", gemini("gpt"), "{bad", 400, status="INVALID_ARGUMENT")
bad_body(__name__, "CL-GEM-no-contents", gemini("gpt"), {}, 400, status="INVALID_ARGUMENT")
