"""CL-rows: the APIs of OpenAI, Anthropic and Google in front of models of either dialect. A row's request goes in on one API, its
model server answers in another's dialect; what came out, what the server was asked, or both are compared.

gpt: a server of OpenAI's dialect; claude: one of Anthropic's."""
import json

from fakes.models import Reply
from harness.runner import case, equal, truth

from ._client_env import ASK, CHAT, KEY, MESSAGES, SERVER_KEY, chat, chunks, events, gemini, message, text_of


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
    for method, path, wanted in (("POST", CHAT, 204), ("GET", "/v1/models", 204), ("GET", "/v1/models/gpt", 204),
                                 ("POST", MESSAGES, 204), ("GET", CHAT, 400), ("DELETE", "/v1/models", 400)):
        response = env.request("OPTIONS", path, {"Origin": "https://page.test", "Access-Control-Request-Method": method,
                                                 "Access-Control-Request-Headers": "authorization"})
        equal((response.status, response.header("access-control-allow-origin"),
               response.header("access-control-allow-methods") == method), (wanted, "*", wanted == 204), f"{method} {path}")
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


# -- all of them --

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
