"""CL-OAI rows with every provider: OpenAI's chat, completions and embeddings in front of servers of each dialect."""
import json

from fakes.models import Reply
from harness.runner import case, equal, truth

from ._pairs_env import sse_reply

# The bytes of a chat pass to servers of its dialect. A body of the Responses API on the chat's path is answered as a chat, too, and
# never passes: so both halves of the dialect are in the way.
READ = {"messages": None, "input": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}}}


def chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1795000000, "model": "m", "choices": choices, **more}


USAGE = {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
FINISH = chunk({}, "stop")


@case("CL-OAI-04", "pairs")
def usage_is_last(env):
    reply = sse_reply(chunk({"role": "assistant", "content": "a"}), chunk(usage=USAGE), FINISH)
    for target in ("openai", "mistral"):
        found, _, _ = env.say("chat", target, READ, stream=True, reply=reply)
        equal((found["text"], found["usage"]["input"], found["broken"]), ("a", 12, False), f"what {target} said")


@case("CL-OAI-05", "pairs")
def usage_is_there(env):
    found, _, _ = env.say("chat", "openai", READ, stream=True, reply=sse_reply(chunk({"content": "a"}), FINISH))
    truth(isinstance(found["usage"]["input"], int), "a chunk of usage", dict(found))


def calls(*pieces, finish="tool_calls"):
    return sse_reply(*(chunk({"tool_calls": [piece]}) for piece in pieces), chunk({}, finish))


def piece(index=None, ident=None, name=None, text=""):
    made = {"function": {"arguments": text, **({"name": name} if name else {})}}
    made.update({} if index is None else {"index": index}, **({"id": ident, "type": "function"} if ident else {}))
    return made


@case("CL-OAI-07", "pairs")
def indexes(env):
    wanted = [["a", "f", {"n": 1}], ["b", "f", {"n": 2}]]
    for first, second in ((1, 2), (0, 0)):
        reply = calls(piece(first, "a", "f"), piece(first, text='{"n":1}'), piece(second, "b", "f"), piece(second, text='{"n":2}'))
        for api, members in (("chat", READ), ("messages", {}), ("responses", {}), ("gemini", {})):
            equal(env.say(api, "openai", members, stream=True, reply=reply)[0]["calls"], wanted, f"calls of {api}")


@case("CL-OAI-08", "pairs")
def whole_call(env):
    for target in ("openai", "azure"):
        found, _, _ = env.say("chat", target, READ, stream=True, reply=calls(piece(name="f", text='{"n":1}')))
        equal([call[1:] for call in found["calls"]], [["f", {"n": 1}]], "a call without id and index")
        truth(found["calls"][0][0], "an id", found["calls"])


@case("CL-OAI-09", "pairs")
def arguments_object(env):
    message = {"role": "assistant", "content": None,
               "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {"n": 1}}}]}
    reply = Reply(body={"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": USAGE})
    equal(env.say("chat", "openai", READ, reply=reply)[0]["calls"], [["a", "f", {"n": 1}]], "arguments that were an object")


@case("CL-OAI-10", "pairs")
def finish_of_calls(env):
    reply = calls(piece(0, "a", "f", "{}"), finish="stop")
    equal(env.say("chat", "openai", READ, stream=True, reply=reply)[0]["finish"], "tool_calls", "finish")
    equal(env.say("messages", "openai", {}, stream=True, reply=reply)[0]["finish"], "tool_use", "finish for Messages")


@case("CL-OAI-15", "pairs")
def stop(env):
    equal(env.say("chat", "anthropic", {"stop": "X"})[1]["stop_sequences"], ["X"], "one text")
    found, sent, _ = env.say("gemini", "openai", {"generationConfig": {"stopSequences": list("abcde")}})
    equal((sent["stop"], found["dropped"]), (list("abcd"), []), "five at a server that takes four: the fifth is ours (CL-MAP-19)")
    equal(len(env.say("chat", "anthropic", {"stop": list("abcde")})[1]["stop_sequences"]), 5, "five at one that takes them")


@case("CL-OAI-16", "pairs")
def maximum(env):
    sent = env.say("messages", "openai", {"max_tokens": 9}, model="o3-mini")[1]
    equal((sent.get("max_completion_tokens"), sent.get("max_tokens")), (9, None), "of a model that reasons")
    equal(env.say("chat", "anthropic", {"max_tokens": 9, "max_completion_tokens": 5})[1]["max_tokens"], 5, "the smaller")


@case("CL-OAI-18", "pairs")
def lacking(env):
    """What a target does not have is refused before it is asked, and named as the client calls it."""
    hosted = {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}
    rows = [("chat", target, {"logprobs": True}, "logprobs") for target in ("anthropic", "bedrock", "mistral")]
    rows += [("chat", target, {"n": 2}, "n") for target in ("anthropic", "bedrock")]
    rows += [("responses", target, {"top_logprobs": 2}, "top_logprobs") for target in ("anthropic", "bedrock", "mistral")]
    rows += [("responses", target, hosted, "tool_choice") for target in ("openai", "anthropic", "bedrock", "vertex", "mistral")]
    rows += [("gemini", "anthropic", {"generationConfig": {"candidateCount": 2}}, "candidateCount"),
             ("gemini", "mistral", {"generationConfig": {"responseLogprobs": True}}, "responseLogprobs"),
             ("messages", "vertex", {"stop_sequences": list("abcdef")}, "stop_sequences")]
    for api, target, members, name in rows:
        found, sent, response = env.say(api, target, members)
        equal((found["status"], sent), (400, None), f"{name} of {api} at {target} ({response.text[:200]})")
        truth(found["error"]["message"].startswith(f"{name}: "), f"words about {name}", found["error"]["message"])
        if api in ("chat", "responses"):
            equal((found["error"]["param"], found["error"]["code"], response.header("x-should-retry")), (name, "unsupported_parameter", "false"),
                  f"what SDKs read of it at {target}")


@case("CL-OAI-20", "pairs")
def nulls(env):
    names = ("temperature", "top_p", "n", "stop", "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty",
             "logit_bias", "logprobs", "top_logprobs", "seed", "user", "response_format", "tools", "tool_choice",
             "parallel_tool_calls", "functions", "function_call", "reasoning_effort", "verbosity", "modalities", "audio",
             "prediction", "web_search_options", "service_tier", "store", "metadata", "stream", "stream_options")
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        found, sent, _ = env.say("chat", target, dict.fromkeys(names))
        equal((found["status"], found["dropped"]), (200, []), target)
        equal(sent, env.say("chat", target)[1], "the same as without")


@case("CL-OAI-21", "pairs")
def contents(env):
    asked = [env.say("chat", "anthropic", {"messages": [{"role": "user", "content": content}]})[1]["messages"] for content in (
        "ab", [{"type": "text", "text": "ab"}], [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]
    equal(["".join(part["text"] for part in one[0]["content"]) for one in asked], ["ab"] * 3, "the prompts")
    equal(asked[0], asked[1], "a string and a part")


@case("CL-OAI-22", "pairs")
def nothing_beside_calls(env):
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for content in ("", None, []):
        talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": content, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "a", "content": "r"}]
        sent = env.say("chat", "anthropic", {"messages": talk, "tools": [TOOL]})[1]
        equal([part["type"] for part in sent["messages"][1]["content"]], ["tool_use"], f"the turn with {content!r}")


@case("CL-OAI-23", "pairs")
def reasoning_stays(env):
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "reasoning_content": "secret thought"},
            {"role": "user", "content": "go on"}]
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        env.say("chat", target, {"messages": talk})
        truth(b"secret thought" not in env.sent.body, f"no foreign thought at {target}", env.sent.body)


@case("CL-OAI-24", "pairs")
def results(env):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"id": "call00001", **call}, {"id": "call00002", **call}]},
            {"role": "tool", "tool_call_id": "call00001", "content": [{"type": "text", "text": "one"}, picture]},
            {"role": "tool", "tool_call_id": "call00002", "content": [{"type": "text", "text": "two"}]}]
    sent = env.say("chat", "anthropic", {"messages": talk, "tools": [TOOL]})[1]["messages"][2]["content"]
    equal([[part["type"] for part in result["content"]] for result in sent[:2]], [["text", "image"], ["text"]], "results of Claude")
    sent = env.say("responses", "openai", {"input": [
        {"role": "user", "content": "q"}, {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "one"},
                                                                    {"type": "input_image", "image_url": "data:image/png;base64,aGk="}]},
        {"type": "function_call_output", "call_id": "b", "output": "two"}]})[1]["messages"]
    equal([message["role"] for message in sent], ["user", "assistant", "tool", "tool", "user"], "the picture behind all results")
    equal(sent[4]["content"][-1], picture, "the picture")


@case("CL-OAI-25", "pairs")
def functions(env):
    body = {"functions": [TOOL["function"]], "function_call": {"name": "f"}}
    found, sent, response = env.say("chat", "anthropic", body, {"calls": [["a", "f", {"n": 1}]]})
    equal((sent["tools"][0]["name"], sent["tool_choice"]),  # the old form has room for one call
          ("f", {"type": "tool", "name": "f", "disable_parallel_tool_use": True}), "the tool")
    choice = response.json()["choices"][0]
    equal((choice["finish_reason"], choice["message"]["function_call"]["name"], json.loads(choice["message"]["function_call"]["arguments"])),
          ("function_call", "f", {"n": 1}), "the call in the old form")


@case("CL-OAI-26", "pairs")
def choices(env):
    named = {"type": "function", "function": {"name": "f"}}
    other = {"type": "function", "function": {"name": "g"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    for target, choice, wanted in (
            ("anthropic", named, {"type": "tool", "name": "f"}), ("anthropic", "required", {"type": "any"}),
            ("vertex", named, {"mode": "ANY", "allowedFunctionNames": ["f"]}), ("vertex", "required", {"mode": "ANY"}),
            ("vertex", allowed, {"mode": "ANY"}),
            ("bedrock", named, {"tool": {"name": "f"}}), ("bedrock", "required", {"any": {}}),
            ("mistral", "required", "any")):
        sent = env.say("chat", target, {"tools": [TOOL, other], "tool_choice": choice})[1]
        found = sent["toolConfig"].get("functionCallingConfig", sent["toolConfig"].get("toolChoice")) if "toolConfig" in sent else \
            sent["tool_choice"]
        equal(found, wanted, f"{choice} at {target}")
        if choice is allowed:
            equal([tool["name"] for tool in sent["tools"][0]["functionDeclarations"]], ["f"], "only those that are allowed")
    found, sent, _ = env.say("chat", "anthropic", {"tools": [TOOL, other], "tool_choice": allowed})
    equal(([tool["name"] for tool in sent["tools"]], sent["tool_choice"]), (["f"], {"type": "any"}), "only those that are allowed")


@case("CL-OAI-27", "pairs")
def no_tools(env):
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        for members in ({"tools": []}, {"tool_choice": "auto"}, {"tools": [], "tool_choice": "required"}):
            found, sent, _ = env.say("chat", target, members)
            equal((found["status"], "tools" in sent, "tool_choice" in sent, "toolConfig" in sent), (200, False, False, False),
                  f"{members} at {target}")


@case("CL-OAI-28", "pairs")
def free_text(env):
    tool = {"type": "custom", "custom": {"name": "patch", "description": "d",
                                         "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: WORD"}}}}
    _, sent, response = env.say("chat", "anthropic", {"tools": [tool]}, {"calls": [["a", "patch", {"input": "*** \"Begin\"\n"}]]})
    equal(list(sent["tools"][0]["input_schema"]["properties"]), ["input"], "the tool of Claude")
    truth("start: WORD" in sent["tools"][0]["description"], "the grammar in words", sent["tools"][0])
    call = response.json()["choices"][0]["message"]["tool_calls"][0]
    equal((call["type"], call["custom"]), ("custom", {"name": "patch", "input": "*** \"Begin\"\n"}), "the call")


BARE = {"name": "f", "description": "d", "input_schema": TOOL["function"]["parameters"]}
BLOCKS = [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image", "source": {
              "type": "base64", "media_type": "image/png", "data": "aGk="}}]},
          {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "EqQB"}, {"type": "text", "text": "ok"},
                                            {"type": "tool_use", "id": "toolu_01", "name": "f", "input": {"n": 1}},
                                            {"type": "tool_use", "id": "toolu_02", "name": "f", "input": {}}]},
          {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": [{"type": "text", "text": "r1"}]},
                                       {"type": "tool_result", "tool_use_id": "toolu_02", "content": "r2", "is_error": True},
                                       {"type": "text", "text": "go on"}]}]


@case("CL-OAI-blocks", "pairs")
def blocks(env):
    """Cursor takes a model for a Claude by its name, and then sends Anthropic's tools and blocks to a chat's path."""
    plain = [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {
                 "url": "data:image/png;base64,aGk="}}]},
             {"role": "assistant", "content": "ok", "tool_calls": [
                 {"id": "toolu_01", "type": "function", "function": {"name": "f", "arguments": '{"n": 1}'}},
                 {"id": "toolu_02", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
             {"role": "tool", "tool_call_id": "toolu_01", "content": "r1"}, {"role": "tool", "tool_call_id": "toolu_02", "content": "r2"},
             {"role": "user", "content": "go on"}]
    for target in ("openai", "azure", "bedrock", "vertex", "mistral", "anthropic"):
        found, sent, response = env.say("chat", target, {"messages": BLOCKS, "tools": [BARE], "tool_choice": {"type": "any"}})
        equal((found["status"], found["dropped"]), (200, []), f"at {target} ({response.text[:200]})")
        text = env.sent.body.decode()
        truth(all(word in text for word in ("aGk=", "r1", "r2", "go on", "integer")), f"all of it at {target}", text)
        truth("EqQB" not in text, f"no thoughts at {target}, which is not to think", text)
        if target in ("openai", "azure"):
            equal([{name: value for name, value in message.items() if name != "content" or message["role"] != "tool"} for message in sent["messages"]],
                  [{name: value for name, value in message.items() if name != "content" or message["role"] != "tool"} for message in plain], "a chat's form")
            equal((sent["tools"], sent["tool_choice"]), ([{"type": "function", "function": {**TOOL["function"], "description": "d"}}], "required"), "the tool")
    env.say("chat", "anthropic", {"messages": BLOCKS, "tools": [BARE], "thinking": {"type": "enabled", "budget_tokens": 1024}})
    truth(b"EqQB" in env.sent.body, "a signature at home", env.sent.body)
    for choice, wanted in (({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}), ({"type": "auto"}, None), ({"type": "none"}, "none"),
                           ({"type": "auto", "disable_parallel_tool_use": True}, None)):
        sent = env.say("chat", "openai", {"tools": [BARE], "tool_choice": choice})[1]
        equal((sent.get("tool_choice"), sent.get("parallel_tool_calls")), (wanted, False if len(choice) == 2 and "name" not in choice else None), f"{choice}")
    flat = {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}}
    sent = env.say("chat", "openai", {"tools": [TOOL, flat]})[1]
    equal(sent["tools"][1]["custom"]["name"], "patch", "a flat tool, as servers of chats know it")
    for bad in ({"role": "assistant", "content": [BLOCKS[3]["content"][0]]}, {"role": "user", "content": [BLOCKS[2]["content"][2]]}):
        found, sent, _ = env.say("chat", "anthropic", {"messages": [bad]})
        equal((found["status"], found["error"]["param"], sent), (400, "messages[0].content", None), "a block where none can be")


@case("CL-OAI-no-ids", "pairs")
def no_ids(env):
    """Google's server of this dialect gives calls no ids, and its clients send none back."""
    call = {"type": "function", "function": {"name": "f", "arguments": '{"n":1}'}}
    for none in ({}, {"id": ""}, {"id": None}):
        answer = {"role": "tool", **({"tool_call_id": none["id"]} if none else {})}
        talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [{**none, **call}, {**none, **call}]},
                {**answer, "content": "r1"}, {**answer, "content": "r2"}, {"role": "assistant", "tool_calls": [{**none, **call}]}, {**answer, "content": "r3"}]
        sent = env.say("chat", "anthropic", {"messages": talk, "tools": [TOOL]})[1]["messages"]
        calls = [part["id"] for turn in sent for part in turn["content"] if part["type"] == "tool_use"]
        results = [(part["tool_use_id"], part["content"]) for turn in sent for part in turn["content"] if part["type"] == "tool_result"]
        equal((len(set(calls)), results), (3, list(zip(calls, ("r1", "r2", "r3")))), f"calls and their results with {none}")
    found, sent, _ = env.say("chat", "anthropic", {"messages": [{"role": "user", "content": "q"}, {"role": "tool", "content": "r"}]})
    equal((found["status"], found["error"]["param"], sent), (400, "messages[1].tool_call_id", None), "a result of nothing")


@case("CL-OAI-thinking", "pairs")
def thinking(env):
    """The ways of others to say how much to think reach every server in its own."""
    rows = (({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"type": "enabled", "budget_tokens": 2000}), ({"reasoning": {"max_tokens": 2000}},
            {"type": "enabled", "budget_tokens": 2000}), ({"thinking": {"type": "disabled"}}, {"type": "disabled"}), ({"enable_thinking": False}, {"type": "disabled"}),
            ({"reasoning": {"enabled": False, "exclude": False}}, {"type": "disabled"}))
    for members, wanted in rows:
        found, sent, _ = env.say("chat", "anthropic", members)
        equal((found["dropped"], sent.get("thinking")), ([], wanted), f"{members} at Claude")
    equal(env.say("chat", "vertex", {"thinking": {"type": "disabled"}})[1]["generationConfig"]["thinkingConfig"]["thinkingBudget"], 0, "off at Gemini")
    found, _, _ = env.say("chat", "anthropic", {"thinking": {"type": "between_tools"}, "chat_template_kwargs": {"enable_thinking": False}})
    equal(found["dropped"], ["chat_template_kwargs", "thinking"], "what nobody here understands")


@case("CL-OAI-audio", "pairs")
def spoken(env):
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        found, sent, _ = env.say("chat", target, {"modalities": ["text", "audio"], "audio": {"voice": "x", "format": "wav"}})
        equal((found["status"], found["error"] and found["error"]["param"], sent), (400, "modalities", None), f"sound of {target}")


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@case("CL-OAI-29", "pairs")
def schemas(env):
    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}
    equal(env.say("chat", "anthropic", asked)[1]["output_config"]["format"]["schema"], SCHEMA, "Claude's form")
    equal(env.say("chat", "vertex", asked)[1]["generationConfig"]["responseJsonSchema"], SCHEMA, "Gemini's form")
    truth("json_schema" in str(env.say("chat", "bedrock", asked)[1]["outputConfig"]), "Bedrock's form", env.sent.body)
    equal(env.say("chat", "mistral", asked)[1]["response_format"]["json_schema"]["schema"], SCHEMA, "Mistral's form")


@case("CL-OAI-30", "pairs")
def json_object(env):
    found, sent, _ = env.say("chat", "anthropic", {"response_format": {"type": "json_object"}}, {"text": '{"a":1}'})
    truth("JSON" in str(sent["system"]), "asked for in words", sent)
    equal((json.loads(found["text"]), found["dropped"]), ({"a": 1}, ["response_format"]), "the answer, and what is said of it")


@case("CL-OAI-37", "pairs")
def embeddings(env):
    vectors = [[0.5, 1.0], [0.25, 2.0], [0.125, 4.0]]
    body = {"object": "list", "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3},
            "data": [{"object": "embedding", "index": i, "embedding": vectors[i]} for i in (2, 0, 1)]}
    for target, model in (("openai", "text-embedding-3-small"), ("mistral", "mistral-embed")):
        found, sent, _ = env.say("chat", target, {"input": ["a", "b", "c"], "dimensions": 2, "encoding_format": "float"},
                                 reply=Reply(body=body), kind="embedding", model=model)
        equal((found["vectors"], sent["input"], 2 in sent.values()), (vectors, ["a", "b", "c"], True), f"vectors of {target}")


@case("CL-OAI-38", "pairs")
def token_ids(env):
    for target, model in (("mistral", "mistral-embed"), ("vertex", "gemini-embedding-001")):
        for given in ([1, 2], [[1, 2], [3]]):
            found, sent, _ = env.say("chat", target, {"input": given}, kind="embedding", model=model)
            equal((found["status"], sent), (400, None), f"{given} at {target}")
            truth("check_embedding_ctx_length" in found["error"]["message"], "the setting's name", found["error"])


@case("CL-OAI-44", "pairs")
def filtered(env):
    reply = sse_reply(chunk(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}]),
                      chunk({"role": "assistant", "content": "Hel"}), chunk({}, "content_filter"), chunk(usage=USAGE))
    found, _, _ = env.say("chat", "azure", READ, stream=True, reply=reply)
    equal((found["text"], found["finish"]), ("Hel", "content_filter"), "an answer of Azure")


@case("CL-OAI-45", "pairs")
def media(env):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    document = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}}
    seen_as = json.dumps([{"type": "text", "text": "seen"}, {"type": "image-data", "data": "aGk=", "mediaType": "image/png"}])
    call = {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    talk = [{"role": "user", "content": [{"type": "text", "text": "q"}, picture, document]}, {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call00001", "content": seen_as}]
    sent = env.say("chat", "anthropic", {"messages": talk, "tools": [TOOL]})[1]["messages"]
    equal([part["type"] for part in sent[0]["content"]], ["text", "image", "document"], "parts for Claude")
    sent = env.say("chat", "vertex", {"messages": talk, "tools": [TOOL]})[1]["contents"]
    equal([part.get("inlineData", {}).get("mimeType") for part in sent[0]["parts"]], [None, "image/png", "application/pdf"],
          "parts for Gemini")
    truth("seen" in json.dumps(sent[2]), "the result", sent[2])
