"""CL rows: what is odd and legal all the same, and how what cannot be served is named."""
import json

from fakes import dialects
from fakes.models import Reply
from harness.runner import case, equal, truth

from ._apis import APIS
from ._pairs import TARGETS
from ._pairs_env import KEY

CALL = {"type": "function_call", "call_id": "call00001", "name": "look", "arguments": "{}"}
OUT = {"type": "function_call_output", "call_id": "call00001", "output": "42"}
ASK, MORE = {"role": "user", "content": "q"}, {"role": "user", "content": "and hurry"}
OTHER, OTHER_OUT = {**CALL, "call_id": "call00002"}, {**OUT, "call_id": "call00002", "output": "43"}


def turns(sent):
    """[role, what stands in it]: text, or a call's or a result's id; of any of the dialects."""
    found = []
    for message in sent.get("messages", sent.get("contents")):
        role, content = message["role"], message.get("content", message.get("parts"))
        if role == "tool":
            found.append(["result", message["tool_call_id"]])
            continue
        for part in content if isinstance(content, list) else [content] if content else []:
            part = part if isinstance(part, dict) else {"text": part}
            call, result = part.get("toolUse", part.get("functionCall")), part.get("toolResult", part.get("functionResponse"))
            if part.get("type") == "tool_use" or call:
                found.append(["call", part.get("id") or call.get("toolUseId", call.get("id"))])
            elif part.get("type") == "tool_result" or result:
                found.append(["result", part.get("tool_use_id") or result.get("toolUseId", result.get("id"))])
            else:
                found.append(["model" if role == "assistant" else role, part["text"]])
        found += [["call", one["id"]] for one in message.get("tool_calls", ())]
    return [one for one in found if one != ["model", " "]]  # what Mistral wants between a result and the user's word


@case("CL-RSP-22-apart", "pairs")
def results_apart(env):
    """The Responses API knows a call's output by its call_id, wherever it stands; servers of other APIs want it behind the call."""
    calls = [["user", "q"], ["call", "call00001"], ["result", "call00001"]]
    both = [["user", "q"], ["call", "call00001"], ["call", "call00002"], ["result", "call00001"], ["result", "call00002"]]
    rows = (([ASK, OUT, CALL], calls), ([OUT, ASK, CALL], calls), ([ASK, CALL, MORE, OUT], [*calls, ["user", "and hurry"]]),
            ([ASK, CALL, OTHER, MORE, OUT, OTHER_OUT], [*both, ["user", "and hurry"]]),
            ([ASK, CALL, OTHER, OUT, MORE, OTHER_OUT], [*both, ["user", "and hurry"]]),
            ([ASK, CALL, OTHER, OTHER_OUT, OUT], both), ([ASK, CALL, OUT, OTHER, OTHER_OUT],
             [*calls, ["call", "call00002"], ["result", "call00002"]]), ([ASK, CALL, OUT, CALL, OUT], calls + calls[1:]))
    for target in ("openai", "azure", "anthropic", "bedrock", "vertex", "mistral"):
        for items, wanted in rows:
            found, sent, response = env.say("responses", target, {"input": items})
            equal(found["status"], 200, f"status of {items} at {target} ({response.text[:200]})")
            said = turns(sent)
            equal([one for one in said if one[0] != "result"], [one for one in wanted if one[0] != "result"], f"{items} at {target}")
            equal([one[0] for one in said], [one[0] for one in wanted], f"order of {items} at {target}")
            equal(sorted(said), sorted(wanted), f"results of {items} at {target}")
        for items in ([ASK, OUT], [ASK, CALL], [ASK, CALL, OUT, OTHER_OUT]):
            found, sent, _ = env.say("responses", target, {"input": items})
            equal((found["status"], sent), (400, None), f"{items} at {target}")
            truth("call0000" in found["error"]["message"], "the id", found["error"])


@case("CL-OAI-24-apart", "pairs")
def chat_results_apart(env):
    """A word between a chat's calls and their results goes behind them; a result before its call has none."""
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "call00001", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    result = {"role": "tool", "tool_call_id": "call00001", "content": "r"}
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        sent = env.say("chat", target, {"messages": [ASK, call, MORE, result]})[1]
        equal(turns(sent), [["user", "q"], ["call", "call00001"], ["result", "call00001"], ["user", "and hurry"]], target)
        found, sent, _ = env.say("chat", target, {"messages": [ASK, result, call]})
        equal((found["status"], sent), (400, None), f"a result before its call at {target}")
        truth(found["error"]["message"].startswith("tool_call_id call00001 not found"), "words about it", found["error"])


@case("CL-OAI-24-two", "pairs")
def two_results(env):
    """One call takes one result. All vendors refuse a second one; where the server is asked in another dialect it is said before, with
    the id. Calls that share an id have a result each."""
    call = {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result, again = ({"role": "tool", "tool_call_id": "call00001", "content": text} for text in ("r", "s"))
    says = {"role": "assistant", "content": None, "tool_calls": [call]}
    for target in ("openai", "azure", "anthropic", "bedrock", "vertex", "vertex (Claude)", "mistral"):
        asks = [("responses", {"input": [ASK, CALL, OUT, OUT]}), ("responses", {"input": [ASK, CALL, OUT, MORE, OUT]}),
                ("messages", {"messages": [ASK, {"role": "assistant", "content": [{"type": "tool_use", "id": "call00001", "name": "f", "input": {}}]},
                                           {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call00001"}] * 2}]})]
        if target not in ("openai", "azure"):
            asks.append(("chat", {"messages": [ASK, says, result, again]}))
        for api, members in asks:
            found, sent, _ = env.say(api, target, members)
            equal((found["status"], sent), (400, None), f"two results, {api} at {target}")
            truth("call00001" in found["error"]["message"], "the id", found["error"])
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        two = {**says, "tool_calls": [call, call]}
        found, sent, _ = env.say("chat", target, {"messages": [ASK, two, result, again]})
        equal(found["status"], 200, f"two calls of one id at {target} ({found['error']})")
        equal([one[0] for one in turns(sent)], ["user", "call", "call", "result", "result"], target)
    found, sent, _ = env.say("chat", "openai", {"messages": [ASK, says, result, again]})  # the server's to judge
    equal((found["status"], len(sent["messages"])), (200, 4), "passed as it is")


@case("CL-OAI-18-parts", "pairs")
def parts(env):
    """What a target cannot see or hear is named as the client calls it."""
    audio = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    url = "https://pictures.example/b.png"
    rows = [("chat", target, {"messages": [{"role": "user", "content": [audio]}]}, "input_audio") for target in ("anthropic", "bedrock")]
    rows += [("chat", target, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}, "image_url")
             for target in ("bedrock", "vertex")]
    rows += [("responses", target, {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}, "input_image")
             for target in ("bedrock", "vertex")]
    rows += [("responses", "openai", {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": url}]}]}, "input_file"),
             ("responses", "openai", {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-7"}]}]}, "file_id"),
             ("responses", "anthropic", {"input": [{"role": "user", "content": [audio]}]}, "input_audio")]
    rows += [("messages", target, {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": url}}]}]}, "image")
             for target in ("bedrock", "vertex")]
    rows += [("messages", "openai", {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": url}}]}]}, "document")]
    rows += [("gemini", "anthropic", {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}]}]}, "inlineData")]
    for api, target, members, name in rows:
        found, sent, response = env.say(api, target, members)
        equal((found["status"], sent), (400, None), f"{name} of {api} at {target} ({response.text[:200]})")
        truth(found["error"]["message"].startswith(name + ": "), f"words about {name} at {target}", found["error"]["message"])
        if api in ("chat", "responses"):
            equal((found["error"]["param"], found["error"]["code"]), (name, "unsupported_parameter"), f"what SDKs read of it at {target}")


@case("CL-OAI-no-properties", "pairs")
def no_properties(env):
    """Tools without parameters, however that is said: none is refused, and OpenAI's servers, which insist on properties, see some."""
    empty = {"type": "object", "properties": {}}
    for given in ({}, {"parameters": None}, {"parameters": {}}):
        tools = {"tools": [{"type": "function", "name": "f", "strict": False, **given}]}
        for target, pick in (("openai", lambda sent: sent["tools"][0]["function"].get("parameters", empty)),
                             ("mistral", lambda sent: sent["tools"][0]["function"]["parameters"]),
                             ("bedrock", lambda sent: sent["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"])):
            equal(pick(env.say("responses", target, tools)[1]), empty, f"{given} at {target}")
    bare = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": False}
    for schema in ({"type": "object"}, bare):
        sent = env.say("messages", "openai", {"tools": [{"name": "f", "input_schema": schema}]})[1]
        equal(sent["tools"][0]["function"]["parameters"], {**schema, "properties": {}}, "a schema that names no properties")


@case("CL-OAI-43-body", "pairs")
def azure_form(env):
    """The deployment names the model: whatever the body says of one, its server is told its own name."""
    for target in ("openai", "mistral", "anthropic"):
        path = f"/openai/deployments/{env.names[target, 'gpt-4.1' if target == 'openai' else 'test-model']}/"
        script = env.scripts[target]
        for members in ({}, {"model": None}, {"model": "someone-else"}, {"stream": True}, {"model": None, "stream": True}):
            script.replies = [Reply(usage=(1, 2))]
            script.seen.clear()
            response = env.post(path + "chat/completions?api-version=2024-10-21", json.dumps({"messages": [ASK], **members}), headers={"api-key": KEY})
            equal(response.status, 200, f"{members} at {target} ({response.text[:200]})")
            text = script.seen[0].body.decode()
            equal((json.loads(text)["model"], text.count('"model"')), ("gpt-4.1" if target == "openai" else "test-model", 1),
                  f"the model of {members} at {target}")
    script = env.scripts["openai"]
    path = f"/openai/deployments/{env.names['openai', 'text-embedding-3-small']}/embeddings"
    for given in ("a", [[1, 2], [3]]):  # the latter only a server of this dialect can take, as it is
        script.replies = [Reply(body={"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]})]
        script.seen.clear()
        equal(env.post(path, json.dumps({"input": given}), headers={"api-key": KEY}).status, 200, f"status of {given}")
        equal(script.seen[0].json()["model"], "text-embedding-3-small", f"the model of {given}")


@case("CL-OAI-38-param", "pairs")
def token_ids(env):
    for target in ("mistral", "vertex"):
        model = {"mistral": "mistral-embed", "vertex": "gemini-embedding-001"}[target]
        for given in ([1, 2], [[5], [6, 7]]):
            found, sent, _ = env.say("chat", target, {"input": given}, model=model, kind="embedding", reply=Reply(body={}))
            equal((found["status"], sent, found["error"]["param"], found["error"]["code"]), (400, None, "input", "unsupported_parameter"), target)
            truth("check_embedding_ctx_length" in found["error"]["message"], "the setting of LangChain", found["error"])


@case("CL-GEM-pages", "pairs")
def pages(env):
    """Google's list in pages, as its SDKs walk over them; the names in the order of the list that has them all."""
    headers = {"x-goog-api-key": KEY}
    whole = [model["name"] for model in env.request("GET", "/v1beta/models", headers).json()["models"]]
    for size in (1, 3, len(whole) - 1, len(whole), len(whole) + 5):
        found, token, count = [], "", 0
        while token is not None:
            page = env.request("GET", f"/v1beta/models?{'pageToken=' + token + '&' if token else ''}pageSize={size}", headers).json()
            truth(len(page["models"]) <= size, f"at most {size}", page)
            found, token, count = found + [model["name"] for model in page["models"]], page.get("nextPageToken"), count + 1
        equal((found, count), (whole, -(-len(whole) // size)), f"pages of {size}")
    for query in ("pageSize=0", "pageSize=x", "pageToken=nonsense"):
        equal([model["name"] for model in env.request("GET", f"/v1beta/models?{query}", headers).json()["models"]], whole, query)
    equal(env.request("GET", "/v1beta/models?pageToken=9999", headers).json(), {"models": []}, "a page behind the last")
    bearer = {"Authorization": f"Bearer {KEY}"}
    equal(len(env.request("GET", "/v1/models?alt=json&pageSize=2", bearer).json()["models"]), 2, "told by its query")
    for path, more in (("/v1/models/no-such", {}), ("/v1/models/no-such", {"anthropic-version": "2023-06-01"}), ("/v1beta/models/no-such", {})):
        response = env.request("GET", path, {**bearer, **more})
        equal(response.status, 404, path)
        truth(response.json()["error"]["message"].startswith("model: no-such"), "its name", response.text)


@case("CL-GEM-nothing-left", "pairs")
def nothing_left(env):
    """A turn of the user's without parts stays a turn: no server takes a conversation without any."""
    for parts in ([], None, [{"text": ""}]):
        for target in ("openai", "anthropic", "bedrock", "mistral"):
            found, sent, response = env.say("gemini", target, {"contents": [{"role": "user", "parts": parts}]})
            equal((found["status"], [message["role"] for message in sent["messages"]]), (200, ["user"]), f"{parts} at {target} ({response.text[:200]})")


@case("CL-MAP-12-too-large", "pairs")
def too_large(env):
    """What the server says about sizes, in each API's words."""
    for api in APIS:
        found, _, response = env.say(api, "mistral", {}, reply=Reply(status=413, body={"message": "Request too large"}))
        equal(found["status"], 413, f"of {api} ({response.text[:200]})")
        equal({"messages": found["error"]["type"], "gemini": found["error"]["type"]}.get(api, found["error"]["code"]),
              {"messages": "request_too_large", "gemini": "INVALID_ARGUMENT"}.get(api, "request_too_large"), f"its word for {api}")
    said = {"error": {"message": "This model's maximum context length is 8192 tokens. However, you requested 9001.", "code": "context_length_exceeded"}}
    for stream in (False, True):
        found, _, _ = env.say("gemini", "openai", {}, reply=Reply(status=400, body=said), stream=stream)
        truth("input token count" in found["error"]["message"] and "exceeds the maximum" in found["error"]["message"]
              and "9001" in found["error"]["message"], "Google's words around the server's", found["error"])


@case("CL-MAP-strange-results", "pairs")
def strange_results(env):
    """A member that nobody knows is no reason to refuse, in a tool's result neither."""
    items = [ASK, CALL, {**OUT, "inResult": 1, "output": [{"type": "input_text", "text": "42", "inText": 1}]}]
    for target in ("openai", "azure", "anthropic", "bedrock", "mistral", "vertex"):
        found, _, response = env.say("responses", target, {"input": items})
        equal((found["status"], found["dropped"]), (200, ["inResult", "inText"]), f"{target} ({response.text[:200]})")


@case("CL-OAI-15-param", "pairs")
def servers_param(env):
    """Where the client's own bytes went, the member that the server complains of is the client's."""
    for name, code in (("stop", "array_above_max_length"), ("messages.[0].content", "invalid_value"), (None, "invalid_value")):
        said = {"error": {"message": "It is wrong.", "type": "invalid_request_error", "param": name, "code": code}}
        for stream in (False, True):
            found, _, _ = env.say("chat", "openai", {"stop": list("abcde")}, reply=Reply(status=400, body=said), stream=stream)
            equal((found["status"], found["error"]["param"], found["error"]["code"], found["error"]["message"]), (400, name, code, "It is wrong."), "as it is")
            found, _, _ = env.say("responses", "openai", {}, reply=Reply(status=400, body=said), stream=stream)
            equal((found["status"], found["error"]["param"]), (400, None), "of a body that was written anew")


@case("CL-MAP-19-several", "pairs")
def several_and_stops(env):
    """Stop texts that a server does not take are kept here for one answer; of several they are left out, and said to be."""
    texts = ["STOP", "B", "C", "D", "E"]
    choices = [{"index": i, "message": {"role": "assistant", "content": f"a{i} STOP b"}, "finish_reason": "stop"} for i in (0, 1)]
    for model in ("gpt-4.1", "o3-mini"):
        for count, wanted in ((1, (["a0 "], [])), (2, (["a0 STOP b", "a1 STOP b"], ["stopSequences"]))):
            body = {"choices": choices[:count], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
            found, _, response = env.say("gemini", "openai", {"generationConfig": {"candidateCount": count, "stopSequences": texts}},
                                         reply=Reply(body=body), model=model)
            said = ["".join(part["text"] for part in one["content"]["parts"]) for one in response.json()["candidates"]]
            equal((said, found["dropped"]), wanted, f"{count} of {model}")


PNG, PDF = "data:image/png;base64,aGk=", "data:application/pdf;base64,JVBERi0="
# a member that nobody knows in every object of a request; of each API: what is sent, and their names
STRANGERS = {
    "chat": ({"atTop": 1, "response_format": {"type": "json_schema", "inFormat": 1, "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}, "inSchema": 1}},
              "tools": [{"type": "function", "inTool": 1, "function": {"name": "f", "inFunction": {"a": 1}}}], "tool_choice": {"type": "function", "inChoice": 1, "function": {"name": "f"}},
              "messages": [{"role": "system", "inSystem": 1, "content": [{"type": "text", "text": "s", "inSystemPart": "x"}]},
                           {"role": "user", "inMessage": 1, "content": [{"type": "text", "text": "q", "inPart": 1}, {"type": "image_url", "inImage": [1], "image_url": {"url": PNG, "inUrl": 1}},
                                                                        {"type": "file", "inFilePart": 1, "file": {"file_data": PDF, "filename": "a.pdf", "inFile": 1}}]},
                           {"role": "assistant", "inAssistant": 1, "content": "a", "tool_calls": [{"id": "call00001", "type": "function", "inCall": 1, "function": {"name": "f", "arguments": "{}", "inCalled": 1}}]},
                           {"role": "tool", "tool_call_id": "call00001", "inResult": 1, "content": "r"}, ASK]},
             "atTop inFormat inSchema inTool inFunction inChoice inSystem inSystemPart inMessage inPart inImage inUrl inFilePart inFile inAssistant inCall inCalled inResult"),
    "responses": ({"atTop": 1, "text": {"inTextForm": 1, "format": {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {}}, "inFormat": 1}}, "reasoning": {"inReasoning": 1},
                   "tools": [{"type": "function", "name": "f", "parameters": None, "strict": False, "inTool": 1}, {"type": "custom", "name": "c", "inCustom": 1}], "tool_choice": {"type": "function", "name": "f", "inChoice": 1},
                   "input": [{"role": "user", "inMessage": 1, "content": [{"type": "input_text", "text": "q", "inPart": 1}, {"type": "input_image", "image_url": PNG, "inImage": 1},
                                                                          {"type": "input_file", "file_data": PDF, "filename": "a.pdf", "inFile": 1}]},
                             {"type": "reasoning", "id": "rs_1", "summary": [], "inThought": 1}, {**CALL, "name": "f", "inCall": 1}, {**OUT, "inResult": 1}, ASK]},
                  "atTop inTextForm inFormat inReasoning inTool inCustom inChoice inMessage inPart inImage inFile inThought inCall inResult"),
    "messages": ({"atTop": 1, "system": [{"type": "text", "text": "s", "inSystem": 1}], "thinking": {"type": "disabled", "inThinking": 1}, "metadata": {"inMetadata": 1},
                  "output_config": {"inOutput": 1, "format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}, "inFormat": 1}},
                  "tools": [{"name": "f", "input_schema": {"type": "object"}, "inTool": 1, "input_examples": [{}], "cache_control": {"type": "ephemeral"}}], "tool_choice": {"type": "auto", "inChoice": 1},
                  "messages": [{"role": "user", "inMessage": 1, "content": [{"type": "text", "text": "q", "inPart": 1, "cache_control": {"type": "ephemeral"}},
                                                                            {"type": "image", "inImage": 1, "source": {"type": "base64", "media_type": "image/png", "data": "aGk=", "inSource": 1}}]},
                               {"role": "assistant", "content": [{"type": "tool_use", "id": "call00001", "name": "f", "input": {}, "inCall": 1}]},
                               {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call00001", "inResult": 1, "content": [{"type": "text", "text": "r", "inResultPart": 1}]}]}]},
                 "atTop inSystem inThinking inMetadata inOutput inFormat inTool inChoice inMessage inPart inImage inSource inCall inResult inResultPart"),
}


@case("CL-MAP-too-many", "pairs")
def too_many(env):
    """A list longer than anybody could mean is the client's mistake and said so; it is no fault of the gateway."""
    name = {"name": "look", "input_schema": {"type": "object"}}
    function = {"name": "look", "parameters": {"type": "object"}}
    for api, members, kind, place in (
            ("chat", {"stop": ["a"] * 250000}, None, "stop"),
            ("chat", {"input": ["a"] * 250000}, "embedding", "input"),
            ("messages", {"tools": [name] * 250000}, None, "tools"),
            ("messages", {"stop_sequences": ["a"] * 250000}, None, "stop_sequences"),
            ("gemini", {"tools": [{"functionDeclarations": [function] * 250000}]}, None, "functionDeclarations"),
            ("gemini", {"generationConfig": {"stopSequences": ["a"] * 250000}}, None, "stopSequences")):
        found, sent, response = env.say(api, "openai", members, **({"kind": kind} if kind else {}))
        equal((found["status"], sent), (400, None), f"{place} of {api} ({response.text[:200]})")
        truth(place in response.text, f"its name: {place}", response.text)


@case("CL-MAP-deep-strangers", "pairs")
def deep_strangers(env):
    """However deep it stands: what another vendor has no place for is named, member by member; what says nothing is not worth a word."""
    known = {"response_format", "filename", "thinking", "text.format", "output_config.format"}  # what some target lacks besides
    for api, (members, names) in STRANGERS.items():
        for target in ("openai", "anthropic", "bedrock", "vertex", "mistral"):
            if next(item for item in TARGETS if item.name == target).passes == api:
                continue
            found, sent, response = env.say(api, target, members)
            equal(found["status"], 200, f"{api} at {target} ({response.text[:200]})")
            equal(sorted(set(found["dropped"]) - known), sorted(names.split()), f"what {target} has no place for of {api}")
            truth('"in' not in json.dumps(sent).replace('"input', "").replace('"inlineData', "").replace('"inferenceConfig', ""), "none of them sent", sent)


@case("CL-MAP-keys", "pairs")
def keys(env):
    """Several headers with keys: each API's own one decides; OpenAI's clients often have to have some key there, and the true one elsewhere."""
    bad, model = "aigw-nobody-canary", env.names["mistral", "test-model"]
    names = {"bearer": "Authorization", "x-api-key": "x-api-key", "api-key": "api-key", "google": "x-goog-api-key"}
    asks = {name: APIS[name].send(model, {}, False) for name in APIS}
    asks["azure"] = (f"/openai/deployments/{model}/chat/completions", asks["chat"][1])
    kind, answer = dialects.write("mistral", {"text": "Hello."}, "m", False)
    env.scripts["mistral"].replies = [Reply(body=answer, content_type=kind)]
    rows = ((("bearer",), (), set()), (("x-api-key",), (), set()), (("api-key",), (), set()), (("google",), (), set()), ((), (), set(asks)),
            (tuple(names), (), set()), (("bearer",), ("x-api-key",), {"messages", "gemini", "azure"}), (("x-api-key",), ("bearer",), set()),
            (("google",), ("bearer", "x-api-key", "api-key"), {"chat", "responses", "messages", "azure"}),
            (("api-key",), ("bearer", "x-api-key"), {"chat", "responses", "messages", "gemini"}), ((), tuple(names), set(asks)))
    for good, wrong, refused in rows:
        headers = {names[name]: ("Bearer " if name == "bearer" else "") + key for group, key in ((good, KEY), (wrong, bad)) for name in group}
        for api, (path, body) in asks.items():
            response = env.post(path, json.dumps(body), headers=headers)
            equal(response.status, 401 if api in refused else 200, f"{api} with good {good}, wrong {wrong} ({response.text[:100]})")


@case("CL-GEM-01-forms", "pairs")
def google_forms(env):
    """Where Google's SDKs look for a model: by its kind, with Vertex AI's project, and without one."""
    model = env.names["mistral", "test-model"]
    kind, answer = dialects.write("mistral", {"text": "Hello."}, "m", False)
    env.scripts["mistral"].replies = [Reply(body=answer, content_type=kind)]
    for place in ("/v1beta/models/", "/v1/tunedModels/", "/v1beta/tunedModels/", "/gemini/v1beta/tunedModels/", "/v1beta1/publishers/google/models/",
                  "/v1/publishers/google/models/", "/v1beta1/projects/p/locations/europe-west1/publishers/google/models/",
                  "/gemini/v1/projects/p/locations/global/publishers/google/models/", "/v1beta/models/publishers%2Fgoogle%2Fmodels%2F"):
        response = env.post(f"{place}{model}:generateContent", json.dumps({"contents": [{"parts": [{"text": "q"}]}]}), headers={"x-goog-api-key": KEY})
        equal((response.status, response.json()["candidates"][0]["content"]["parts"]), (200, [{"text": "Hello."}]), place)


@case("CL-MAP-spelt", "pairs")
def spelt(env):
    """What is dropped is called what this client called it; marks of caches and empty objects need no saying."""
    mark, point = {"cache_control": {"type": "ephemeral"}}, {"prompt_cache_breakpoint": {"mode": "explicit"}}
    text, part = {"type": "text", "text": "a"}, {"type": "input_text", "text": "a"}
    rows = (("chat", "vertex", {"safety_identifier": "s1"}, "safety_identifier"), ("chat", "vertex", {"user": "s1"}, "user"),
            ("chat", "vertex", {"user": "u", "safety_identifier": "s1"}, "safety_identifier, user"),
            ("responses", "vertex", {"safety_identifier": "s1", "input": "q"}, "safety_identifier"),
            ("chat", "anthropic", {"reasoning": {"effort": "high", "exclude": True}}, "reasoning"),
            ("chat", "vertex", {"logit_bias": {}, "metadata": {}}, None), ("chat", "bedrock", {"logit_bias": {"17": 3}}, "logit_bias"),
            ("responses", "vertex", {"metadata": {}, "input": "q"}, None), ("chat", "vertex", mark, None),
            *((api, target, members, None) for target in ("anthropic", "bedrock", "vertex", "mistral") for api, members in (
                ("chat", {"messages": [{**ASK, **mark}]}), ("chat", {"messages": [{**ASK, "content": [{**text, **mark}]}]}),
                ("chat", {"messages": [{**ASK, "content": [{**text, **point}]}]}),
                ("responses", {"input": [{**ASK, "content": [{**part, **point}]}]}))))
    for api, target, members, wanted in rows:
        found, sent, response = env.say(api, target, members)
        equal(found["status"], 200, f"status of {members} in {api} at {target} ({response.text[:200]})")
        equal(response.header("x-aigw-dropped"), wanted, f"{members} in {api} at {target}")
        truth(target not in ("anthropic", "bedrock") or not ("cache" in str(members) and "content" in str(members))
              or "cache" in json.dumps(sent), "the mark", sent)
    for members, wanted in (({"thinking": {"type": "disabled"}}, "thinking"), ({"reasoning": {"enabled": False}}, "reasoning"),
                            ({"enable_thinking": False}, "enable_thinking"), ({"reasoning_effort": "none"}, "reasoning_effort")):
        found, _, response = env.say("chat", "vertex", members, model="gemini-3-pro")  # which always thinks
        equal((found["status"], response.header("x-aigw-dropped")), (200, wanted), f"{members}")


@case("CL-ANT-01-vertex", "pairs")
def in_vertex_form(env):
    """Anthropic's API as Vertex AI has it: the model in the path, version and betas in the body, counts at a name of their own."""
    key = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    asked = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 40, "messages": [{"role": "user", "content": "q"}]}

    def ask(target, method, members=(), name=None, place="/v1", stream=False, counts=False):
        at = next(one for one in TARGETS if one.name == target)
        content_type, body = dialects.write(at.dialect, {"text": "Hello."}, "real", stream)
        script = env.scripts[target]
        script.replies = [Reply(body=b'{"input_tokens": 71}' if counts else body, content_type=content_type)]
        script.seen.clear()
        model = name or env.names[target, at.model]
        path = f"{place}/projects/p-1/locations/global/publishers/anthropic/models/{model}:{method}"
        response = env.post(path, json.dumps({**asked, **dict(members)}), headers=key)
        return response, json.loads(script.seen[-1].body) if script.seen else None, script.seen[-1] if script.seen else None

    for target in ("anthropic", "openai", "bedrock", "vertex", "vertex (Claude)", "mistral"):
        for place in ("/v1", "/v1beta1", "/anthropic/v1"):
            response, sent, _ = ask(target, "rawPredict", place=place)
            equal((response.status, response.json()["content"][0]["text"]), (200, "Hello."), f"at {target} ({response.text[:200]})")
            equal(response.header("x-aigw-dropped"), None, f"what is left out at {target}")
        for members in ({}, {"stream": True}):
            response, sent, _ = ask(target, "streamRawPredict", members, stream=True)
            equal(response.status, 200, f"streamed at {target} ({response.text[:200]})")
            truth("event: message_start" in response.text and 'message_stop' in response.text.rstrip().splitlines()[-1], "a stream",
                  response.text)
    betas = {"anthropic_beta": ["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"], "model": "another", "system": "\u00fc\n"}
    response, sent, seen = ask("anthropic", "rawPredict", betas)
    equal(sent, {"model": "test-model", "max_tokens": 40, "messages": asked["messages"], "system": "\u00fc\n"}, "sent to Anthropic")
    equal(seen.header("anthropic-beta"), ",".join(betas["anthropic_beta"]), "betas as a header")
    response, sent, _ = ask("anthropic", "rawPredict", {"model": env.names["anthropic", "test-model"]}, "count-tokens", counts=True)
    equal((response.status, response.json()), (200, {"input_tokens": 71}), "a count")
    for members, name, status, word in (({}, "nobody", 404, "nobody"), ({"messages": 7}, None, 400, "messages"),
                                        ({"max_tokens": None}, None, 400, "max_tokens"), ({}, "count-tokens", 400, "model")):
        response, sent, _ = ask("anthropic", "rawPredict", members, name)
        equal((response.status, response.json()["type"], sent), (status, "error", None), f"{members} to {name}")
        truth(word in response.json()["error"]["message"], word, response.text)
