"""CL-MAP-01-…: every API in front of every provider. What each cell sends and must see is data: pairs.json, and the providers'
own rows; how a client sends and reads is _apis.py, how a server answers fakes/dialects.py."""
import json

from fakes import dialects
from fakes.models import Reply
from harness.runner import Failure, add_case, equal, short, truth

from . import _pairs
from ._apis import APIS
from ._pairs_env import SERVER_KEY

# Members that say how to answer, and the room for it, which one API must name and others need not.
FORM = {"model", "stream", "stream_options", "anthropic_version"}
ROOM = {"max_tokens", "max_completion_tokens", "maxTokens", "maxOutputTokens", "inferenceConfig", "generationConfig"}


# -- what the server was sent ----------------------------------------------------------------------------------------

def no_arguments(schema):
    """A tool without any may say so in several ways, or say nothing."""
    schema = schema.get("json", schema) if isinstance(schema, dict) else schema
    return schema == {"type": "object"} or schema == {"type": "object", "properties": {}}


def same(found, wanted, exact, ignored, at="body"):
    """The first difference, or None. Text that is JSON is compared as JSON."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        wanted, found = ({name: value for name, value in item.items() if name not in ignored and not no_arguments(value)}
                         for item in (wanted, found))
        names, more = list(wanted), [name for name in found if name not in wanted] if exact else []
        if more:
            return f"{at}: no {', '.join(more)}"
        for name in names:
            if name not in found:
                return f"{at}: {name}"
            differs = same(found[name], wanted[name], exact, ignored, f"{at}.{name}")
            if differs:
                return differs
        return None
    if isinstance(wanted, list) and isinstance(found, list):
        if len(found) != len(wanted):
            return f"{at}: {len(wanted)} of them"
        return next((differs for i, pair in enumerate(zip(found, wanted)) if (differs := same(*pair, exact, ignored, f"{at}[{i}]"))), None)
    if isinstance(wanted, str) and isinstance(found, str) and wanted[:1] == "{":
        return None if json.loads(wanted) == json.loads(found) else f"{at}: {wanted}"
    return None if found == wanted else f"{at}: {short(wanted, 120)}"


def check_sent(feature, api, target, cell, sent, body):
    if cell.passed:
        wanted, ignored = body, FORM
    else:
        wanted, ignored = cell.body, FORM | set(feature.loose.get(api.name, ()))
        if wanted is None:
            return
        if feature.id != "M-max-tokens":
            ignored = ignored | (ROOM if feature.send[api.name].get("generationConfig") is None else ROOM - {"generationConfig"})
            ignored = ignored - ({"generationConfig", "inferenceConfig"} & set(wanted))
    differs = same(sent.json(), wanted, cell.exact or cell.passed, ignored)
    if differs:
        raise Failure(f"at the server {differs}", short(sent.body.decode(), 700))
    text = sent.body.decode()
    for word in feature.words:
        truth(word in text, f"{word!r} at the server", text)


# -- what the client was told ----------------------------------------------------------------------------------------

def check_back(feature, api, target, answer):
    wanted = dict(feature.back.get(api.name, feature.back) if api.name in feature.back else feature.back)
    if target.dialect is None:
        truth(answer["text"] or answer["calls"], "something of mock", dict(answer))
        return
    if wanted.pop("broken", False):
        truth(answer["broken"] and answer["error"] and answer["error"]["message"], "a failure at the end", dict(answer))
        return
    if "said" in wanted:
        equal(answer["text"] + answer["refusal"], wanted.pop("said"), "what was said")
    if "choices" in wanted:
        equal([text for _, text in sorted(answer["choices"].items())], wanted.pop("choices"), "choices")
    if wanted.pop("logprobs", False):
        truth(answer["logprobs"], "logprobs", dict(answer))
    if "finish" in wanted:
        equal(answer["finish"], api.finishes[wanted.pop("finish")], "finish")
    if "usage" in wanted:
        unsaid = set(feature.unsaid.get(target.dialect, ()))
        usage = {name: count for name, count in wanted.pop("usage").items() if name in answer["usage"] and name not in unsaid}
        equal({name: answer["usage"][name] for name in usage}, usage, "usage")
    for name, value in wanted.items():
        equal(answer[name], value, name)


def check_error(feature, api, target, cell, answer, response, wait=""):
    kind = feature.error or "unsupported"
    status = api.errors[kind][0]
    equal(answer["status"], status, f"status ({response.text[:200]})")
    truth(api.is_error(answer["error"], kind), f"an error that says {kind}", answer["error"])
    truth(len(answer["error"]["message"]) > 5, "words", answer["error"])
    if wait:
        equal(response.header("retry-after"), wait, "retry-after")
    if status in (400, 404):
        equal(response.header("x-should-retry", "false"), "false", "x-should-retry")
    if kind == "unsupported" and cell.refused:
        truth(cell.refused.lower() in answer["error"]["message"].lower(), f"the words {cell.refused!r}", answer["error"]["message"])


# -- the cells -------------------------------------------------------------------------------------------------------

def run_error(env, feature, api, target, cell, stream):
    status, headers, body, wait = feature.failure(target, env.rows)
    reply = Reply(status=status, body=body, headers=tuple(headers))
    answer, _, _, response = env.ask(api, target, cell.model, feature.send[api.name], reply, stream)
    check_error(feature, api, target, cell, answer, response, wait)
    truth(SERVER_KEY not in response.text, "no key of ours", response.text)


def run_cell(env, feature, api, target, cell, stream):
    kind, written = target.dialect and dialects.write(target.dialect, feature.answer, cell.model, stream) or (None, b"")
    reply = Reply(body=written, content_type=kind)
    answer, sent, body, response = env.ask(api, target, cell.model, feature.send[api.name], reply, stream)
    if cell.refused is not None or (target.dialect is None and response.status == 400):
        equal(sent, None, "requests at the server")
        check_error(feature, api, target, cell, answer, response)
        return
    equal(response.status, 200, f"status ({response.text[:300]})")
    if target.dialect:
        equal(answer["dropped"], cell.dropped, "x-aigw-dropped")
        check_sent(feature, api, target, cell, sent, body)
    check_back(feature, api, target, answer)
    if feature.turns and target.dialect:
        run_turns(env, feature, api, target, cell, answer)


def run_turns(env, feature, api, target, cell, answer):
    """What the model thought goes back home with its signature; to anybody else it does not."""
    signature = feature.answer["signature"]
    members = {**feature.send[api.name], **api.history(answer)}
    has = target.dialect != "chat" and (api.name != "chat" or target.dialect == "gemini")
    for other in (item for item in _pairs.TARGETS if item.dialect):
        at_home = other.dialect == target.dialect
        kind, written = dialects.write(other.dialect, {"text": "Sunny."}, other.model, False)
        found, sent, _, response = env.ask(api, other, feature.cell(api.name, other, env.rows).model, members,
                                           Reply(body=written, content_type=kind), False)
        equal((response.status, found["text"]), (200, "Sunny."), f"the next turn at {other.name} ({response.text[:300]})")
        text = sent.body.decode()
        if api.name == "chat" and other.passes == "chat":
            continue  # extra_content of Google's own server of this dialect: some servers want it, no mark of ours is in it
        truth("aigw1" not in text, f"no mark of ours at {other.name}", text)
        if at_home and has:
            truth(signature in text, f"the signature back home at {other.name}", text)
        elif not at_home:
            truth(signature not in text, f"no foreign signature at {other.name}", text)


def pair(feature, api):
    def run(env):
        failed, cells = [], 0
        for target in _pairs.TARGETS:
            cell = feature.cell(api.name, target, env.rows)
            for stream in (False, True):
                if (feature.only == "stream" and not stream) or (target.dialect is None and (feature.error or feature.only)):
                    continue
                cells += 1
                try:
                    (run_error if feature.error else run_cell)(env, feature, api, target, cell, stream)
                except Exception as err:  # one cell that fails must not hide the others
                    failed.append(f"{target.name}{', streamed' if stream else ''}: {err if isinstance(err, Failure) else repr(err)}")
        if failed:
            raise Failure(f"all {cells} pairs", "\n    ".join(failed))
    return run


for _feature in _pairs.load():
    for _name in _feature.apis():
        add_case(f"CL-MAP-01-{_feature.id}-{_name}", "pairs", pair(_feature, APIS[_name]), __name__)
