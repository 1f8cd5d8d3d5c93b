"""CL-MAP rows with every provider: what is the same for all client APIs."""
import gzip
import json
import os
import re
import zlib

from fakes import dialects
from fakes.models import Reply
from harness import zstd
from harness.runner import case, equal, truth

from . import _pairs
from ._apis import APIS
from ._pairs_env import KEY, sse_reply
from .client_openai import FINISH, READ, USAGE, calls, chunk, piece

SERVERS = ("openai", "azure", "anthropic", "bedrock", "vertex", "vertex (Claude)", "mistral")
TOOL = {"tools": [{"name": "f", "input_schema": {"type": "object"}}]}


def metric(env, name):
    return env.gw.metric(name) or 0


@case("CL-MAP-02", "pairs")
def there_and_back(env):
    """A chat that is read and written again by a server's dialect, in the client's own, says the same."""
    asked = {"temperature": 0.5, "stop_sequences": ["E"], "system": [{"type": "text", "text": "s"}], "messages": [
        {"role": "user", "content": [{"type": "text", "text": "q"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, {"b": None}]}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "r"}]}]}], **TOOL}
    sent = env.say("messages", "vertex (Claude)", asked)[1]
    equal({name: sent[name] for name in asked}, asked, "the request")
    answer = {"reasoning": "hm", "signature": "EqQB", "text": "a", "calls": [["toolu_2", "f", {"n": 1}]]}
    for stream in (False, True):
        found, _, _ = env.say("messages", "vertex (Claude)", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, answer, stream)
        equal({name: found[name] for name in answer}, answer, "the answer")


@case("CL-MAP-06 CL-MAP-09", "pairs")
def counted(env):
    """Tokens of streams that pass are those of the body; a chat's client that did not ask sees none."""
    for api, target in (("chat", "openai"), ("chat", "azure"), ("messages", "anthropic"), ("gemini", "vertex")):
        before = metric(env, "inference_input_tokens_total"), metric(env, "inference_output_tokens_total")
        found, _, response = env.say(api, target, {"stream_options": None} if api == "chat" else {},
                                     {"text": "a", "usage": {"input": 120, "cached": 100, "output": 30}}, stream=True)
        after = metric(env, "inference_input_tokens_total"), metric(env, "inference_output_tokens_total")
        equal((after[0] - before[0], after[1] - before[1]), (120, 30), f"tokens of {api} at {target}")
        truth(found["usage"], f"usage for the client of {api}", response.text)
    target = next(item for item in _pairs.TARGETS if item.name == "openai")
    kind, body = dialects.write("chat", {"text": "a"}, "m", True)
    env.scripts["openai"].replies = [Reply(body=body, content_type=kind)]
    path, asked = APIS["chat"].send(env.names["openai", target.model], {}, True)
    del asked["stream_options"]
    before = metric(env, "inference_input_tokens_total")
    response = env.post(path, json.dumps(asked), headers=APIS["chat"].headers(KEY))
    truth('"usage":{' not in response.text.replace(" ", "") and "[DONE]" in response.text, "no usage that nobody asked for", response.text)
    equal(metric(env, "inference_input_tokens_total") - before, 12, "tokens counted")


@case("CL-MAP-07", "pairs")
def cut(env):
    for api, target in (("chat", "openai"), ("messages", "anthropic"), ("gemini", "vertex")):
        found, _, _ = env.say(api, target, {}, {"text": "ab", "broken": "cut"}, stream=True)
        truth(found["broken"] and found["error"]["message"], f"an error for {api}", dict(found))


@case("CL-MAP-10", "pairs")
def usage(env):
    """120 in, 100 of them from the cache and 10 written to it; 30 out, 20 of them reasoning."""
    said = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 10}, "completion_tokens_details": {"reasoning_tokens": 20}}
    reply = Reply(body={"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}], "usage": said})
    found = {api: env.say(api, "openai", READ if api == "chat" else {}, reply=reply)[2].json() for api in APIS}
    equal((found["chat"]["usage"]["prompt_tokens"], found["chat"]["usage"]["prompt_tokens_details"]["cached_tokens"],
           found["chat"]["usage"]["completion_tokens_details"]["reasoning_tokens"]), (120, 100, 20), "of a chat")
    said = found["responses"]["usage"]
    equal((said["input_tokens"], said["input_tokens_details"]["cached_tokens"], said["output_tokens"],
           said["output_tokens_details"]["reasoning_tokens"], said["total_tokens"]), (120, 100, 30, 20, 150), "of Responses")
    said = found["messages"]["usage"]
    equal((said["input_tokens"], said["cache_read_input_tokens"], said["cache_creation_input_tokens"], said["output_tokens"]),
          (10, 100, 10, 30), "of Messages")
    said = found["gemini"]["usageMetadata"]
    equal((said["promptTokenCount"], said["cachedContentTokenCount"], said["candidatesTokenCount"], said["thoughtsTokenCount"],
           said["totalTokenCount"]), (120, 100, 10, 20, 150), "of Gemini")


# canonical: what a server of each dialect says → what a client of each API reads
FINISHES = [
    ("stop", {"chat": "stop", "messages": "end_turn", "converse": "end_turn", "gemini": "STOP"}, "stop"),
    ("sequence", {"messages": "stop_sequence"}, "stop_sequence"),
    ("sequence-unknown", {"converse": "stop_sequence"}, "stop"),
    ("length", {"chat": "length", "mistral": "length", "messages": "max_tokens", "converse": "max_tokens", "gemini": "MAX_TOKENS"}, "length"),
    ("window", {"mistral": "model_length", "messages": "model_context_window_exceeded", "converse": "model_context_window_exceeded"}, "window"),
    ("filter", {"chat": "content_filter", "messages": "refusal", "converse": "content_filtered", "gemini": "SAFETY"}, "filter"),
    ("filter-prohibited", {"gemini": "PROHIBITED_CONTENT"}, "prohibited"),
    ("guardrail", {"converse": "guardrail_intervened"}, "filter"),
    ("pause", {"messages": "pause_turn"}, "pause"),
    ("malformed", {"gemini": "MALFORMED_FUNCTION_CALL", "converse": "malformed_tool_use"}, "malformed"),
]
SAID = {
    "stop": {"chat": "stop", "responses": "completed", "messages": "end_turn", "gemini": "STOP"},
    "stop_sequence": {"chat": "stop", "responses": "completed", "messages": "stop_sequence", "gemini": "STOP"},
    "length": {"chat": "length", "responses": "incomplete max_output_tokens", "messages": "max_tokens", "gemini": "MAX_TOKENS"},
    "window": {"chat": "length", "responses": "incomplete max_output_tokens", "messages": "model_context_window_exceeded", "gemini": "MAX_TOKENS"},
    "filter": {"chat": "content_filter", "responses": "incomplete content_filter", "messages": "refusal", "gemini": "SAFETY"},
    "prohibited": {"chat": "content_filter", "responses": "incomplete content_filter", "messages": "refusal", "gemini": "PROHIBITED_CONTENT"},
    "pause": {"chat": "stop", "responses": "incomplete max_output_tokens", "messages": "pause_turn", "gemini": "STOP"},
    "malformed": {"chat": "stop", "responses": "failed", "messages": "end_turn", "gemini": "MALFORMED_FUNCTION_CALL"},
}


def with_finish(dialect, word):
    writer = dialects.WRITERS[dialect]({"text": "a"}, "m")
    body = writer.whole()
    if dialect in ("chat", "mistral"):
        body["choices"][0]["finish_reason"] = word
    elif dialect == "messages":
        body.update(stop_reason=word, stop_sequence="E" if word == "stop_sequence" else None)
    elif dialect == "converse":
        body["stopReason"] = word
    else:
        body["candidates"][0]["finishReason"] = word
    return Reply(body=body)


@case("CL-MAP-11", "pairs")
def finishes(env):
    failed = []
    for name, words, wanted in FINISHES:
        for dialect, word in words.items():
            target = next(item for item in _pairs.TARGETS if item.dialect == dialect)
            for api in APIS:
                if target.passes == api:
                    continue
                found, _, response = env.say(api, target.name, {}, reply=with_finish(dialect, word))
                said = found["finish"] if found["status"] == 200 else f"{found['status']}"
                if said != SAID[wanted][api]:
                    failed.append(f"{api} of {word}: {SAID[wanted][api]}, not {said}")
    equal(failed, [], f"ends ({len(failed)} others)")


@case("CL-MAP-12", "pairs")
def errors(env):
    """The rest of the table is M-bad-request and its like of CL-MAP-01: every provider's own failures on every API."""
    quota = {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}
    for api in APIS:
        found, _, response = env.say(api, "openai", {}, reply=Reply(status=429, body=quota))
        equal((found["status"], response.header("x-should-retry")), (429, "false"), f"a quota for {api}")
        found, _, _ = env.say(api, "openai", {}, reply=Reply(status=504, body="late"))
        equal(found["status"], 504, f"a timeout for {api}")
        found, _, _ = env.say(api, "openai", {}, reply=Reply(status=200, body="no JSON"))
        equal(found["status"], 502, f"nonsense for {api}")
    found, _, _ = env.say("messages", "openai", {}, reply=Reply(status=504, body="late"))
    equal(found["error"]["type"], "timeout_error", "its type for Messages")


@case("CL-MAP-13", "pairs")
def tool_ids(env):
    ident = "call:1." + "x" * 70
    talk = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None, "tool_calls": [
        {"id": ident, "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": ident, "content": "r"}],
        "tools": [{"type": "function", "function": {"name": "f"}}]}
    sent = env.say("chat", "anthropic", talk)[1]["messages"]
    ids = sent[1]["content"][0]["id"], sent[2]["content"][0]["tool_use_id"]
    truth(ids[0] == ids[1] and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", ids[0]), "ids for Claude", ids)
    sent = env.say("chat", "bedrock", talk)[1]["messages"]
    ids = sent[1]["content"][0]["toolUse"]["toolUseId"], sent[2]["content"][0]["toolResult"]["toolUseId"]
    truth(ids[0] == ids[1] and re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", ids[0]), "ids for Bedrock", ids)
    sent = env.say("chat", "mistral", talk)[1]["messages"]
    ids = sent[1]["tool_calls"][0]["id"], sent[2]["tool_call_id"]
    truth(ids[0] == ids[1] and re.fullmatch(r"[a-zA-Z0-9]{9}", ids[0]), "ids for Mistral", ids)


@case("CL-MAP-14", "pairs")
def tool_names(env):
    name = "files.read" + "x" * 90
    tools = {"tools": [{"type": "function", "name": name, "parameters": {"type": "object"}, "strict": False}]}
    for target, pick in (("anthropic", lambda sent: sent["tools"][0]["name"]),
                         ("bedrock", lambda sent: sent["toolConfig"]["tools"][0]["toolSpec"]["name"])):
        short = pick(env.say("responses", target, tools)[1])
        found, _, _ = env.say("responses", target, tools, {"calls": [["call00001", short, {}]]}, stream=True)
        equal(found["calls"][0][1], name, f"the name that came back of {target}")


@case("CL-MAP-15 CL-MAP-16", "pairs")
def ranges(env):
    found, sent, _ = env.say("chat", "anthropic", {"temperature": 1.7})
    equal((sent["temperature"], found["dropped"]), (1, ["temperature"]), "a temperature that is too high")
    found, sent, _ = env.say("chat", "anthropic", {"temperature": 0.5, "top_p": 0.5}, model="claude-sonnet-4-5")
    equal((sent.get("temperature"), sent.get("top_p"), found["dropped"]), (0.5, None, ["top_p"]), "both for a Claude that takes one")


@case("CL-MAP-17", "pairs")
def forced_and_thinking(env):
    found, sent, _ = env.say("gemini", "anthropic", {
        "tools": [{"functionDeclarations": [{"name": "f"}]}], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 2048}}})
    equal((sent["tool_choice"], "thinking" in sent, found["dropped"]), ({"type": "any"}, False, ["thinkingBudget"]), "a tool and no thinking")


@case("CL-MAP-18", "pairs")
def stops(env):
    found, sent, _ = env.say("messages", "vertex", {"stop_sequences": list("abcde")})
    equal(sent["generationConfig"]["stopSequences"], list("abcde"), "five")
    found, sent, _ = env.say("messages", "vertex", {"stop_sequences": list("abcdef")})
    equal((found["status"], sent), (400, None), "six")


@case("CL-MAP-19", "pairs")
def stops_of_ours(env):
    """A model that takes no stop texts, or a server that takes four: the answer ends in front of the first all the same, however it is cut."""
    text, stops = "one\n\n\u00e9 two ### three", ["#####", "###", "\n\n\n", "twoo"]
    for model, members in (("o3-mini", {"stop_sequences": stops}), ("gpt-4.1", {"stop_sequences": [*stops, "E1", "E2"]})):
        for api, asked, wanted in (("messages", members, "stop_sequence"), ("gemini", {"generationConfig": {"stopSequences": members["stop_sequences"][:5]}}, "STOP")):
            for cut in range(1, len(text)):
                reply = sse_reply(chunk({"role": "assistant", "content": text[:cut]}), chunk({"content": text[cut:]}), FINISH, chunk(usage=USAGE))
                found, sent, _ = env.say(api, "openai", asked, stream=True, reply=reply, model=model)
                equal((found["text"], found["finish"], found["usage"]["output"], found["dropped"]), ("one\n\n\u00e9 two ", wanted, 7, []),
                      f"{api} with {model}, cut at {cut}")
            equal(sent.get("stop"), None if model == "o3-mini" else [*stops], "what the server is told")
            body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], "usage": USAGE}
            equal(env.say(api, "openai", asked, reply=Reply(body=body), model=model)[0]["text"], "one\n\n\u00e9 two ", f"a whole answer for {api}")
    reply = sse_reply(chunk({"role": "assistant", "content": "a ##"}), chunk({"tool_calls": [piece(0, "c", "f", "{}")]}), chunk({}, "tool_calls"))
    found, _, _ = env.say("messages", "openai", {"stop_sequences": stops, **TOOL}, stream=True, reply=reply, model="o3-mini")
    equal((found["text"], found["calls"], found["finish"]), ("a ##", [["c", "f", {}]], "tool_use"), "only the beginning of one")
    reply = sse_reply(chunk({"role": "assistant", "content": "a ### b"}), chunk({"tool_calls": [piece(0, "c", "f", "{}")]}), chunk({}, "tool_calls"))
    found, _, _ = env.say("messages", "openai", {"stop_sequences": stops, **TOOL}, stream=True, reply=reply, model="o3-mini")
    equal((found["text"], found["calls"], found["finish"]), ("a ", [], "stop_sequence"), "a call behind the end")


@case("CL-MAP-20", "pairs")
def odd_turns(env):
    talk = [{"role": "assistant", "content": "first"}, {"role": "user", "content": "a"}, {"role": "user", "content": ""},
            {"role": "user", "content": "b"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "c"}]
    for target in SERVERS[2:]:
        found, sent, _ = env.say("chat", target, {"messages": talk})
        equal(found["status"], 200, f"status of {target}")
        turns = sent.get("messages") or sent["contents"]
        if target != "mistral":
            equal(turns[0]["role"], "user", f"who begins at {target}")
            roles = [turn["role"] for turn in turns]
            truth(all(a != b for a, b in zip(roles, roles[1:])), f"turn by turn at {target}", roles)
        truth('"text":""' not in env.sent.body.decode().replace(" ", ""), f"no empty text at {target}", env.sent.body)


PREFILL = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "Hello \n"}]}


@case("CL-MAP-21 CL-MAP-22", "pairs")
def prefill(env):
    sent = env.say("chat", "anthropic", PREFILL, model="claude-sonnet-4-5")[1]["messages"]
    equal(sent[1]["content"][0]["text"], "Hello", "without its trailing space")
    equal(env.say("messages", "mistral", PREFILL)[1]["messages"][1].get("prefix"), True, "a prefix of Mistral")
    for api, members in (("chat", PREFILL), ("messages", PREFILL), ("responses", {"input": PREFILL["messages"]}),
                         ("gemini", {"contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "Hello"}]}]})):
        for target in ("anthropic", "vertex (Claude)"):
            if api == "messages":
                continue  # its own bytes: the server says it
            found, sent, _ = env.say(api, target, members, model="claude-opus-4-7" if target == "anthropic" else None)
            equal((found["status"], sent), (400, None), f"words in the mouth of a Claude that takes none: {api} at {target}")
            truth("does not support assistant message prefill" in found["error"]["message"], "the reason", found["error"])


@case("CL-MAP-history", "pairs")
def history(env):
    """A call without a result, a result without a call: refused with the id before any server is asked."""
    call = {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    item = {"type": "function_call", "call_id": "call00001", "name": "f", "arguments": "{}"}
    q, go, lost = {"role": "user", "content": "q"}, {"role": "user", "content": "go on"}, {"role": "tool", "tool_call_id": "call00009", "content": "r"}
    rows = [("chat", {"messages": [q, {"role": "assistant", "tool_calls": [call]}, go]}, "call00001"), ("chat", {"messages": [q, lost]}, "call00009"),
            ("chat", {"messages": [q, {"role": "assistant", "tool_calls": [call]}]}, "call00001"),
            ("chat", {"messages": [q, {"role": "assistant", "tool_calls": [call]}, {**lost, "tool_call_id": "call00001"}, {"role": "assistant", "content": "a"},
                                   {**lost, "tool_call_id": "call00001"}]}, "call00001"),
            ("responses", {"input": [q, item, go]}, "call00001"), ("responses", {"input": [q, {"type": "function_call_output", "call_id": "call00009", "output": "r"}]}, "call00009"),
            ("gemini", {"contents": [{"parts": [{"text": "q"}]}, {"role": "model", "parts": [{"functionCall": {"id": "call00001", "name": "f"}}]}, {"parts": [{"text": "a"}]}]}, "call00001")]
    for api, members, ident in rows:
        for target in ("anthropic", "bedrock", "mistral", *(() if api == "gemini" else ("vertex",)), *(() if api == "chat" else ("openai",))):
            found, sent, _ = env.say(api, target, members)
            equal((found["status"], sent), (400, None), f"{members} of {api} at {target}")
            truth(ident in found["error"]["message"], "the id", found["error"])
    late = [q, {"role": "assistant", "tool_calls": [call, {**call, "id": "call00002"}]}, {**lost, "tool_call_id": "call00002"}, {"role": "system", "content": "s"},
            {**lost, "tool_call_id": "call00001"}, go]
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        equal(env.say("chat", target, {"messages": late})[0]["status"], 200, f"results that come late, at {target}")
    made = {"type": "function_call_output", "output": "r"}
    parts = [q, item, {"role": "assistant", "content": "a", "phase": "commentary"}, {**item, "call_id": "call00002"}, {**made, "call_id": "call00001"}, {**made, "call_id": "call00002"}]
    split = [q, {"role": "assistant", "tool_calls": [call]}, {"role": "assistant", "content": "a"}, {**lost, "tool_call_id": "call00001"}]
    for target in ("openai", "anthropic", "bedrock", "vertex"):
        equal(env.say("responses", target, {"input": parts})[0]["status"], 200, f"a turn of several items, at {target}")
        equal(env.say("chat", target, {"messages": split})[0]["status"], 200, f"a turn of several messages, at {target}")


@case("CL-MAP-23 CL-MAP-24", "pairs")
def schemas(env):
    cycle = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}

    def sent(schema):
        found, body, _ = env.say("messages", "vertex", {"tools": [{"name": "f", "input_schema": schema}]})
        equal(found["status"], 200, "status")
        return body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    equal(sent(cycle)["$defs"], cycle["$defs"], "references, kept")
    odd = {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"const": "x"}, "c": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}}
    found = sent(odd)["properties"]
    truth("const" not in found["b"] and "x" in str(found["b"]), "a constant as one of a list", found)
    truth("oneOf" in found["c"] or "anyOf" in found["c"], "one of two", found)


@case("CL-MAP-25", "pairs")
def budget(env):
    sent = env.say("gemini", "anthropic", {"generationConfig": {"maxOutputTokens": 4096, "thinkingConfig": {"thinkingBudget": 16000}}})[1]
    truth(1024 <= sent["thinking"]["budget_tokens"] < sent["max_tokens"], "a budget below the maximum", sent)


@case("CL-MAP-26", "pairs")
def interleaved(env):
    reply = calls(piece(0, "a", "f"), piece(1, "b", "g"), piece(0, text='{"n":'), piece(1, text='{"m":'), piece(0, text="1}"), piece(1, text="2}"))
    for api, members in (("chat", READ), ("messages", {}), ("responses", {}), ("gemini", {})):
        found, _, _ = env.say(api, "openai", members, stream=True, reply=reply)
        equal(sorted(found["calls"]), [["a", "f", {"n": 1}], ["b", "g", {"m": 2}]], f"calls of {api}")


@case("CL-MAP-27", "pairs")
def split_escapes(env):
    text = '{"t":"caf\\u00e9 \\ud83d\\ude42 \\" \u00fc"}'
    for at in range(1, len(text)):
        reply = calls(piece(0, "a", "f", text[:at]), piece(0, text=text[at:]))
        for api in ("messages", "responses", "gemini"):
            found, _, _ = env.say(api, "openai", {}, stream=True, reply=reply)
            equal(found["calls"], [["a", "f", {"t": "caf\u00e9 \U0001f642 \" \u00fc"}]], f"{api}, cut at {at}")


def odd_chats():
    """Streams of chat servers that say a thing in their own way: (chunks, text, reasoning, calls)."""
    def tokens(count):
        return {"usage": {"prompt_tokens": 12, "completion_tokens": count, "total_tokens": 12 + count}}
    made = {"tool_calls": [piece(0, "call00001", "f", "{}")]}
    one = [["call00001", "f", {}]]
    text = chunk({"role": "assistant", "content": "a"}), chunk({"content": "b"}), FINISH
    return {
        "usage in each chunk": ([chunk({"role": "assistant", "content": None}, **tokens(0)), chunk({"tool_calls": [piece(0, "call00001", "f")]}, **tokens(1)),
                                 chunk({"tool_calls": [piece(0, text='{"n":')]}, **tokens(2)), chunk({"tool_calls": [piece(0, text="1}")]}, **tokens(3)),
                                 chunk({}, "tool_calls", **tokens(7))], "", "", [["call00001", "f", {"n": 1}]]),
        "no choice at first": ([chunk(**tokens(0)), *text, chunk(**tokens(7))], "ab", "", []),
        "no choice between": ([text[0], chunk(), *text[1:], chunk(**tokens(7))], "ab", "", []),
        "all at once": ([chunk({"role": "assistant", "reasoning_content": "hm", "content": "a", **made}), chunk({}, "tool_calls", **tokens(7))], "a", "hm", one),
        "two ends": ([chunk(made), chunk({}, "tool_calls"), chunk({}, "stop", **tokens(7)), chunk({}, "stop", **tokens(7))], "", "", one),
        "an end with text": ([text[0], chunk({"content": "b"}, "stop", **tokens(7))], "ab", "", []),
        "nothing behind the end": ([*text, chunk({"content": ""}), chunk(**tokens(7))], "ab", "", []),
        "no delta": ([*text[:2], {**FINISH, "choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}, chunk(**tokens(7))], "ab", "", []),
        "an empty reason": ([chunk({"content": "a"}, ""), chunk({"content": "b"}, ""), FINISH, chunk(**tokens(7))], "ab", "", []),
        "parts": ([chunk({"content": [{"type": "text", "text": "ab"}]}), FINISH, chunk(**tokens(7))], "ab", "", []),
        "text around a call": ([text[0], chunk(made), text[1], chunk({}, "tool_calls", **tokens(7))], "ab", "", one),
        "nothing for arguments": ([chunk({"tool_calls": [{**piece(0, "call00001", "f"), "function": {"name": "f", "arguments": None}}]}), chunk({}, "tool_calls", **tokens(7))], "", "", one),
    }


def reads(api):
    """What a client says that wants to see the reasoning of any server."""
    return {"chat": READ, "messages": {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}},
            "responses": {"reasoning": {"effort": "low", "summary": "auto"}}, "gemini": {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}}[api]


@case("CL-MAP-odd-streams", "pairs")
def odd_streams(env):
    """Chunks that servers reported to break other gateways send: each client reads the same of them."""
    for name, (chunks, text, reasoning, made) in odd_chats().items():
        for api in ("chat", "messages", "responses", "gemini"):
            if (api, name) == ("chat", "nothing for arguments"):
                continue  # passes as it is
            found, _, _ = env.say(api, "openai", reads(api), stream=True, reply=sse_reply(*chunks), model="o3-mini")
            equal((found["text"], found["reasoning"], found["calls"]), (text, reasoning, made), f"{name}, to {api}")
            equal((found["usage"]["input"], found["usage"]["output"], found["broken"]), (12, 7, False), f"usage of {name}, to {api}")


@case("CL-MAP-no-arguments", "pairs")
def no_arguments(env):
    """Claude streams no piece of the input of a call that has none; what a client joins is JSON all the same."""
    begin = {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}}
    events = [{"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "m", "usage": {"input_tokens": 5, "output_tokens": 1}}},
              {**begin, "index": 0}, {"type": "content_block_stop", "index": 0},
              {**begin, "index": 1, "content_block": {**begin["content_block"], "id": "toolu_2"}},
              {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}}, {"type": "content_block_stop", "index": 1},
              {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}}, {"type": "message_stop"}]
    reply = Reply(body=b"".join(dialects.sse(event, event["type"]) for event in events), content_type=dialects.SSE)
    for api in ("chat", "messages", "responses", "gemini"):
        found, _, _ = env.say(api, "anthropic", {}, stream=True, reply=reply)
        equal([call[1:] for call in found["calls"]], [["f", {}]] * 2, f"calls of {api}")
    functions = {"functions": [{"name": "f", "parameters": {"type": "object"}}], "messages": [{"role": "user", "content": "q"}]}
    for stream in (False, True):
        _, _, response = env.say("chat", "anthropic", functions, None if stream else {"calls": [["toolu_1", "f", {}]]}, stream, reply if stream else None)
        truth('"{}"' in response.text, "the arguments of a function_call", response.text)


@case("CL-MAP-34", "pairs")
def packed(env):
    """Bodies that come compressed are what they would be otherwise, within the same limit; other codings are 415."""
    deflate = zlib.compressobj(wbits=-15)
    spaces, large = b" " * (40 << 20), b"".join(os.urandom(48) * 64 for _ in range(11000))  # 33 MB, in 1 MB or so
    whole, variants = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}, (
        ("deflate", lambda data: deflate.compress(data) + deflate.flush()), ("identity", bytes),
        ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])), ("zstd", lambda data: zstd.compress(data, 19)),
        ("ZSTD", lambda data: b"\x50\x2a\x4d\x18\x01\0\0\0?" + zstd.compress(data[:9]) + zstd.compress(data[9:])),
        ("zstd", bytes), ("gzip", bytes),  # unpacked on the way, and the label forgotten
        ("zstd", lambda data: zstd.compress(data + b" " * (4 << 20))))  # small on its way, and within the limit
    bombs, larges = ({coding: pack(data) for coding, pack in whole.items()} for data in (spaces, large))
    truth(max(map(len, larges.values())) < 4 << 20, "bodies that are small on their way", list(map(len, larges.values())))
    for api in APIS.values():
        target = next(item for item in _pairs.TARGETS if item.name == "mistral")
        path, body = api.send(env.names["mistral", target.model], {}, False)
        plain, headers = json.dumps(body).encode(), {**api.headers(KEY), "Content-Type": "application/json"}
        kind, answer = dialects.write("mistral", {"text": "Hello."}, "m", False)
        script = env.scripts["mistral"]
        script.replies = [Reply(body=answer, content_type=kind)]
        equal(env.post(path, plain, headers).status, 200, f"as it is for {api.name}")
        sent = script.seen[-1].json()
        for coding, pack in (*whole.items(), *(variants if api.name == "chat" else ())):
            response = env.post(path, pack(plain), {**headers, "Content-Encoding": coding})
            equal(response.status, 200, f"{coding} for {api.name} ({response.text[:200]})")
            equal(script.seen[-1].json(), sent, f"what the server sees of {coding} for {api.name}")
        for coding in ("br", "zstd, gzip", "gzip, gzip"):
            response = env.post(path, plain, {**headers, "Content-Encoding": coding})
            equal((response.status, response.header("accept-encoding")), (415, "gzip, deflate, zstd"), f"{coding} for {api.name}")
            truth("gzip, deflate, zstd" in api.error(response)["message"], "what would be read, in the API's own form", response.text)
        for coding, pack in whole.items():
            broken = {"half a body": pack(plain)[:-9], "bytes behind it": pack(plain) + b"{}"}
            if coding == "zstd":
                broken |= {"garbage": b"\x28\xb5\x2f\xfd" + b"\xff" * 99, "8 MiB exceeded": b"\x28\xb5\x2f\xfd\0\x69" + b"\0" * 99}
            for what, data in broken.items():
                response = env.post(path, data, {**headers, "Content-Encoding": coding})
                equal(response.status, 400, f"{what} of {coding} for {api.name}")
                truth("unpacked" in api.error(response)["message"], f"words: {what} of {coding}", response.text)
            for what, data in (("bomb", bombs[coding]), ("large body", larges[coding])):
                equal(env.post(path, data, {**headers, "Content-Encoding": coding}).status, 413, f"a {what} of {coding} for {api.name}")


@case("CL-MAP-29", "pairs")
def header_of_who_answered(env):
    """What the first target could not take does not matter when another one answers."""
    rows = (("chat", {"seed": 1, "hologram": 1}, "anthropic", "openai", []), ("chat", {"seed": 1, "hologram": 1}, "openai", "anthropic", ["hologram", "seed"]),
            ("messages", {"hologram": 1, "context_management": {"edits": []}}, "openai", "anthropic", []),
            ("messages", {"hologram": 1, "context_management": {"edits": []}}, "anthropic", "openai", ["context_management", "hologram"]))
    for api, members, first, second, wanted in rows:
        kind, body = dialects.write(next(item.dialect for item in _pairs.TARGETS if item.name == second), {"text": "Hello."}, "m", False)
        env.scripts[first].replies, env.scripts[second].replies = [Reply(status=503)], [Reply(body=body, content_type=kind)]
        path, asked = APIS[api].send(env.names[first, second], members, False)
        response = env.post(path, json.dumps(asked), headers=APIS[api].headers(KEY))
        found = APIS[api].read(response, False)
        equal((found["text"], found["dropped"]), ("Hello.", wanted), f"{api}, {first} then {second}")


LONG = "def f(x):\n\treturn \"\u00e9\\d\" # \U0001F600 / \u2028\n" * 100
LONG_TALK = {
    "chat": {"messages": [{"role": "system", "content": LONG}, {"role": "user", "content": [{"type": "text", "text": LONG}]},
                          {"role": "assistant", "content": LONG, "tool_calls": [
                              {"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": LONG})}}]},
                          {"role": "tool", "tool_call_id": "c1", "content": LONG}],
             "tools": [{"type": "function", "function": {"name": "f", "description": LONG, "parameters": {"type": "object"}}}]},
    "responses": {"instructions": LONG, "input": [{"role": "user", "content": LONG},
                                                  {"type": "function_call", "call_id": "c1", "name": "f", "arguments": json.dumps({"a": LONG})},
                                                  {"type": "function_call_output", "call_id": "c1", "output": LONG}],
                  "tools": [{"type": "function", "name": "f", "description": LONG, "parameters": {"type": "object"}}]},
    "messages": {"system": LONG, "messages": [{"role": "user", "content": LONG}, {"role": "assistant", "content": [
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": LONG}}]}, {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": LONG}]}],
                 "tools": [{"name": "f", "description": LONG, "input_schema": {"type": "object"}}]},
    "gemini": {"systemInstruction": {"parts": [{"text": LONG}]}, "contents": [
        {"role": "user", "parts": [{"text": LONG}]}, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": LONG}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": LONG}}}]}],
               "tools": [{"functionDeclarations": [{"name": "f", "description": LONG, "parameters": {"type": "object"}}]}]},
}


def texts_of(value):
    """Every string in it, and in the JSON that a string holds."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item)]
    if isinstance(value, str) and value.startswith("{"):
        return texts_of(json.loads(value))
    return [value] if isinstance(value, str) else []


@case("CL-MAP-long-texts", "pairs")
def long_texts(env):
    """Texts with escapes arrive as they were written: passed, translated, and translated where passing came to nothing."""
    for api, members in LONG_TALK.items():
        count = texts_of(members).count(LONG)
        for target in SERVERS:
            found, sent, _ = env.say(api, target, members)
            equal((found["status"], texts_of(sent).count(LONG)), (200, count), f"{api} to {target}: status, whole texts")
    for api, first, second in (("chat", "openai", "anthropic"), ("messages", "anthropic", "openai"), ("chat", "anthropic", "openai")):
        kind, body = dialects.write(next(item.dialect for item in _pairs.TARGETS if item.name == second), {"text": "Hello."}, "m", False)
        env.scripts[first].replies, env.scripts[second].replies = [Reply(status=503)], [Reply(body=body, content_type=kind)]
        env.scripts[second].seen.clear()
        path, asked = APIS[api].send(env.names[first, second], LONG_TALK[api], False)
        equal(env.post(path, json.dumps(asked), headers=APIS[api].headers(KEY)).status, 200, f"status of {api}")
        equal(texts_of(json.loads(env.scripts[second].seen[0].body)).count(LONG), texts_of(LONG_TALK[api]).count(LONG),
              f"whole texts of {api}, {first} then {second}")


@case("CL-MAP-32", "pairs")
def origins(env):
    """Any page may ask, unless conf.d chooses (oidc.py has those rows)."""
    for api in APIS.values():
        path, _ = api.send("m0", {}, False)
        response = env.request("OPTIONS", path, {"Origin": "https://page.test", "Access-Control-Request-Method": "POST",
                                                 "Access-Control-Request-Headers": "authorization,content-type,x-api-key,anthropic-version,x-goog-api-key"})
        equal((response.status, response.header("access-control-allow-origin")), (204, "*"), f"a page may ask {api.name}")
        allowed = response.header("access-control-allow-headers", "").lower()
        truth("authorization" in allowed or allowed == "*", "the headers it asked for", allowed)


@case("CL-MAP-30", "pairs-strict")
def nothing_left_out(env):
    """`strict`: what would be left out is refused before the server hears of it, by the client's name for it."""
    rows = (("chat", "anthropic", {"seed": 1}, "seed"), ("chat", "anthropic", {"response_format": {"type": "json_object"}}, "response_format"),
            ("chat", "mistral", {"hologram": 1}, "hologram"), ("responses", "openai", {"hologram": 1}, "hologram"),
            ("responses", "vertex", {"tools": [{"type": "function", "name": "f", "parameters": None, "strict": None}], "parallel_tool_calls": False},
             "parallel_tool_calls"),
            ("responses", "openai", {"input": [{"role": "user", "content": "q"}, {"type": "hologram_call", "id": "h"}]}, "hologram_call"),
            ("messages", "mistral", {"top_k": 5}, "top_k"), ("messages", "openai", {"context_management": {"edits": []}}, "context_management"),
            ("gemini", "bedrock", {"generationConfig": {"seed": 1, "presencePenalty": 1}}, "presencePenalty"),
            ("gemini", "anthropic", {"hologram": 1}, "hologram"))
    for api, target, members, name in rows:
        for stream in (False, True):
            found, sent, response = env.say(api, target, members, stream=stream)
            equal((found["status"], sent), (400, None), f"{name} of {api} at {target} ({response.text[:200]})")
            truth(name in found["error"]["message"], f"the name {name}", found["error"])
            truth(any(word in found["error"]["message"] for word in ("dialect", "API", "Anthropic")), "who cannot take it", found["error"])
    for api in APIS:
        for target in SERVERS:
            equal(env.say(api, target)[0]["status"], 200, f"a plain question of {api} at {target}")
    sent = env.say("chat", "openai", {"hologram": 1})[1]
    equal(sent["hologram"], 1, "bytes that pass as they are")


@case("CL-MAP-many-strangers", "pairs")
def many_strangers(env):
    """However many members nobody knows: the header names what it has room for, the question is answered."""
    for count in (40, 2000):
        strangers = {f"hologram_{i}": i for i in range(count)}
        for api, target in (("chat", "anthropic"), ("messages", "mistral"), ("gemini", "openai"), ("responses", "bedrock")):
            found, sent, response = env.say(api, target, strangers)
            truth(found["status"] == 200 and len(response.header("x-aigw-dropped")) <= 1024, f"an answer of {api}", response.text[:200])
            truth(len(found["dropped"]) >= 16 and "hologram_0" in found["dropped"], "their names", found["dropped"])


@case("CL-MAP-report-model", "pairs-strict")
def name_of_the_target(env):
    """`report_model = "target"`: answers say what the model's server knows it by."""
    for target in ("openai", "anthropic", "vertex", "mistral", "bedrock"):
        wanted = next(item for item in _pairs.TARGETS if item.name == target)
        for api in APIS:
            for stream in (False, True):
                text = env.say(api, target, stream=stream)[2].text.replace(" ", "")
                name = "real" if wanted.passes == api else wanted.model
                truth(f'"model":"{name}"' in text or f'"modelVersion":"{name}"' in text, f"the name {name} for {api} at {target}", text)


@case("CL-MAP-report-client", "pairs")
def name_of_the_client(env):
    for target in SERVERS:
        name = env.names[target, next(item for item in _pairs.TARGETS if item.name == target).model]
        for api in APIS:
            for stream in (False, True):
                text = env.say(api, target, stream=stream)[2].text.replace(" ", "")
                truth(f'"model":"{name}"' in text or f'"modelVersion":"{name}"' in text, f"the name {name} for {api} at {target}", text)


PASSED = (("chat", "openai"), ("messages", "anthropic"), ("gemini", "vertex"))
FULL = {"text": "Hello.", "calls": [["a1", "f", {"x": 1}]], "usage": {"input": 12, "output": 7}}


@case("CL-MAP-passed-form", "pairs")
def other_form(env):
    """D36 where bytes pass as they are: a stream that nobody asked for, or one object for a stream; the client gets what it asked for."""
    for api, target in PASSED:
        dialect = next(item for item in _pairs.TARGETS if item.name == target).dialect
        for stream in (False, True):
            content_type, body = dialects.write(dialect, FULL, "real", not stream)
            found = env.say(api, target, stream=stream, reply=Reply(body=body, content_type=content_type))[0]
            equal((found["text"], found["calls"][0][1:], found["usage"]["input"], found["usage"]["output"], found["broken"]),
                  ("Hello.", ["f", {"x": 1}], 12, 7, False), f"{api} at {target}, stream {stream}")


@case("CL-MAP-passed-end", "pairs")
def end_of_passed(env):
    """D35 where bytes pass as they are: a stream that is whole without its end marker, or with another one, ends with the vendor's own.
    What only keeps a connection alive, in words that no client reads, does not pass."""
    for api, target in PASSED:
        dialect = next(item for item in _pairs.TARGETS if item.name == target).dialect
        content_type, body = dialects.write(dialect, {"text": "Hello."}, "real", True)
        bare = body.replace(b"data: [DONE]\n\n", b"")
        if b"event: message_stop" in bare:
            bare = bare[:bare.index(b"event: message_stop")]
        ping = b"" if api == "messages" else b"data: ping\n\ndata: null\n\n"
        for end in (b"", b"data: [DONE]\n\n", b"data:  [done] \n\n"):
            found = env.say(api, target, stream=True, reply=Reply(body=ping + bare + end, content_type=content_type))[0]
            equal((found["text"], found["broken"]), ("Hello.", False), f"{api} at {target}, ended with {end}")
