"""CL-ANT rows with every provider: Anthropic's Messages in front of servers of each dialect."""
from fakes.models import Reply
from harness.runner import case, equal, truth

from ._pairs_env import sse_reply
from .client_openai import FINISH, chunk

OTHERS = ("openai", "bedrock", "vertex", "mistral")
TOOL = {"name": "f", "input_schema": {"type": "object"}}
VERSION = "anthropic-version"


@case("CL-ANT-05", "pairs")
def new_version(env):
    for members in ({"temperature": 0.5}, {"top_p": 0.5}, {"top_k": 5}):
        found, sent, _ = env.say("messages", "anthropic", members, headers={VERSION: "2026-10-21"})
        equal(found["status"], 200, "status")
        truth(env.sent.header(VERSION) != "2026-10-21" or not set(members) & set(sent), "no sampling under that version",
              (env.sent.header(VERSION), sent))
    env.say("messages", "anthropic", {}, headers={VERSION: "2026-10-21"})
    equal(env.sent.header(VERSION), "2026-10-21", "the version without sampling")


@case("CL-ANT-09", "pairs")
def long_ids(env):
    ids = ["call:1." + "x" * 70, "call:2/" + "y" * 70]
    found, _, _ = env.say("messages", "openai", {"tools": [TOOL]}, {"calls": [[ids[0], "f", {}], [ids[1], "f", {"n": 1}]]}, stream=True)
    equal([call[1:] for call in found["calls"]], [["f", {}], ["f", {"n": 1}]], "both calls")
    results = [{"type": "tool_result", "tool_use_id": call[0], "content": f"r{i}"} for i, call in enumerate(found["calls"])]
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": found.turn}, {"role": "user", "content": results}]
    sent = env.say("messages", "openai", {"tools": [TOOL], "messages": talk})[1]["messages"]
    equal([(call["id"], result["content"]) for call, result in zip(sent[1]["tool_calls"], sent[2:])],
          [(sent[2]["tool_call_id"], "r0"), (sent[3]["tool_call_id"], "r1")], "results of their calls")


@case("CL-ANT-10", "pairs")
def system_in_place(env):
    talk = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"},
            {"role": "system", "content": "note", "output_config": {"effort": "low"}}]
    sent = env.say("messages", "openai", {"messages": talk}, model="o3-mini")[1]
    equal(sent["reasoning_effort"], "low", "the effort")
    truth("note" in str(sent["messages"][-1]), "the note in its place", sent["messages"])
    truth("note" not in str(env.say("messages", "bedrock", {"messages": talk})[1].get("system")), "not at the top", env.sent.body)


@case("CL-ANT-12", "pairs")
def billing(env):
    system = [{"type": "text", "text": "x-anthropic-billing-header: cc_version=1"}, {"type": "text", "text": "Be brief."}]
    for target in OTHERS:
        env.say("messages", target, {"system": system})
        truth(b"billing" not in env.sent.body and b"Be brief." in env.sent.body, f"what {target} was sent", env.sent.body)
    env.say("messages", "anthropic", {"system": system})
    truth(b"billing" in env.sent.body, "the header at Claude", env.sent.body)


@case("CL-ANT-13", "pairs")
def adaptive(env):
    for target in OTHERS:
        found, _, _ = env.say("messages", target, {"thinking": {"type": "adaptive"}}, {"reasoning": "hm", "text": "So."}, stream=True)
        equal((found["reasoning"], found["text"]), ("hm", "So."), f"thoughts of {target}")
        found, _, _ = env.say("messages", target, {"thinking": {"type": "adaptive", "display": "omitted"}},
                              {"reasoning": "hm", "text": "So."}, stream=True)
        equal((found["reasoning"], found["text"]), ("", "So."), f"no thoughts of {target}")


@case("CL-ANT-14", "pairs")
def unsigned(env):
    _, _, response = env.say("messages", "openai", {}, {"reasoning": "hm", "text": "So."}, stream=True)
    truth('"signature_delta"' not in response.text and '"thinking":"","signature":""' in response.text, "an unsigned block", response.text)
    block = env.say("messages", "openai", {}, {"reasoning": "hm", "text": "So."})[2].json()["content"][0]
    equal(block, {"type": "thinking", "thinking": "hm", "signature": ""}, "the whole block")


THINK = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


@case("CL-ANT-15", "pairs")
def unsigned_home(env):
    """A server without signatures answered earlier turns: Claude would refuse its thoughts."""
    talk = [{"role": "user", "content": "q"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "So."}]},
            {"role": "user", "content": "go on"}]
    sent = env.say("messages", "anthropic", {**THINK, "messages": talk})[1]["messages"]
    equal(([turn["role"] for turn in sent], [part["type"] for part in sent[1]["content"]]), (["user", "assistant", "user"], ["text"]),
          "turns without thoughts")


@case("CL-ANT-16 CL-ANT-17", "pairs")
def signed_home(env):
    blocks = [{"type": "thinking", "thinking": "hm \u00e9", "signature": "EqQB+/="}, {"type": "redacted_thinking", "data": "EmwK+/="},
              {"type": "text", "text": "So."}]
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": blocks}, {"role": "user", "content": "go on"}]
    for target in ("anthropic", "vertex (Claude)"):
        sent = env.say("messages", target, {**THINK, "messages": talk})[1]
        equal(sent["messages"][1]["content"], blocks, f"the blocks at {target}")
    for target in OTHERS:
        found, _, _ = env.say("messages", target, {**THINK, "messages": talk})
        truth(found["status"] == 200 and b"EqQB" not in env.sent.body and b"EmwK" not in env.sent.body, f"nothing of them at {target}",
              env.sent.body)


@case("CL-ANT-19", "pairs")
def lost_result(env):
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}
    for talk in ([{"role": "user", "content": [result]}],
                 [{"role": "user", "content": "q"}, {"role": "assistant", "content": [call]}, {"role": "user", "content": "wait"},
                  {"role": "assistant", "content": "ok"}, {"role": "user", "content": [result]}],
                 [{"role": "user", "content": "q"}, {"role": "assistant", "content": [call]}, {"role": "user", "content": "wait"},
                  {"role": "user", "content": [result]}]):
        found, sent, _ = env.say("messages", "openai", {"messages": talk, "tools": [TOOL]})
        equal((found["status"], sent), (400, None), "refused")
        truth("toolu_1" in found["error"]["message"], "its id", found["error"])


@case("CL-ANT-nothing-lost", "pairs")
def nothing_lost(env):
    """A turn of which nothing is left stays a turn; tools that were found are named; a file that only Anthropic has is no silent loss."""
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_01", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": [{"type": "tool_reference", "tool_name": "Read"}]}]}]
    for target in OTHERS:
        for content in ("", [], [{"type": "hologram", "x": 1}]):
            found, sent, response = env.say("messages", target, {"messages": [{"role": "user", "content": content}]})
            turns = sent and (sent.get("messages") or sent.get("contents"))
            truth(found["status"] == 200 and turns and turns[0]["role"] == "user", f"a turn of {content} at {target}", (response.text[:200], sent))
        found, _, _ = env.say("messages", target, {"messages": talk, "tools": [TOOL]})
        equal((found["status"], found["dropped"]), (200, []), f"a reference at {target}")
        truth(b"The tool Read is available now." in env.sent.body, f"its words at {target}", env.sent.body)
        found, sent, _ = env.say("messages", target, {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]})
        equal((found["status"], sent), (400, None), f"an upload at {target}")


@case("CL-ANT-tiers", "pairs")
def tiers(env):
    for tier, wanted in (("standard_only", "default"), ("auto", "auto"), ("hologram", None)):
        found, sent, _ = env.say("messages", "openai", {"service_tier": tier})
        equal((sent.get("service_tier"), found["dropped"]), (wanted, [] if wanted else ["service_tier"]), f"{tier} at OpenAI")


@case("CL-ANT-effort-everywhere", "pairs")
def effort(env):
    """Claude Code says it in every request; OpenAI's older models refuse to hear of it."""
    for model, wanted in (("gpt-4.1", None), ("o3-mini", "low")):
        found, sent, _ = env.say("messages", "openai", {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}, model=model)
        equal((found["status"], sent.get("reasoning_effort"), found["dropped"]), (200, wanted, [] if wanted else ["output_config.effort"]), model)


@case("CL-ANT-22", "pairs")
def stop_text(env):
    """OpenAI's servers do not say which text it was; Claude does."""
    for target, wanted in (("openai", ("end_turn", None)), ("anthropic", ("stop_sequence", "END")), ("vertex (Claude)", ("stop_sequence", "END"))):
        body = env.say("messages", target, {"stop_sequences": ["END"]}, {"text": "a", "finish": "stop_sequence"})[2].json()
        equal((body["stop_reason"], body["stop_sequence"]), wanted, f"the end at {target}")


@case("CL-ANT-28", "pairs")
def not_streamed(env):
    for stream in (True, False):
        found, _, response = env.say("messages", "openai", {"stream": stream}, {"text": "a"}, stream=stream)
        equal((found["text"], (response.header("content-type") or "").startswith("text/event-stream")), ("a", stream), f"stream {stream}")


@case("CL-ANT-32", "pairs")
def marks(env):
    mark = {"cache_control": {"type": "ephemeral"}}
    talk = [{"role": "user", "content": [{"type": "text", "text": str(i), **mark} for i in range(5)]}]
    sent = env.say("messages", "bedrock", {"messages": talk})[1]["messages"][0]["content"]
    equal([list(part)[0] for part in sent], ["text"] + ["text", "cachePoint"] * 4, "the last four")


@case("CL-ANT-33 CL-ANT-34", "pairs")
def media(env):
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}
    for target, word in (("openai", "file_data"), ("vertex", "inlineData"), ("bedrock", '"document"'), ("mistral", "document_url")):
        env.say("messages", target, {"messages": [{"role": "user", "content": [document, {"type": "text", "text": "q"}]}]})
        truth(word in env.sent.body.decode(), f"a document in the form of {target}", env.sent.body)
    picture = {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}
    found, sent, _ = env.say("messages", "bedrock", {"messages": [{"role": "user", "content": [picture]}]})
    equal((found["status"], sent), (400, None), "a URL at Bedrock")
    truth("base64" in found["error"]["message"], "what to send instead", found["error"])


@case("CL-ANT-36", "pairs")
def silence(env):
    for target in OTHERS:
        body = env.say("messages", target, {}, {})[2].json()
        equal((body["content"], body["stop_reason"], body["usage"]["output_tokens"]), ([], "end_turn", 7), f"nothing, by {target}")


@case("CL-ANT-37", "pairs")
def refusal(env):
    found, _, _ = env.say("messages", "openai", {}, {"refusal": "I cannot."}, stream=True)
    equal((found["text"], found["finish"]), ("I cannot.", "refusal"), "a refusal")


@case("CL-ANT-38", "pairs")
def quick_errors(env):
    error = {"error": {"message": "busy", "type": "overloaded_error", "code": "overloaded"}}
    for reply in (Reply(status=503, body=error), Reply(body=b'data: {"error":{"message":"overloaded","code":503}}\n\n', content_type="text/event-stream")):
        found, _, _ = env.say("messages", "openai", {}, stream=True, reply=reply)
        equal((found["status"], found["error"]["type"]), (529, "overloaded_error"), "an honest status")
    found, _, _ = env.say("messages", "openai", {}, stream=True, reply=sse_reply(chunk({"content": "a"}), FINISH))
    equal(found["text"], "a", "an answer")
