"""CL-GEM rows with every provider: Google's generateContent in front of servers of each dialect."""
import base64
import json
import re

from fakes.models import Reply
from harness.runner import case, equal, truth

from ._apis import APIS

OTHERS = ("openai", "anthropic", "bedrock", "mistral")


def talk(*turns):
    return {"contents": [{"role": role, "parts": parts if isinstance(parts, list) else [parts]} for role, parts in turns]}


@case("CL-GEM-05", "pairs")
def schemas(env):
    lower = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}}}}
    upper = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "ARRAY", "items": {"type": "INTEGER"}}}}
    for member, schema in (("parameters", lower), ("parameters", upper), ("parametersJsonSchema", lower), ("parameters_json_schema", lower)):
        tools = {"tools": [{"functionDeclarations": [{"name": "f", member: schema}]}]}
        equal(env.say("gemini", "openai", tools)[1]["tools"][0]["function"]["parameters"], lower, f"{member} for a chat")
        equal(env.say("gemini", "anthropic", tools)[1]["tools"][0]["input_schema"], lower, f"{member} for Claude")


@case("CL-GEM-spelling", "pairs")
def spelling(env):
    """What Google's own server reads, in either spelling of a name: numbers in quotes, null for absent, one content without its list."""
    asked = {"contents": {"parts": {"text": "hi"}}, "system_instruction": "brief", "generation_config": {
        "temperature": "0.5", "max_output_tokens": "9", "topK": 20.0, "stop_sequences": None, "thinkingConfig": {"thinking_budget": "0"}}}
    sent = env.say("gemini", "anthropic", asked)[1]
    equal((sent["temperature"], sent["max_tokens"], sent["top_k"], sent["system"][0]["text"], sent["messages"][0]["content"][0]["text"]),
          (0.5, 9, 20, "brief", "hi"), "what Claude was sent")
    for bad, where in (({"contents": [{"parts": [{"text": "a"}]}, {"parts": [{"text": "b"}, {"text": 5}]}]}, "contents[1].parts[1].text"),
                       ({"contents": [{"role": "pope", "parts": []}]}, "contents[0].role"),
                       ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
                       ({"contents": ["x"]}, "contents[0]"), ({"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
                       ({"generationConfig": {"candidate_count": 9}}, "generationConfig.candidateCount"),
                       ({"generation_config": {"thinkingConfig": {"thinking_budget": -7}}}, "generationConfig.thinkingConfig.thinkingBudget"),
                       ({"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}, {"name": 5}]}]},
                        "tools[1].functionDeclarations[1].name")):
        found, sent, _ = env.say("gemini", "anthropic", bad)
        equal((found["status"], sent), (400, None), f"status of {bad}")
        truth(found["error"]["message"].startswith(where + ":"), f"the place {where}", found["error"])


@case("CL-GEM-06", "pairs")
def ids(env):
    for api in ("chat", "messages", "responses"):
        found, _, _ = env.say(api, "vertex", {}, {"calls": [["", "f", {"n": 1}], ["", "f", {"n": 2}]]})
        names = [call[0] for call in found["calls"]]
        truth(all(names) and len(set(names)) == 2, f"two ids for {api}", names)
        sent = env.say(api, "vertex", APIS[api].history(found))[1]["contents"]
        equal([part["functionCall"]["args"] for part in sent[1]["parts"] if "functionCall" in part], [{"n": 1}, {"n": 2}], "calls back")
        equal(len([part for part in sent[2]["parts"] if "functionResponse" in part]), 2, "their results")


@case("CL-GEM-07", "pairs")
def order(env):
    calls = [{"functionCall": {"name": "f", "args": {"n": n}}} for n in (1, 2)]
    results = [{"functionResponse": {"name": "f", "response": {"output": word}}} for word in ("one", "two")]
    sent = env.say("gemini", "openai", talk(("user", {"text": "q"}), ("model", calls), ("user", results)))[1]["messages"]
    equal({call["id"]: json.loads(call["function"]["arguments"])["n"] for call in sent[1]["tool_calls"]},
          {sent[2]["tool_call_id"]: 1, sent[3]["tool_call_id"]: 2}, "calls and their results")
    equal([message["content"] for message in sent[2:]], ["one", "two"], "the results")


@case("CL-GEM-10", "pairs")
def signatures(env):
    signature = base64.b64encode(b"signed by Gemini").decode()
    parts = [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": signature}]
    result = {"functionResponse": {"name": "f", "response": {"output": "x"}}}
    sent = env.say("gemini", "vertex", talk(("user", {"text": "q"}), ("model", parts), ("user", result)))[1]
    equal(sent["contents"][1]["parts"], parts, "the same part (as it is)")
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    chat = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": "x"}]}
    sent = env.say("chat", "vertex", chat, model="gemini-3-pro")[1]["contents"][1]["parts"][0]
    equal(sent["thoughtSignature"], "skip_thought_signature_validator", "what stands for one that a client lost")
    call["extra_content"] = {"google": {"thought_signature": signature}}
    equal(env.say("chat", "vertex", chat, model="gemini-3-pro")[1]["contents"][1]["parts"][0]["thoughtSignature"], signature, "one that it kept")


@case("CL-GEM-11", "pairs")
def thinking(env):
    for config, wanted in (({"thinkingBudget": 0}, "none"), ({"thinkingBudget": -1}, None), ({"thinkingLevel": "HIGH"}, "high"),
                           ({"thinkingLevel": "low"}, "low"), ({"thinkingBudget": 2048}, "low"), ({"thinking_budget": 16384}, "high")):
        sent = env.say("gemini", "openai", {"generationConfig": {"thinkingConfig": config}}, model="o3-mini")[1]
        equal(sent.get("reasoning_effort"), wanted, f"effort for {config}")


@case("CL-GEM-12", "pairs")
def hidden(env):
    for target in OTHERS:
        for config, wanted in (({"includeThoughts": False}, ""), ({}, ""), ({"includeThoughts": True}, "hm")):
            found, _, _ = env.say("gemini", target, {"generationConfig": {"thinkingConfig": config}}, {"reasoning": "hm", "text": "So."}, stream=True)
            equal((found["reasoning"], found["text"]), (wanted, "So."), f"{config} at {target}")


@case("CL-GEM-13", "pairs")
def candidates(env):
    for target in ("anthropic", "bedrock"):
        found, sent, _ = env.say("gemini", target, {"generationConfig": {"candidateCount": 2}})
        equal((found["status"], found["error"]["type"], sent), (400, "INVALID_ARGUMENT", None), f"two answers of {target}")


@case("CL-GEM-14", "pairs")
def pictures(env):
    asked = talk(("user", [{"text": "q"}, {"fileData": {"fileUri": "https://a.example/b.png", "mimeType": "image/png"}}]))
    equal(env.say("gemini", "openai", asked)[1]["messages"][0]["content"][1]["image_url"]["url"], "https://a.example/b.png", "of a chat")
    equal(env.say("gemini", "anthropic", asked)[1]["messages"][0]["content"][1]["source"], {"type": "url", "url": "https://a.example/b.png"},
          "of Claude")


@case("CL-MAP-base64", "pairs")
def alphabets(env):
    """Google's SDK for Python writes the URL's alphabet, others break lines or leave the padding away: servers take the usual form only."""
    data = b"\xff\xfe\xfd\xfb\x00h"
    usual = base64.b64encode(data).decode()
    for given in (usual, base64.urlsafe_b64encode(data).decode(), usual[:4] + "\n" + usual[4:], base64.urlsafe_b64encode(data[:4]).decode().rstrip("=")):
        wanted = usual if len(given) >= 8 else base64.b64encode(data[:4]).decode()
        parts = {"gemini": talk(("user", [{"inlineData": {"mimeType": "image/png", "data": given}}])),
                 "chat": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{given}"}}]}]},
                 "messages": {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": given}}]}]}}
        for api, members in parts.items():
            for target in ("mistral", "bedrock", *(() if api == "messages" else ("anthropic",)), *(() if api == "chat" else ("openai",))):
                env.say(api, target, members)
                found = re.search(r'[",](' + re.escape(wanted) + r')"', env.sent.body.decode().replace("\\/", "/"))
                truth(found, f"{given!r} of {api} as {target} takes it", env.sent.body)


@case("CL-GEM-left-out", "pairs")
def left_out(env):
    """However deep it stands: what another vendor has no place for is named, member by member; defaults are not worth a word."""
    said = {"systemInstruction": {"parts": [{"text": "s", "inSystemPart": 1}], "inSystem": 1}, "atTop": 1, "contents": [
        {"role": "user", "inContent": 1, "parts": [{"text": "q", "inPart": 1, "thought": False}]},
        {"role": "model", "parts": [{"functionCall": {"id": "x", "name": "f", "args": {}, "inCall": 1, "willContinue": False}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "x", "name": "f", "response": {"output": "r"}, "inResponse": "SILENT", "parts": []}},
                                   {"inlineData": {"mimeType": "image/png", "data": "aGk=", "inData": {"a": 1}}}]}],
            "generationConfig": {"inConfig": 1, "responseModalities": ["TEXT"], "thinkingConfig": {"includeThoughts": True, "inThinking": 1}},
            "toolConfig": {"inToolConfig": 1, "functionCallingConfig": {"mode": "AUTO", "inCalling": True, "allowedFunctionNames": []}},
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}, {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}]}
    wanted = sorted(["inSystemPart", "inSystem", "atTop", "inContent", "inPart", "inCall", "inResponse", "inData", "inConfig", "inThinking",
                     "inToolConfig", "inCalling"])
    for target in ("openai", "anthropic", "mistral", "bedrock"):
        found, _, response = env.say("gemini", target, said)
        equal((found["status"], found["dropped"]), (200, wanted), f"what {target} has no place for ({response.text[:200]})")
    stricter = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_LOW_AND_ABOVE"}]
    equal(env.say("gemini", "openai", {"safetySettings": stricter})[0]["dropped"], ["safetySettings"], "settings that ask for more")
    equal(env.say("gemini", "openai", {"systemInstruction": {}})[0]["status"], 200, "instructions that say nothing")
    reply = Reply(body={"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]})
    found, _, _ = env.say("gemini", "openai", {"requests": [{"model": "models/e", "content": {"parts": [{"text": "a"}]}, "title": "t", "autoTruncate": True}]},
                          reply=reply, kind="embedding", model="text-embedding-3-small")
    equal((found["vectors"], found["dropped"]), ([[0.5]], ["autoTruncate", "title"]), "of a text to be embedded")


@case("CL-GEM-only-Google", "pairs")
def only_google(env):
    """Pictures as the answer, and files that Google keeps: nobody else can do it, and says so before it is asked."""
    rows = [({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}, "responseModalities")]
    rows += [(talk(("user", [{"fileData": {"fileUri": uri, "mimeType": "application/pdf"}}])), "fileUri") for uri in (
        "gs://b/a.pdf", "https://generativelanguage.googleapis.com/v1beta/files/abc")]
    for members, name in rows:
        for target in ("openai", "anthropic", "mistral"):
            found, sent, _ = env.say("gemini", target, members)
            equal((found["status"], sent), (400, None), f"{name} at {target}")
            truth(found["error"]["message"].startswith(name + ":"), f"words about {name}", found["error"])
        equal(env.say("gemini", "vertex", members)[0]["status"], 200, f"{name} at Google's own")


@case("CL-MAP-files-of-others", "pairs")
def files(env):
    """An upload's number means something to who keeps it only."""
    rows = (("chat", {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}, ("anthropic", "vertex", "mistral"), "openai"),
            ("responses", {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}, ("anthropic", "vertex", "mistral"), "openai"),
            ("messages", {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "file_1"}}]}]},
             ("openai", "vertex", "mistral"), "vertex (Claude)"))
    for api, members, others, own in rows:
        for target in others:
            found, sent, _ = env.say(api, target, members)
            equal((found["status"], sent), (400, None), f"a file of {api} at {target}")
            truth(found["error"]["message"].startswith("file_id:"), "words about it", found["error"])
        truth(env.say(api, own, members)[0]["status"] == 200 and b"file" in env.sent.body, f"… and at {own}", env.sent and env.sent.body)


@case("CL-GEM-schema-alone", "pairs")
def schema_alone(env):
    """A schema without its media type is meant all the same; numbers of a schema may stand in quotes."""
    schema = {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "1", "max_items": 3.0}}}
    sent = env.say("gemini", "openai", {"generationConfig": {"responseSchema": schema}})[1]
    equal(sent["response_format"]["json_schema"]["schema"]["properties"]["a"], {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
          "the schema")


@case("CL-GEM-15-forms", "pairs")
def responses(env):
    call = ("model", {"functionCall": {"name": "f", "args": {}}})
    for response, wanted in (({"output": "x"}, "x"), ({"result": "x"}, "x"), ({"content": "x"}, "x"), ({"error": "x"}, "x"),
                             ({"a": 1, "b": [2]}, {"a": 1, "b": [2]}), ({"output": {"a": 1}}, {"a": 1}), ({}, {})):
        result = ("user", {"functionResponse": {"name": "f", "response": response}})
        text = env.say("gemini", "mistral", talk(("user", {"text": "q"}), call, result))[1]["messages"][2]["content"]
        found = text.removeprefix("Error: ") if isinstance(wanted, str) else json.loads(text)
        truth(found == wanted or found == response, f"{wanted} for {response}", text)


@case("CL-GEM-21", "pairs")
def filtered(env):
    for target in OTHERS:
        found, _, _ = env.say("gemini", target, {}, {"text": "Hel", "finish": "filter"}, stream=True)
        equal(found["finish"], "SAFETY", f"the end by {target}")
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}
    equal(env.say("gemini", "vertex", {}, reply=Reply(body=blocked))[2].json()["promptFeedback"], {"blockReason": "SAFETY"}, "as it is")
    found, _, _ = env.say("chat", "vertex", {}, reply=Reply(body=blocked))
    equal((found["status"], found["error"]["code"]), (400, "content_policy_violation"), "for a chat")


@case("CL-GEM-22", "pairs")
def cached(env):
    found, sent, _ = env.say("gemini", "openai", {"cachedContent": "cachedContents/x"})
    equal((found["status"], sent), (400, None), "a cache that another vendor has")
    truth("cachedContent" in found["error"]["message"], "its name", found["error"])


@case("CL-GEM-24", "pairs")
def result_parts(env):
    parts = [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]
    result = {"functionResponse": {"id": "a", "name": "f", "response": {"output": "seen"}, "parts": parts}}
    asked = talk(("user", {"text": "q"}), ("model", {"functionCall": {"id": "a", "name": "f", "args": {}}}), ("user", result))
    equal(env.say("gemini", "vertex", asked)[1]["contents"][2]["parts"], [result], "as it is")
    truth("aGk=" in json.dumps(env.say("gemini", "anthropic", asked)[1]["messages"][2]), "the picture at Claude", env.sent.body)
