"""CL-rows: the APIs of OpenAI, Anthropic and Google in front of models of either dialect. A row's request goes in on one API, its
model server answers in another's dialect; what came out, what the server was asked, or both are compared.

gpt: a server of OpenAI's dialect; claude: one of Anthropic's."""
import base64
import hashlib
import json
import struct

from fakes.models import Reply
from harness.runner import add_case, case, equal, fixture, truth

from ._env import Any, Env, INTEGER, TEXT, contains, starts

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
    openai_api: {{ plugin = "openai_api"; aliases = ( "gpt-4* = gpt", "gpt-5* = gpt", "gpt-6* = gpt", "org/gpt = gpt" ); }};
    anthropic_api: {{ plugin = "anthropic_api"; aliases = ( "claude-* = claude" ); }};
    gemini_api: {{ plugin = "gemini_api"; aliases = ( "gemini-* = gpt" ); }};
    models_api: {{ plugin = "models_api"; }};
}};
"""


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


class ClientEnv(Env):
    def __init__(self, ctx, **kwargs):
        def conf(env):
            env.openai, env.anthropic = env.models.script(), env.models.script()
            return CONF.format(hash=sha(KEY), narrow=sha(KEY + "n"), openai=env.openai.root,
                               anthropic=env.anthropic.root, key=SERVER_KEY)
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


# -- OpenAI in -------------------------------------------------------------------------------------------------------

@case("CL-OAI-01", "client-apis")
def minimal(env):
    for model in ("gpt", "claude", "gpt-4o", "org/gpt"):
        response = env.ask(CHAT, chat(model))
        equal(response.status, 200, "status")
        found = response.json()
        equal((found["object"], found["choices"][0]["message"]["content"], found["choices"][0]["finish_reason"]),
              ("chat.completion", "hello", "stop"), f"answer of {model}")
        equal((found["usage"]["prompt_tokens"], found["usage"]["completion_tokens"], found["usage"]["total_tokens"]),
              (7, 2, 9), "usage")
        truth(1.7e9 < found["created"] < 1e10 or model != "claude", "created in seconds", found["created"])
        truth(response.header("request-id") == response.header("x-request-id"), "both names of the id", response.headers)


@case("CL-OAI-02", "client-apis")
def stream(env):
    for model in ("gpt", "claude"):
        found, is_ended = chunks(env.ask(CHAT, chat(model, stream=True)))
        truth(is_ended, "the end marker", "none")
        equal(len({chunk.get("id") for chunk in found}), 1, f"ids of the stream of {model}")
        equal(text_of(found), "hello", "text")
        truth(not any(chunk.get("usage") for chunk in found), "no usage that nobody asked for", found[-1])
        equal([chunk["choices"][0]["finish_reason"] for chunk in found if chunk["choices"]][-1], "stop", "finish")
    equal(found[0]["choices"][0]["delta"], {"role": "assistant", "content": ""}, "the first chunk (translated)")


@case("CL-OAI-03", "client-apis")
def stream_usage(env):
    for model in ("gpt", "claude"):
        found, _ = chunks(env.ask(CHAT, chat(model, stream=True, stream_options={"include_usage": True})))
        equal((found[-1]["choices"], found[-1]["usage"]["total_tokens"]), ([], 9), f"the last chunk of {model}")


@case("CL-OAI-06", "client-apis")
def tools(env):
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": f'{{"n":{n}}}'}} for n in (1, 2)]
    body = {"choices": [{"index": 0, "finish_reason": "tool_calls",
                         "message": {"role": "assistant", "content": None, "tool_calls": calls}}]}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    found = env.ask(CHAT, chat(tools=[tool]), Reply(body=body)).json()["choices"][0]
    equal((found["message"]["tool_calls"], found["finish_reason"]), (calls, "tool_calls"), "the same dialect")
    uses = [{"type": "tool_use", "id": f"t{n}", "name": "f", "input": {"n": n}} for n in (1, 2)]
    body = {"type": "message", "role": "assistant", "content": uses, "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 2}}
    found = env.ask(CHAT, chat("claude", tools=[tool], tool_choice="required"), Reply(body=body)).json()["choices"][0]
    equal([(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
           for call in found["message"]["tool_calls"]], [("t1", "f", {"n": 1}), ("t2", "f", {"n": 2})], "calls of Claude")
    asked = env.asked()
    equal((asked["tools"][0]["name"], asked["tool_choice"]), ("f", {"type": "any"}), "what Claude was asked")


@case("CL-OAI-11", "client-apis")
def stream_error(env):
    failing = Reply(("hel",), error_event={"message": "boom", "type": "server_error"})
    found, is_ended = chunks(env.ask(CHAT, chat("both", stream=True), failing))
    truth(not is_ended, "no end marker", "one")
    equal(found[-1]["error"]["message"], "boom", "the last event")


@case("CL-OAI-12", "client-apis")
def stream_cut(env):
    for model in ("gpt", "claude"):
        found, is_ended = chunks(env.ask(CHAT, chat(model, stream=True), Reply(("a", "b"), cut_after=1)))
        truth(not is_ended, "no end marker", "one")
        equal(found[-1]["error"]["code"], "upstream_error", f"the last event of {model}")


@case("CL-OAI-14", "client-apis")
def several(env):
    body = {"choices": [{"index": i, "message": {"role": "assistant", "content": str(i)}, "finish_reason": "stop"}
                        for i in (1, 0)]}
    found = env.ask(CHAT, chat(n=2), Reply(body=body)).json()["choices"]
    equal(sorted(choice["index"] for choice in found), [0, 1], "choices")
    response = env.ask(CHAT, chat("claude", n=2))
    equal(response.status, 400, "status of two answers of Claude")


@case("CL-OAI-17", "client-apis")
def dropped(env):
    response = env.ask(CHAT, chat("claude", seed=1, logit_bias={"5": 1}))
    equal((response.status, sorted(response.header("x-aigw-dropped", "").split(", "))), (200, ["logit_bias", "seed"]),
          "what was left out")
    response = env.ask(CHAT, chat("claude", seed=1, stream=True))
    equal(response.header("x-aigw-dropped"), "seed", "the header of a stream")


@case("CL-OAI-19 CL-ANT-11", "client-apis")
def strangers(env):
    """Members that nobody knows: to a server of the client's dialect as they are, to others not at all, and said so."""
    response = env.ask(CHAT, chat("claude", foo=1))
    equal((response.status, response.header("x-aigw-dropped"), "foo" in env.asked()), (200, "foo", False), "chat to Claude")
    env.ask(CHAT, chat("gpt", foo=1))
    equal(env.asked()["foo"], 1, "chat to a server of its dialect")
    body = message("gpt", context_management={"edits": []},
                   tools=[{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}])
    response = env.ask(MESSAGES, body)
    truth(response.status == 200 and "context_management" in response.header("x-aigw-dropped", ""),
          "a message to another vendor", (response.text, response.headers))
    response = env.ask(MESSAGES, message("gpt", container="c"))
    truth(response.status == 400 and "container" in response.json()["error"]["message"], "a refusal (CL-ANT-35)",
          response.text)


@case("CL-ANT-35-thread", "client-apis")
def threads(env):
    """Nothing is kept here: a thread may begin, as it brings its whole conversation; to go on with one only its own server can."""
    response = env.ask(MESSAGES, message("gpt", thread={"type": "create"}))
    equal((response.status, response.header("x-aigw-dropped"), "thread" in env.asked()), (200, "thread", False), "a beginning")
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "3"}]}
    more = {"messages": [result], "thread": {"type": "continue", "previous_message_id": "msg_1"}}
    response = env.ask(MESSAGES, message("gpt", **more))
    equal((response.status, response.json()["error"]["type"], response.json()["error"]["details"]["error_code"], env.openai.count),
          (400, "invalid_request_error", "thread_not_found", 0), "its second turn at another vendor's")
    response = env.ask(MESSAGES, message("claude", **more))
    equal((response.status, env.asked()["thread"], env.asked()["messages"]), (200, more["thread"], [result]), "… and at its own")
    response = env.ask(MESSAGES, message("gpt", thread="t1"))
    equal((response.status, response.json()["error"]["details"]["error_code"]), (400, "thread_unsupported_request"), "nonsense")
    response = env.ask(MESSAGES, message("claude", messages=[result]))
    equal(response.status, 400, "status of a result without a call")


@case("CL-OAI-34", "client-apis")
def wrong_path(env):
    response = env.ask(CHAT, {"model": "claude", "input": "hi"})
    equal((response.status, response.json().get("object")), (200, "chat.completion"), "a Responses body on a chat's path")


@case("CL-OAI-31", "client-apis")
def unknown_model(env):
    response = env.ask(CHAT, chat("nobody"))
    equal((response.status, response.json()["error"]["code"], response.json()["error"]["param"],
           response.header("x-should-retry")), (404, "model_not_found", "model", "false"), "refusal")


@case("CL-OAI-32", "client-apis")
def bad_key(env):
    response = env.ask(CHAT, chat(), headers={"Authorization": "Bearer sk-wrong-canary"})
    equal((response.status, response.json()["error"]["code"], response.header("x-should-retry")),
          (401, "invalid_api_key", "false"), "refusal")
    truth("canary" not in response.text, "no key in the body", response.text)


@case("CL-OAI-33", "client-apis")
def limited(env):
    for model in ("gpt", "claude"):
        response = env.ask(CHAT, chat(model), Reply(status=429, headers=(("Retry-After", "7"),)))
        equal((response.status, response.json()["error"]["code"], response.header("retry-after")),
              (429, "rate_limit_exceeded", "7"), f"refusal of {model}")


def bad_body(ident, path, body, http_status, **wanted):
    def run(env):
        response = env.ask(path, body)
        equal(response.status, http_status, "status")
        error = response.json()["error"]
        equal({key: error.get(key) for key in wanted}, wanted, "error")
        truth(error["message"], "words", error)
        equal(len(env.openai.seen) + len(env.anthropic.seen), 0, "requests at the model servers")
    add_case(ident, "client-apis", run, __name__)


bad_body("CL-OAI-35-json", CHAT, "{bad", 400, type="invalid_request_error")
bad_body("CL-OAI-35-list", CHAT, "[]", 400, type="invalid_request_error")
bad_body("CL-OAI-35-empty", CHAT, "", 400, type="invalid_request_error")
bad_body("CL-OAI-35-content", CHAT, chat(messages=[{"role": "user", "content": 5}]), 400,
         param="messages[0].content")
bad_body("CL-OAI-35-role", CHAT, chat(messages=[{"role": "pope", "content": "x"}]), 400, param="messages[0].role")
bad_body("CL-ANT-03", MESSAGES, {"model": "claude", "messages": []}, 400, type="invalid_request_error",
         message=contains("max_tokens"))
bad_body("CL-ANT-bad-json", MESSAGES, "{bad", 400, type="invalid_request_error")
bad_body("CL-ANT-bad-role", MESSAGES, message(messages=[{"role": "pope", "content": "x"}]), 400,
         message=contains("messages.0.role"))


@case("CL-OAI-36", "client-apis")
def embeddings(env):
    body = {"object": "list", "data": [{"object": "embedding", "index": i, "embedding": v}
                                       for i, v in ((1, [0.25, 2]), (0, [0.5, -1]))], "usage": {"prompt_tokens": 3}}
    found = env.ask("/v1/embeddings", {"model": "gpt", "input": ["a", "b"], "encoding_format": "base64"},
                    Reply(body=body)).json()["data"]
    equal([list(struct.unpack("<2f", base64.b64decode(item["embedding"]))) for item in found], [[0.5, -1], [0.25, 2]],
          "vectors as base64")
    found = env.ask("/v1/embeddings", {"model": "gpt", "input": ["a", "b"]}, Reply(body=body)).json()
    equal([(item["index"], item["embedding"]) for item in found["data"]], [(0, [0.5, -1]), (1, [0.25, 2])], "vectors")
    equal(found["usage"]["prompt_tokens"], 3, "tokens")
    equal(env.ask("/v1/embeddings", {"model": "claude", "input": "a"}).status, 400, "status of a model without them")


@case("CL-OAI-39", "client-apis")
def prompts(env):
    body = {"choices": [{"index": i, "text": f"t{i}", "finish_reason": "stop"} for i in (0, 1)],
            "usage": {"prompt_tokens": 2, "completion_tokens": 3}}
    found = env.ask("/v1/completions", {"model": "gpt", "prompt": ["a", "b"], "n": 2}, Reply(body=body)).json()
    equal([(choice["index"], choice["text"]) for choice in found["choices"]],
          [(0, "t0"), (1, "t1"), (2, "t0"), (3, "t1")], "choices, those of the first prompt first")
    equal(found["usage"]["total_tokens"], 10, "tokens of both calls")
    equal(sorted(seen.json()["prompt"] for seen in env.openai.seen), ["a", "b"], "prompts at the server")
    response = env.ask("/v1/completions", {"model": "gpt", "prompt": ["a", "b"]}, Reply(status=503))
    equal(response.status, 503, "one failure is the answer's")


@case("CL-OAI-40", "client-apis")
def fill_in(env):
    found, is_ended = chunks(env.ask("/v1/completions",
                                     {"model": "gpt", "prompt": "a", "suffix": "z", "stream": True}))
    equal(("".join(chunk["choices"][0]["text"] for chunk in found if chunk["choices"]), is_ended), ("hello", True),
          "text and end marker")
    truth(any(seen.json().get("suffix") == "z" for seen in env.openai.seen), "the suffix at the server", "none")


@case("CL-OAI-41", "client-apis")
def models(env):
    names = ["gpt", "claude", "both"]
    found = env.ask("/v1/models", None, method="GET").json()
    equal((found["object"], [model["id"] for model in found["data"]]), ("list", names), "OpenAI's list")
    equal(found["data"][0]["max_model_len"], 8000, "window of the first")
    equal(env.ask("/v1/models/claude", None, method="GET").json()["id"], "claude", "one of them")
    response = env.ask("/v1/models/a/b:c", None, method="GET")
    equal((response.status, response.json()["error"]["code"]), (404, "model_not_found"), "an unknown one")
    narrow = {"Authorization": f"Bearer {KEY}n"}
    equal([model["id"] for model in env.ask("/openai/v1/models", None, headers=narrow, method="GET").json()["data"]],
          ["gpt"], "models of a narrow key")
    equal(env.ask("/v1/models/claude", None, headers=narrow, method="GET").status, 404, "one that it may not use")
    equal(env.ask(CHAT, chat("claude"), headers=narrow).status, 404, "a call of it")


@case("CL-ANT-30 CL-MAP-31", "client-apis")
def models_of_anthropic(env):
    found = env.ask("/v1/models?limit=2", None, headers={"anthropic-version": "2023-06-01"}, method="GET").json()
    equal(([model["id"] for model in found["data"]], found["has_more"], found["last_id"]), (["gpt", "claude"], True, "claude"),
          "Anthropic's list")
    found = env.ask("/anthropic/v1/models?limit=2&after_id=claude", None, method="GET").json()
    equal(([model["id"] for model in found["data"]], found["has_more"]), (["both"], False), "its second page")
    equal(env.ask("/anthropic/v1/models/nobody", None, method="GET").json()["error"]["type"], "not_found_error", "unknown")


@case("CL-OAI-42 CL-OAI-43", "client-apis")
def paths(env):
    for path in ("/chat/completions", "/v1/v1/chat/completions", "/openai/v1/chat/completions", CHAT + "/",
                 "/ai/v1/chat/completions"):
        equal(env.ask(path, chat()).status, 200, f"status of {path}")
    response = env.ask("/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
                       {"messages": [{"role": "user", "content": "hi"}]},
                       headers={"Authorization": "", "api-key": KEY})
    equal((response.status, response.json()["choices"][0]["message"]["content"]), (200, "hello"), "Azure's form")


@case("CL-wrong-base", "client-apis")
def wrong_base(env):
    """Base URLs are typed with and without a version: what can be meant is served; what the vendors have besides is 404 in their words."""
    ask = {"chat/completions": chat(), "responses": {"model": "gpt", "input": "hi"}, "completions": {"model": "gpt", "prompt": "a"},
           "messages": message("gpt"), "messages/count_tokens": {key: value for key, value in message().items() if key != "max_tokens"}}
    for path, body in ask.items():
        own = "anthropic" if path.startswith("messages") else "openai"
        for base in ("", "/v1", "/v1/v1", f"/{own}", f"/{own}/v1"):
            response = env.ask(f"{base}/{path}", body)
            equal(response.status, 200, f"status of {base}/{path} ({response.text[:200]})")
    for path in ("/v1/models", "/models", "/v1/v1/models", "/openai/models", "/gemini/v1/models", "/v1alpha/models", "/openai/models/gpt", "/v1/models/"):
        equal(env.ask(path, None, method="GET").status, 200, f"status of {path}")
    for path in ("/v1beta/models/models%2Fgpt", "/v1beta/models/org/gpt", "/gemini/v1alpha/models/gpt",
                 "/v1beta1/projects/p/locations/eu/publishers/google/models/gpt", "/v1/models/org%2Fgpt"):
        response = env.ask(path + ":generateContent", ASK)
        equal(response.status, 404 if "org" in path else 200, f"status of {path} ({response.text[:200]})")
        truth(response.status == 200 or "org/gpt" in response.text or response.json()["error"]["status"] == "NOT_FOUND", "Google's words", response.text)
    for method, path in (("POST", "/v1/audio/speech"), ("POST", "/v1/images/generations"), ("POST", "/v1/moderations"), ("GET", "/v1/files"),
                         ("POST", "/v1/batches"), ("POST", "/openai/v1/nothing"), ("POST", "/v1/responses/resp_1/cancel"), ("GET", "/openai/v1/responses/resp_1")):
        response = env.ask(path, {} if method == "POST" else None, method=method)
        equal((response.status, response.json()["error"]["type"], response.header("x-should-retry")), (404, "invalid_request_error", "false"), f"{method} {path}")
    for method, path in (("POST", "/v1/messages/batches"), ("GET", "/v1/organizations/me"), ("POST", "/anthropic/v1/nothing")):
        response = env.ask(path, {} if method == "POST" else None, method=method)
        equal((response.status, response.json()["error"]["type"]), (404, "not_found_error"), f"{method} {path}")
    equal(env.ask("/v1/files", None, method="GET", headers={"Authorization": "Bearer wrong"}).json()["error"]["code"], "invalid_api_key", "nobody")


# -- the Responses API in --

RESPONSES = "/v1/responses"


@case("CL-RSP-01", "client-apis")
def rsp_minimal(env):
    for model in ("gpt", "claude"):
        found = env.ask(RESPONSES, {"model": model, "input": "hi", "instructions": "brief"}).json()
        equal((found["object"], found["status"], found["output"][0]["content"][0]["text"], found["store"]),
              ("response", "completed", "hello", False), f"answer of {model}")
        equal((found["usage"]["total_tokens"], found["usage"]["input_tokens_details"]["cached_tokens"]), (9, 0), "usage")
        truth(found["completed_at"] >= found["created_at"], "when it was done", found)
        wanted = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "top_logprobs": 0,
                  "max_tool_calls": None, "max_output_tokens": None, "prompt_cache_key": None, "safety_identifier": None}
        equal({name: found.get(name, "absent") for name in wanted}, wanted, "members that have to be there")
        truth(found["id"].startswith("resp_") and found["output"][0]["id"].startswith("msg_"), "ids", found)


@case("CL-RSP-02", "client-apis")
def rsp_stream(env):
    found = events(env.ask(RESPONSES, {"model": "claude", "input": "hi", "stream": True}))
    equal([name for name, _ in found],
          ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
           "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
           "response.content_part.done", "response.output_item.done", "response.completed"], "order")
    equal([data["sequence_number"] for _, data in found], list(range(len(found))), "numbers")
    equal(len({data["response"]["id"] for _, data in found if "response" in data}), 1, "ids of the response")


@case("CL-RSP-06 CL-RSP-07", "client-apis")
def rsp_failures(env):
    for model in ("gpt", "claude"):
        name, data = events(env.ask(RESPONSES, {"model": model, "input": "hi", "stream": True},
                                    Reply(("a", "b"), cut_after=1)))[-1]
        equal((name, data["response"]["status"]), ("response.failed", "failed"), f"the end of a stream of {model}")
    error = {"error": {"message": "maximum context length is 8192 tokens", "code": "context_length_exceeded"}}
    response = env.ask(RESPONSES, {"model": "gpt", "input": "hi", "stream": True}, Reply(status=400, body=error))
    equal((response.status, response.json()["error"]["code"]), (400, "context_length_exceeded"), "too long")


def rsp_state(ident, code, **more):
    @case(ident, "client-apis")
    def run(env):
        response = env.ask(RESPONSES, {"model": "gpt", "input": "hi", **more})
        equal((response.status, response.json()["error"]["code"], response.header("x-should-retry")), (400, code, "false"),
              "refusal")
        equal(len(env.openai.seen), 0, "requests at the server")


rsp_state("CL-RSP-09-previous", "previous_response_not_found", previous_response_id="resp_1")
rsp_state("CL-RSP-09-conversation", "previous_response_not_found", conversation="conv_1")
rsp_state("CL-RSP-09-prompt", "unsupported_parameter", prompt={"id": "p"})
rsp_state("CL-RSP-09-background", "unsupported_parameter", background=True)


@case("CL-RSP-10 CL-RSP-11 CL-RSP-28 CL-RSP-29", "client-apis")
def rsp_paths(env):
    equal(env.ask(RESPONSES, {"model": "gpt", "input": "hi", "store": True}).json()["store"], False, "store")
    equal(env.ask(RESPONSES + "/resp_1", None, method="GET").status, 404, "status of an old answer")
    equal(env.ask(RESPONSES + "/resp_1", None, method="DELETE").status, 404, "status of deleting it")
    equal(env.ask(RESPONSES, None, method="GET", headers={"Upgrade": "websocket", "Connection": "Upgrade"}).status, 426,
          "status of a WebSocket")
    response = env.ask(RESPONSES + "/input_tokens", {"model": "claude", "input": "hi"}, Reply(body={"input_tokens": 5}))
    equal(response.json(), {"object": "response.input_tokens", "input_tokens": 5}, "counted")
    equal(env.ask(RESPONSES + "/input_tokens", {"model": "gpt", "input": "hi"}).header("x-aigw-estimated"), "1", "estimated")
    equal(env.ask(RESPONSES + "/compact", {"model": "gpt", "input": "hi"}).status, 400, "status of compaction")


@case("CL-RSP-15 CL-RSP-17", "client-apis")
def rsp_items(env):
    call = {"type": "tool_use", "id": "t1", "name": "apply_patch", "input": {"input": "*** Begin"}}
    reply = Reply(body={"type": "message", "role": "assistant", "content": [call], "stop_reason": "tool_use",
                        "usage": {"input_tokens": 1, "output_tokens": 2}})
    body = {"model": "claude", "tools": [{"type": "custom", "name": "apply_patch", "description": "d"}],
            "input": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                      {"role": "developer", "content": "c"}, {"role": "user", "content": "d"}]}
    found = env.ask(RESPONSES, body, reply)
    equal([(item["type"], item.get("input")) for item in found.json()["output"]], [("custom_tool_call", "*** Begin")],
          "a tool with plain text")


@case("CL-RSP-13 CL-RSP-14", "client-apis")
def rsp_namespaces(env):
    """Codex' tools: in namespaces, among the tools or in the conversation, and plain text held to a grammar."""
    space = {"type": "namespace", "name": "mail", "description": "", "tools": [
        {"type": "function", "name": "list", "parameters": {"type": "object", "properties": {}}, "strict": False}]}
    patch = {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}}
    called = {"gpt": {"choices": [{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [
                  {"id": "t1", "type": "function", "function": {"name": "mail__list", "arguments": "{}"}}]},
                  "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
              "claude": {"type": "message", "role": "assistant", "stop_reason": "tool_use", "usage": {"input_tokens": 1,
                  "output_tokens": 2}, "content": [{"type": "tool_use", "id": "t1", "name": "mail__list", "input": {}}]}}
    past = [{"type": "function_call", "call_id": "c", "namespace": "mail", "name": "list", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "none"}]
    for model, answer in called.items():
        for more in ({"tools": [space, patch], "input": [{"role": "user", "content": "q"}, *past]},
                     {"input": [{"type": "additional_tools", "role": "developer", "tools": [space, patch]},
                                {"role": "user", "content": "q"}, *past]}):
            response = env.ask(RESPONSES, {"model": model, **more}, Reply(body=answer))
            equal(response.status, 200, f"status of {model} ({response.text[:200]})")
            equal([(item["type"], item.get("namespace"), item.get("name")) for item in response.json()["output"]],
                  [("function_call", "mail", "list")], f"the call that {model} makes")
            asked = env.asked()
            equal([tool.get("function", tool)["name"] for tool in asked["tools"]], ["mail__list", "apply_patch"], "tools up")
            equal(str(asked["messages"]).count("mail__list"), 1, "the call of an earlier turn")


@case("CL-RSP-16 CL-RSP-25", "client-apis")
def rsp_strangers(env):
    """What one vendor alone understands is left out for another, and named; the conversation goes on."""
    items = [{"type": "message", "role": "user", "content": "q"},
             {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
             {"type": "hologram_call", "id": "h_1"},
             {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
             {"type": "message", "role": "user", "content": "go on"}]
    for model in ("gpt", "claude"):
        response = env.ask(RESPONSES, {"model": model, "input": items})
        equal((response.status, sorted(response.header("x-aigw-dropped", "").split(", "))),
              (200, ["hologram_call", "web_search_call"]), f"items left out for {model}")
        truth("ws_1" not in str(env.asked()) and "go on" in str(env.asked()), "only the conversation", env.asked())


@case("CL-open-webui", "client-apis")
def open_webui(env):
    """What Open WebUI asks for: the list of its connection, then a chat as a stream, with headers that say who the user is."""
    who = {"X-OpenWebUI-User-Name": "Ann%20B", "X-OpenWebUI-User-Id": "u1", "X-OpenWebUI-User-Email": "a@b.test",
           "X-OpenWebUI-User-Role": "admin", "X-OpenWebUI-Chat-Id": "c1"}
    listed = env.ask("/v1/models", None, method="GET", headers=who)
    equal((listed.status, [model["id"] for model in listed.json()["data"]]), (200, ["gpt", "claude", "both"]), "the list")
    for model in ("gpt", "claude"):
        found, is_ended = chunks(env.ask(CHAT, chat(model, stream=True, stream_options={"include_usage": True}), headers=who))
        equal((text_of(found), found[-1]["usage"]["total_tokens"], is_ended), ("hello", 9, True), f"the stream of {model}")


@case("CL-CORS", "client-apis")
def from_a_browser(env):
    """A page asks before it sends a key: by the method of the path, and only by one that the path has."""
    for method, path, wanted in (("POST", CHAT, 200), ("GET", "/v1/models", 200), ("GET", "/v1/models/gpt", 200),
                                 ("POST", MESSAGES, 200), ("GET", CHAT, 400), ("DELETE", "/v1/models", 400)):
        response = env.request("OPTIONS", path, {"Origin": "https://page.test", "Access-Control-Request-Method": method,
                                                 "Access-Control-Request-Headers": "authorization"})
        equal((response.status, response.header("access-control-allow-origin"),
               response.header("access-control-allow-methods") == method), (wanted, "*", wanted == 200), f"{method} {path}")
    response = env.ask("/v1/models", None, method="GET", headers={"Origin": "https://page.test"})
    equal((response.status, response.header("access-control-allow-origin")), (200, "*"), "the list itself")


@case("CL-MAP-items-of-others", "client-apis")
def items_of_others(env):
    """So it is with Claude's and Gemini's own, in messages and in tools' results."""
    found = {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "c"}]}
    ask = [{"role": "user", "content": "q"},
           {"role": "assistant", "content": [
               {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
               {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
               {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
           {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [found]},
                                        {"type": "text", "text": "go on"}]}]
    response = env.ask(MESSAGES, message("gpt", messages=ask, tools=[{"name": "f", "input_schema": {"type": "object"}}]))
    equal(response.status, 200, "status of Claude's at OpenAI's")
    names = response.header("x-aigw-dropped", "").split(", ")
    truth({"server_tool_use", "web_search_tool_result"} <= set(names), "the blocks named", names)
    truth("srvtoolu_1" not in str(env.asked()) and "go on" in str(env.asked()), "only the conversation", env.asked())
    ask = [*ASK["contents"], {"role": "model", "parts": [{"executableCode": {"language": "PYTHON", "code": "1"}},
                                                         {"text": "one"}]}, *ASK["contents"]]
    for model in ("gpt", "claude"):
        response = env.ask(gemini(model), {"contents": ask})
        equal((response.status, response.header("x-aigw-dropped")), (200, "executableCode"), f"Gemini's at {model}")


# -- Anthropic in ----------------------------------------------------------------------------------------------------

@case("CL-ANT-01", "client-apis")
def ant_minimal(env):
    for model in ("claude", "gpt", "claude-sonnet-9"):
        response = env.ask(MESSAGES, message(model))
        equal(response.status, 200, "status")
        found = response.json()
        equal((found["type"], found["role"], found["content"][0]["text"], found["stop_reason"]),
              ("message", "assistant", "hello", "end_turn"), f"answer of {model}")
        equal((found["usage"]["input_tokens"], found["usage"]["output_tokens"]), (7, 2), "usage")
        truth(response.header("request-id") and response.header("x-request-id"), "both ids", response.headers)


@case("CL-ANT-02", "client-apis")
def ant_stream(env):
    for model in ("gpt", "claude"):
        found = events(env.ask(MESSAGES, message(model, stream=True)))
        truth(all(name == data["type"] for name, data in found), "names that are the types", found[:2])
        names = [name for name, _ in found if name != "ping"]
        equal((names[0], names[1], names[-3:]), ("message_start", "content_block_start",
                                                 ["content_block_stop", "message_delta", "message_stop"]), "order")
        equal("".join(data["delta"]["text"] for name, data in found if name == "content_block_delta"), "hello", "text")
        truth("usage" in found[0][1]["message"] and dict(found)["message_delta"]["usage"]["output_tokens"] == 2,
              "usage at both ends", found)


@case("CL-ANT-04 CL-ANT-06 CL-ANT-07", "client-apis")
def ant_headers(env):
    for version in ("2023-06-01", "2026-10-21", "nonsense", None):
        headers = {"anthropic-version": version} if version else {}
        equal(env.ask(MESSAGES + "?beta=true", message("gpt", temperature=0.5), headers=headers).status, 200, version)
    equal(env.ask(MESSAGES, message(), headers={"Authorization": "Bearer other", "x-api-key": KEY}).status, 200,
          "x-api-key decides")


@case("CL-ANT-08", "client-apis")
def hello(env):
    equal(env.request("HEAD", "/api/hello").status, 200, "status of the probe")


@case("CL-ANT-18 CL-ANT-20", "client-apis")
def ant_tools(env):
    body = message("gpt", tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice={"type": "any"},
                   messages=[{"role": "user", "content": "go"},
                             {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"n": 1}}]},
                             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": True,
                                                           "content": [{"type": "text", "text": "no"}]}]}])
    call = {"id": "c9", "type": "function", "function": {"name": "f", "arguments": ""}}
    reply = Reply(body={"choices": [{"index": 0, "finish_reason": "stop",
                                     "message": {"role": "assistant", "content": None, "tool_calls": [call]}}]})
    found = env.ask(MESSAGES, body, reply).json()
    equal((found["stop_reason"], found["content"]), ("tool_use", [{"type": "tool_use", "id": TEXT, "name": "f", "input": {}}]),
          "the call (CL-ANT-21)")
    asked = env.asked()
    equal((asked["tool_choice"], asked["messages"][1]["tool_calls"][0]["function"]), ("required", {"name": "f", "arguments": Any('{"n":1}', lambda v: json.loads(v) == {"n": 1})}), "what the server was asked")
    equal(asked["messages"][2]["role"], "tool", "the result")


@case("CL-ANT-23", "client-apis")
def ant_overload(env):
    for model in ("claude", "gpt"):
        response = env.ask(MESSAGES, message(model), Reply(status=503))
        equal((response.status, response.json()["error"]["type"]), (529, "overloaded_error"), f"refusal of {model}")
    failing = Reply(("hel",), error_event={"type": "overloaded_error", "message": "busy"})
    name, data = events(env.ask(MESSAGES, message("claude", stream=True), failing))[-1]
    equal((name, data["error"]["type"]), ("error", "overloaded_error"), "the last event")


@case("CL-ANT-24", "client-apis")
def ant_too_long(env):
    error = {"error": {"message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
                       "code": "context_length_exceeded"}}
    response = env.ask(MESSAGES, message("gpt"), Reply(status=400, body=error))
    equal((response.status, response.json()["error"]["message"]),
          (400, Any("prompt is too long: N tokens > M maximum",
                    lambda v: v.startswith("prompt is too long: ") and " tokens > " in v and v.endswith(" maximum"))), "words")
    response = env.ask(CHAT, chat(), Reply(status=400, body=error))
    equal((response.status, response.json()["error"]["code"]), (400, "context_length_exceeded"), "OpenAI's code")


@case("CL-ANT-25 CL-ANT-26", "client-apis")
def ant_refusals(env):
    response = env.ask(MESSAGES, message(), headers={"Authorization": "Bearer wrong"})
    equal((response.status, response.json()["type"], response.json()["error"]["type"], response.header("x-should-retry")),
          (401, "error", "authentication_error", "false"), "a bad key")
    response = env.ask(MESSAGES, message("nobody"))
    equal((response.status, response.json()["error"]["type"]), (404, "not_found_error"), "an unknown model")


@case("CL-ANT-27", "client-apis")
def ant_too_large(env):
    response = env.ask(MESSAGES, b" " * (33 << 20))
    equal((response.status, response.json()["error"]["type"]), (413, "request_too_large"), "refusal")


@case("CL-ANT-29", "client-apis")
def ant_count(env):
    body = {key: value for key, value in message().items() if key != "max_tokens"}
    response = env.ask(MESSAGES + "/count_tokens?beta=true", body, Reply(body={"input_tokens": 11}))
    equal((response.json(), response.header("x-aigw-estimated")), ({"input_tokens": 11}, None), "counted by the server")
    response = env.ask(MESSAGES + "/count_tokens", {**body, "model": "gpt"})
    equal((response.status, response.json(), response.header("x-aigw-estimated")), (200, {"input_tokens": INTEGER}, "1"),
          "estimated")


@case("CL-ANT-31", "client-apis")
def ant_cached(env):
    reply = Reply(body={"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
                        "usage": {"prompt_tokens": 120, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 100}}})
    usage = env.ask(MESSAGES, message("gpt"), reply).json()["usage"]
    equal((usage["input_tokens"], usage["cache_read_input_tokens"]), (20, 100), "tokens")


# -- Gemini in ---

def gemini(model, method="generateContent", version="v1beta"):
    return f"/{version}/models/{model}:{method}"


ASK = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def gemini_text(found):
    return "".join(part.get("text", "") for item in found for candidate in item.get("candidates", ())
                   for part in candidate.get("content", {}).get("parts", ()))


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


bad_body("CL-GEM-bad-json", gemini("gpt"), "{bad", 400, status="INVALID_ARGUMENT")
bad_body("CL-GEM-no-contents", gemini("gpt"), {}, 400, status="INVALID_ARGUMENT")


# -- both ------------------------------------------------------------------------------------------------------------

@case("CL-MAP-03 CL-MAP-04", "client-apis")
def raw(env):
    """The same dialect on both sides: bytes as they are but for the model's name."""
    body = '{ "messages":[{"content":"caf\\u00e9 \\"model\\":\\"x\\"","role":"user"}], "temperature":1.0, "model" : "gpt" , "x": [1e3]}'
    env.ask(CHAT, body)
    equal(env.openai.seen[0].body.decode(), body.replace('"gpt"', '"gpt-real"'), "bytes at the server")
    body = body.replace('"gpt"', '"claude"').replace('"x": [1e3]', '"max_tokens": 5')
    env.ask(MESSAGES, body, headers={"anthropic-beta": "b1", "anthropic-version": "2023-06-01", "cookie": "c"})
    seen = env.anthropic.seen[0]
    equal(seen.body.decode(), body.replace('"claude"', '"claude-real"'), "bytes at the server")
    equal((seen.header("anthropic-beta"), seen.header("cookie"), seen.header("x-api-key")), ("b1", None, SERVER_KEY), "headers")


@case("CL-MAP-05", "client-apis")
def raw_answers(env):
    """The client's name for the model goes back into an answer that passes; not into what only looks like one."""
    call = {"id": "c", "type": "function", "function": {"name": "model", "arguments": '{"model":"gpt-real"}'}}
    said = {"choices": [{"message": {"role": "assistant", "model": "gpt-real", "tool_calls": [call]}, "index": 0,
                         "finish_reason": "tool_calls"}], "model": "gpt-real", "x": 1.50}
    body = json.dumps(said, indent=1).replace("1.5", "1.50e0")
    response = env.ask(CHAT, chat("gpt-4o-mini"), Reply(body=body))
    equal(response.text, body.replace(' "model": "gpt-real",\n "x"', ' "model": "gpt-4o-mini",\n "x"'), "a whole answer")
    response = env.ask(CHAT, chat(stream=True), Reply(('"model":"gpt-real"', "b")))
    pieces, is_ended = chunks(response)
    equal(({chunk["model"] for chunk in pieces}, text_of(pieces), is_ended), ({"gpt"}, '"model":"gpt-real"b', True), "a stream")
    equal(env.ask(MESSAGES, message("claude-sonnet-9")).json()["model"], "claude-sonnet-9", "of Claude")
    found = events(env.ask(MESSAGES, message("claude-sonnet-9", stream=True)))
    equal(found[0][1]["message"]["model"], "claude-sonnet-9", "of Claude, streamed")


@case("CL-MAP-08", "client-apis")
def fallback(env):
    for path, body in ((CHAT, chat("both")), (MESSAGES, message("both"))):
        env.ask(path, body)
        env.openai.replies, env.anthropic.replies = [Reply(status=503)], [Reply(("yes",), usage=(3, 1))]
        env.openai.seen.clear()
        response = env.request("POST", path, {"Authorization": f"Bearer {KEY}"}, json.dumps(body))
        truth(response.status == 200 and "yes" in response.text, "the other target's answer", response.text)


@case("CL-MAP-28", "client-apis")
def leaves(env):
    import socket
    for path, body in ((CHAT, chat(stream=True)), (MESSAGES, message("gpt", stream=True))):
        env.openai.replies = [Reply(filler=100000, filler_size=64, piece_delay=0.01)]
        env.openai.seen.clear()
        data = json.dumps(body).encode()
        with socket.create_connection(("127.0.0.1", env.gw.port)) as conn:
            conn.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            conn.recv(64)
        truth(env.openai.wait(lambda script: script.seen and script.seen[0].gone_at is not None), "the server's call ended", "it runs on")


@case("CL-MAP-35", "client-apis")
def upstream_key(env):
    for path, body in ((CHAT, chat()), (CHAT, chat("claude")), (MESSAGES, message()), (MESSAGES, message("gpt"))):
        response = env.ask(path, body, Reply(status=401, body={"error": {"message": f"invalid token {SERVER_KEY} expired"}}))
        equal(response.status, 502, f"status of {path} {body['model']}")
        truth("token" not in response.text and SERVER_KEY not in response.text, "no word of tokens", response.text)


@case("CL-MAP-36 CL-MAP-37", "client-apis")
def other_form(env):
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    found = events(env.ask(MESSAGES, message("gpt", stream=True), Reply(body=whole)))
    equal([name for name, _ in found if name != "ping"],
          ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"],
          "a full stream of a whole answer")


@case("CL-MAP-access-log", "client-apis")
def access_log(env):
    """Calls of clients are counted like others, keys are in no line."""
    env.ask(CHAT, chat())
    truth((env.gw.metric("inference_input_tokens_total") or 0) >= 7, "tokens counted", env.gw.metrics()[-500:])
    truth(not any("canary" in str(line) for line in env.gw.lines), "no key in the log", "one")
