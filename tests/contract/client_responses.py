"""CL-RSP rows with every provider: OpenAI's Responses API in front of servers of each dialect."""
import json

from fakes.models import Reply
from harness.runner import case, equal, truth

from ._apis import sse
from ._pairs_env import sse_reply
from .client_openai import FINISH, USAGE, chunk

TARGETS = ("openai", "anthropic", "bedrock", "vertex", "mistral")


def events(response):
    return [(name, json.loads(data)) for name, data in sse(response)]


@case("CL-RSP-03", "pairs")
def silence(env):
    for target in TARGETS:
        found, _, response = env.say("responses", target, {}, {}, stream=True)
        equal((events(response)[-1][1]["response"]["output"], found["finish"]), ([], "completed"), f"nothing, by {target}")


@case("CL-RSP-04", "pairs")
def order(env):
    answer = {"reasoning": "hm", "signature": "c2lnbmVk", "text": "So.", "calls": [["call00001", "f", {}], ["call00002", "f", {"n": 1}]]}
    asked = {"reasoning": {"effort": "low", "summary": "auto"}, "tools": [{"type": "function", "name": "f", "parameters": None, "strict": None}]}
    for target in ("anthropic", "bedrock", "vertex", "mistral"):
        _, _, response = env.say("responses", target, asked, answer, stream=True)
        done = [data for name, data in events(response) if name == "response.output_item.done"]
        equal([(data["output_index"], data["item"]["type"]) for data in done],
              list(enumerate(["reasoning", "message", "function_call", "function_call"])), f"items of {target}")


@case("CL-RSP-08", "pairs")
def length(env):
    for target in TARGETS:
        _, _, response = env.say("responses", target, {}, {"text": "Hel", "finish": "length"}, stream=True)
        name, data = events(response)[-1]
        equal((name, data["response"]["incomplete_details"]), ("response.incomplete", {"reason": "max_output_tokens"}), target)


NAMESPACE = {"type": "namespace", "name": "files", "description": "", "tools": [
    {"type": "function", "name": "read", "parameters": {"type": "object"}, "strict": False}]}


NAMES = {
    "anthropic": lambda sent: sent["tools"][0]["name"],
    "mistral": lambda sent: sent["tools"][0]["function"]["name"],
    "bedrock": lambda sent: sent["toolConfig"]["tools"][0]["toolSpec"]["name"],
    "vertex": lambda sent: sent["tools"][0]["functionDeclarations"][0]["name"],
}


def asks_for_call(env, members, target, dialect_tool):
    """The namespace's tool goes out under one name and comes back as two."""
    _, sent, _ = env.say("responses", target, members, {"text": "x"})
    name = dialect_tool(sent)
    _, _, response = env.say("responses", target, members, {"calls": [["call00001", name, {"p": 1}]]})
    item = response.json()["output"][0]
    equal((name, item["name"], item.get("namespace"), json.loads(item["arguments"])), ("files__read", "read", "files", {"p": 1}), "the call")


@case("CL-RSP-13", "pairs")
def additional_tools(env):
    members = {"input": [{"type": "additional_tools", "role": "developer", "tools": [NAMESPACE]}, {"role": "user", "content": "q"}]}
    for target, name_of in NAMES.items():
        asks_for_call(env, members, target, name_of)


@case("CL-RSP-14", "pairs")
def namespaces(env):
    for target, name_of in NAMES.items():
        asks_for_call(env, {"tools": [NAMESPACE]}, target, name_of)


@case("CL-RSP-15-everywhere", "pairs")
def free_text(env):
    """A tool with plain text is a function at those who know no other; call and result of an earlier turn, too."""
    tool = {"type": "custom", "name": "apply_patch", "description": "d", "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}}
    patch = '*** "Begin"\n\u00e9'
    history = [{"role": "user", "content": "q"}, {"type": "custom_tool_call", "call_id": "call00001", "name": "apply_patch", "input": "*** old"},
               {"type": "custom_tool_call_output", "call_id": "call00001", "output": "done"}]
    for target in NAMES:
        for stream in (False, True):
            _, _, response = env.say("responses", target, {"tools": [tool], "input": history}, {"calls": [["call00002", "apply_patch", {"input": patch}]]}, stream)
            truth(b"start: X" in env.sent.body and b"*** old" in env.sent.body and b"done" in env.sent.body, f"tool and turn at {target}", env.sent.body)
            output = events(response)[-1][1]["response"]["output"] if stream else response.json()["output"]
            equal([(item["type"], item["name"], item["input"]) for item in output], [("custom_tool_call", "apply_patch", patch)], f"the call of {target}")
            if stream:
                pieces = "".join(data["delta"] for name, data in events(response) if name == "response.custom_tool_call_input.delta")
                equal(pieces, patch, f"pieces of {target}")


@case("CL-RSP-18", "pairs")
def instructions(env):
    members = {"instructions": "first", "input": [{"role": "developer", "content": "second"}, {"role": "user", "content": "q"}]}
    equal([message["content"] for message in env.say("responses", "openai", members)[1]["messages"]], ["first", "second", "q"], "in order")
    equal([part["text"] for part in env.say("responses", "anthropic", members)[1]["system"]], ["first", "second"], "of Claude")


@case("CL-RSP-19", "pairs")
def outputs(env):
    output = [{"type": "input_text", "text": "t"}, {"type": "input_image", "image_url": "data:image/png;base64,aGk="}]
    members = {"input": [{"role": "user", "content": "q"}, {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
                         {"type": "function_call_output", "call_id": "a", "output": output}]}
    result = env.say("responses", "anthropic", members)[1]["messages"][2]["content"][0]
    equal((result["tool_use_id"], [part["type"] for part in result["content"]]), ("a", ["text", "image"]), "the result")


@case("CL-RSP-20", "pairs")
def reasoning(env):
    foreign = {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": "aigw1.anthropic.c2VjcmV0"}
    members = {"input": [{"role": "user", "content": "q"}, foreign, {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]}
    found, sent, _ = env.say("responses", "openai", members)
    equal((found["status"], [message["role"] for message in sent["messages"]]), (200, ["user", "assistant", "user"]), "the turns")
    truth(b"aigw1" not in env.sent.body and b"c2VjcmV0" not in env.sent.body, "nothing foreign", env.sent.body)
    env.say("responses", "anthropic", {**members, "reasoning": {"effort": "low", "summary": "auto"}})
    truth(b'"signature":"secret"' in env.sent.body, "home to Claude", env.sent.body)


ITEMS = [{"role": "user", "content": "q"}, {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
         {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]},
         {"type": "function_call", "call_id": "call00001", "name": "f", "arguments": "{}"},
         {"type": "function_call", "call_id": "call00002", "name": "f", "arguments": "{}"},
         {"type": "function_call_output", "call_id": "call00002", "output": "two"},
         {"type": "function_call_output", "call_id": "call00001", "output": "one"}]


@case("CL-RSP-21", "pairs")
def one_turn(env):
    sent = env.say("responses", "openai", {"input": ITEMS})[1]["messages"]
    equal([message["role"] for message in sent], ["user", "assistant", "tool", "tool"], "turns of a chat")
    equal((sent[1]["content"], len(sent[1]["tool_calls"])), ("So.", 2), "the assistant's")
    equal([message["role"] for message in env.say("responses", "anthropic", {"input": ITEMS})[1]["messages"]],
          ["user", "assistant", "user"], "turns of Messages")


@case("CL-RSP-22", "pairs")
def other_order(env):
    sent = env.say("responses", "openai", {"input": ITEMS})[1]["messages"]
    equal({message["tool_call_id"]: message["content"] for message in sent[2:]}, {"call00001": "one", "call00002": "two"}, "of a chat")
    sent = env.say("responses", "vertex", {"input": ITEMS})[1]["contents"]
    truth(json.dumps(sent[2]).index("one") > 0, "of Gemini", sent)


@case("CL-RSP-23", "pairs")
def schema(env):
    asked = {"type": "json_schema", "name": "n", "strict": True, "schema": {"type": "object", "properties": {}}}
    sent = env.say("responses", "openai", {"text": {"format": asked}})[1]
    equal(sent["response_format"], {"type": "json_schema", "json_schema": {name: asked[name] for name in ("name", "strict", "schema")}},
          "nested for a chat")


@case("CL-RSP-24", "pairs")
def small_maximum(env):
    """OpenAI's own server of this API takes no less than 16, and so does its chat for a client of this API; others take what was asked."""
    for target, wanted in (("openai", 16), ("azure", 16), ("mistral", 5), ("anthropic", 5)):
        found, sent, _ = env.say("responses", target, {"max_output_tokens": 5})
        equal((found["status"], sent.get("max_tokens", sent.get("max_completion_tokens"))), (200, wanted), f"five tokens at {target}")
    equal(env.say("responses", "openai", {"max_output_tokens": 17})[1]["max_tokens"], 17, "more than the least")


@case("CL-RSP-26", "pairs")
def refusal(env):
    _, _, response = env.say("responses", "openai", {}, {"refusal": "I cannot."}, stream=True)
    found = events(response)
    equal("".join(data["delta"] for name, data in found if name == "response.refusal.delta"), "I cannot.", "deltas")
    equal(found[-1][1]["response"]["output"][0]["content"], [{"type": "refusal", "refusal": "I cannot."}], "the part")


@case("CL-RSP-27", "pairs")
def errors(env):
    for reply in (Reply(status=500, body={"error": {"message": "x", "type": None, "code": 7}}), Reply(status=400, body="<html>"),
                  Reply(status=429, body={})):
        error = env.say("responses", "openai", {}, reply=reply)[2].json()["error"]
        truth(isinstance(error["type"], str) and isinstance(error["code"], str) and error["message"], "texts", error)


@case("CL-RSP-30", "pairs")
def finish_twice(env):
    reply = sse_reply(chunk({"role": "assistant", "content": "a"}), FINISH, FINISH, chunk(usage=USAGE))
    _, _, response = env.say("responses", "openai", {}, stream=True, reply=reply)
    equal([name for name, _ in events(response)].count("response.completed"), 1, "ends")


@case("CL-RSP-31 CL-MAP-38", "pairs")
def citations(env):
    note = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "url": "https://a.example", "title": "A"}}
    message = {"role": "assistant", "content": "ab", "annotations": [note]}
    reply = Reply(body={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE})
    wanted = [{"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://a.example", "title": "A"}]
    part = env.say("responses", "openai", {}, reply=reply)[2].json()["output"][0]["content"][0]
    equal(part["annotations"], wanted, "in a whole answer")
    response = env.say("responses", "openai", {}, stream=True, reply=reply)[2]
    found = events(response)
    equal([data["annotation"] for name, data in found if name == "response.output_text.annotation.added"], wanted, "in a stream")
    equal(found[-1][1]["response"]["output"][0]["content"][0]["annotations"], wanted, "in its last event")
    # … and back in the history of another vendor: the text without its notes
    history = [{"role": "user", "content": "q"}, {"type": "message", "role": "assistant", "content": [part]}, {"role": "user", "content": "b"}]
    found, sent, _ = env.say("responses", "anthropic", {"input": history})
    equal((found["status"], sent["messages"][1]["content"][0]["text"]), (200, "ab"), "the next turn at Claude")


@case("CL-RSP-32", "pairs")
def accepted(env):
    members = {"client_metadata": {"a": "b"}, "context_management": [{"type": "compaction", "compact_threshold": 1000}],
               "moderation": {"model": "x"}, "include": ["reasoning.encrypted_content", "something.else"], "truncation": "disabled",
               "prompt_cache_key": "k", "service_tier": "auto", "metadata": {"a": "b"}, "store": False}
    for target in TARGETS:
        equal(env.say("responses", target, members)[0]["status"], 200, f"status of {target}")


@case("CL-RSP-05", "pairs")
def thoughts(env):
    """What an open model thinks is the thought itself; Claude and Gemini hand out summaries."""
    asked = {"reasoning": {"effort": "low", "summary": "auto"}}
    for target, is_raw in (("openai", True), ("mistral", True), ("anthropic", False), ("bedrock", False), ("vertex", False)):
        _, _, response = env.say("responses", target, asked, {"reasoning": "hm hm", "text": "So."}, stream=True)
        found = events(response)
        kind, other = ("reasoning_text", "reasoning_summary_text")[::1 if is_raw else -1]
        equal("".join(data["delta"] for name, data in found if name == f"response.{kind}.delta"), "hm hm", f"deltas of {target}")
        truth(not any(other in name for name, _ in found), f"nothing of the other kind by {target}", [name for name, _ in found])
        for item in (found[-1][1]["response"]["output"][0], env.say("responses", target, asked, {"reasoning": "hm hm", "text": "So."})[2].json()["output"][0]):
            equal((item["summary"], item.get("content")),
                  ([], [{"type": "reasoning_text", "text": "hm hm"}]) if is_raw else ([{"type": "summary_text", "text": "hm hm"}], None),
                  f"the item of {target}")
