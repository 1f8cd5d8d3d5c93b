"""CL-ANT rows: Anthropic's API in front of a model of its dialect and of another."""
import json

from fakes.models import Reply
from harness.runner import case, equal, truth

from ._client_env import CHAT, KEY, MESSAGES, bad_body, chat, events, message
from ._env import Any, INTEGER, TEXT, contains


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


bad_body(__name__, "CL-ANT-03", MESSAGES, {"model": "claude", "messages": []}, 400, type="invalid_request_error",
         message=contains("max_tokens"))
bad_body(__name__, "CL-ANT-bad-json", MESSAGES, "{bad", 400, type="invalid_request_error")
bad_body(__name__, "CL-ANT-bad-role", MESSAGES, message(messages=[{"role": "pope", "content": "x"}]), 400,
         message=contains("messages.0.role"))
