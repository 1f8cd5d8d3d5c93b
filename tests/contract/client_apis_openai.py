"""CL-OAI and CL-RSP rows: OpenAI's API, chats and responses, in front of a model of its dialect and of another."""
import base64
import json
import struct

from fakes.models import Reply
from harness.runner import case, equal, truth

from ._client_env import CHAT, MESSAGES, bad_body, chat, chunks, events, message, text_of


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


bad_body(__name__, "CL-OAI-35-json", CHAT, "{bad", 400, type="invalid_request_error")
bad_body(__name__, "CL-OAI-35-list", CHAT, "[]", 400, type="invalid_request_error")
bad_body(__name__, "CL-OAI-35-empty", CHAT, "", 400, type="invalid_request_error")
bad_body(__name__, "CL-OAI-35-content", CHAT, chat(messages=[{"role": "user", "content": 5}]), 400,
         param="messages[0].content")
bad_body(__name__, "CL-OAI-35-role", CHAT, chat(messages=[{"role": "pope", "content": "x"}]), 400, param="messages[0].role")


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


# -- the Responses API --

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


@case("CL-RSP-06-pass", "client-apis-pass")
def rsp_failure_of_passed_bytes(env):
    """A server's own stream breaks off: the event that says so goes on in its numbers, and begins no other response."""
    types = ["response.created", "response.in_progress", "response.output_item.added"]
    said = [{"type": name, "sequence_number": number, "response": {"id": "resp_1", "status": "in_progress", "model": "gpt-real"}}
            for number, name in enumerate(types)]
    said += [{"type": "response.output_text.delta", "sequence_number": 3 + n, "delta": "a"} for n in range(2)]
    body = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in said)
    found = events(env.ask(RESPONSES, {"model": "gpt", "input": "hi", "stream": True},
                           Reply(body=body.encode(), content_type="text/event-stream")))
    equal([name for name, _ in found], [one["type"] for one in said] + ["response.failed"], "events")
    equal([data["sequence_number"] for _, data in found], list(range(6)), "numbers")
    equal(found[-1][1]["response"]["status"], "failed", "status")
    equal({data["response"]["id"] for _, data in found if "response" in data}, {"resp_1"}, "ids of the response")


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
