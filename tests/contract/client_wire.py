"""CL rows: what clients write in other ways than the documentation, and what of their own spelling they get to read."""
import json
from urllib.parse import quote

from fakes import dialects
from fakes.models import Reply
from harness.runner import case, equal, fixture, truth

from ._apis import sse as sse_events
from ._client_env import CHAT, KEY, MESSAGES, chat, message, sha
from ._env import Env
from ._pairs import TARGETS
from ._pairs_env import KEY as PAIRS_KEY

ASK = {"contents": [{"parts": [{"text": "hi"}]}]}
ASKED = {"role": "user", "content": "q"}
GENERATE = "/v1beta/models/gpt:generateContent"
PAGE = {"Origin": "https://page.test"}


def opened(response):
    """The headers that a page may read."""
    return set((response.header("access-control-expose-headers") or "").split(", "))


@case("CL-CORS-headers", "client-apis")
def headers_for_pages(env):
    """A page's SDK reads its request's number and how long to wait: of answers, streams and refusals, of each API."""
    limited = Reply(status=429, headers=(("Retry-After", "3"),))
    for path, body, reply, status, more in (
            (CHAT, chat(), None, 200, set()), (CHAT, chat(stream=True), None, 200, set()), (MESSAGES, message(stream=True), None, 200, set()),
            (MESSAGES, message(), limited, 429, {"retry-after", "retry-after-ms"}), (CHAT, "[", None, 400, {"x-should-retry"}),
            (CHAT, chat("claude", seed=1), None, 200, {"x-aigw-dropped"}), (GENERATE, ASK, None, 200, set()),
            ("/v1/messages/batches", {}, None, 404, {"x-should-retry"}), (CHAT, chat("nobody"), None, 404, {"x-should-retry"})):
        response = env.ask(path, body, *([reply] if reply else []), headers=PAGE)
        equal(response.status, status, f"status of {path} ({response.text[:200]})")
        wanted = {"x-request-id", "request-id", *more}
        truth(wanted <= opened(response), f"{wanted} of a {status} of {path}", opened(response))
        equal(len(response.all("access-control-expose-headers")), 1, "lines of them")
    equal(opened(env.ask(CHAT, chat())), {""}, "for a client that is no page")
    equal(opened(env.request("POST", "/v2/code/completions", PAGE, "{}")), {""}, "on GitLab's routes")
    equal(opened(env.request("POST", CHAT, PAGE, "{}")) >= {"x-should-retry"}, True, "of a refusal without a key")


@case("CL-GEM-retry", "client-apis")
def no_retry(env):
    """What no retry cures says so in Gemini's API as well; what one may cure does not."""
    for status, path, body, reply, hint in ((400, GENERATE, {"contents": 5}, None, "false"), (404, "/v1beta/models/nobody:generateContent", ASK, None, "false"),
                                            (400, GENERATE, ASK, Reply(status=400), "false"), (502, GENERATE, ASK, Reply(status=401), "false"),
                                            (503, GENERATE, ASK, Reply(status=503), "true"), (429, GENERATE, ASK, Reply(status=429), None),
                                            (502, GENERATE, ASK, Reply(status=500), None)):
        response = env.ask(path, body, *([reply] if reply else []))
        equal((response.status, response.header("x-should-retry")), (status, hint), f"{path} ({response.text[:200]})")
    response = env.request("POST", GENERATE, {"x-goog-api-key": "nobody-canary-9c1"}, "{}")
    equal((response.status, response.header("x-should-retry")), (401, "false"), "a bad key")


@case("CL-wrong-base-gemini", "client-apis")
def gemini_bases(env):
    """A base URL with the version that Google's clients add, or without the one that others do not."""
    for base in ("", "/gemini", "/v1/v1", "/v1beta/v1beta", "/v1/v1beta", "/v1beta/v1"):
        for method in ("generateContent", "streamGenerateContent?alt=sse", "countTokens"):
            response = env.ask(f"{base}/models/gpt:{method}", ASK)
            equal(response.status, 200, f"{base} and {method} ({response.text[:200]})")
    equal(env.ask("/models/gpt", None, method="GET").json()["object"], "model", "OpenAI's model is still there")


class HubEnv(Env):
    """Models called as people know them from a hub."""
    aliases = ("acme/chat-7b", "acme/chat-7b:free", "coder@2025-01-01")

    def __init__(self, ctx):
        def conf(env):
            env.server = env.models.script()
            listed = ", ".join(f'"{name}"' for name in self.aliases)
            return (f'keys: {{ hub = {{ hash = ( "sha256:{sha(KEY)}" ); }}; }};\n'
                    f'providers: {{ hub = {{ plugin = "openai"; base_url = "{env.server.root}/v1"; }}; }};\n'
                    f'models: {{ chat: {{ aliases = ( {listed}, "free-*" ); targets = ( {{ provider = "hub"; model = "real"; }} ); }}; }};\n'
                    "features: { " + " ".join(f'{api} = {{ plugin = "{api}"; }};' for api in ("openai_api", "anthropic_api", "gemini_api", "models_api"))
                    + " };")
        super().__init__(ctx, conf=conf, name="client-hub")
        ctx.secret(KEY)

    def ask(self, method, path, body=None, **headers):
        self.server.replies = [Reply(("hel", "lo"), usage=(7, 2))]
        return self.request(method, path, {"Authorization": f"Bearer {KEY}", **{name.replace("_", "-"): value for name, value in headers.items()}},
                            body and json.dumps(body))


@fixture("client-hub")
def client_hub(ctx):
    return HubEnv(ctx)


@case("CL-names", "client-hub")
def names(env):
    """Names with / : and @ in bodies, paths and pages of lists, as they are and as %XX."""
    names = ["chat", *env.aliases]
    version = {"anthropic_version": "2023-06-01"}
    equal([one["id"] for one in env.ask("GET", "/v1/models").json()["data"]], names, "the list")
    found, after = [], ""
    while len(found) < 9:
        page = env.ask("GET", f"/v1/models?limit=1{after}", **version).json()
        found += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after_id={quote(page['last_id'], safe='')}"
    equal(found, names, "Anthropic's list, page by page")
    for name in (*names, "free-9"):
        for spelled in (name, quote(name, safe="")):
            equal(env.ask("GET", f"/v1/models/{spelled}").json().get("id"), name, f"OpenAI's model {spelled}")
            equal(env.ask("GET", f"/v1/models/{spelled}", **version).json().get("id"), name, f"Anthropic's model {spelled}")
            equal(env.ask("GET", f"/v1beta/models/{spelled}").json().get("name"), f"models/{name}", f"Google's model {spelled}")
            for method in ("generateContent", "streamGenerateContent?alt=sse"):
                response = env.ask("POST", f"/v1beta/models/{spelled}:{method}", ASK)
                truth(response.status == 200 and f'"modelVersion":"{name}"' in response.text, f"{spelled} by Gemini's API", response.text[:300])
            response = env.ask("POST", f"/openai/deployments/{spelled}/chat/completions?api-version=2024-10-21", {"messages": chat()["messages"]})
            equal((response.status, response.json().get("model")), (200, name), f"{spelled} as Azure's deployment ({response.text[:200]})")
        for path, body in ((CHAT, chat(name)), (MESSAGES, message(name)), ("/v1/responses", {"model": name, "input": "hi"})):
            response = env.ask("POST", path, body)
            equal((response.status, response.json().get("model")), (200, name), f"{name} at {path} ({response.text[:200]})")
    equal(env.ask("GET", "/v1/models/paid-9").status, 404, "what no pattern fits")


@case("CL-GEM-names", "client-apis")
def prefixed(env):
    """Google's clients ask for models/x of a list whose models are called so."""
    for name in ("gpt", "models/gpt", "models%2Fgpt", "publishers/google/models/gpt", "tunedModels/gpt"):
        equal(env.ask(f"/v1beta/models/{name}", None, method="GET").json().get("name"), "models/gpt", name)
    equal(env.ask("/v1beta/models/models/nobody", None, method="GET").status, 404, "an unknown one")


@case("CL-MAP-media-types", "pairs")
def media_types(env):
    """A media type's letters are small or not, and image/jpg is what people call image/jpeg: servers of other dialects get the usual ones."""
    data, pdf = "iVBORw0KGgo=", "JVBERi0xLjQK"
    def chat_part(kind, bytes64):
        url = f"data:{kind};base64,{bytes64}"
        return {"type": "image_url", "image_url": {"url": url}} if "/pdf" not in kind.lower() else {"type": "file", "file": {"file_data": url, "filename": "a.pdf"}}
    def claude_part(kind, bytes64):
        return {"type": "document" if "/pdf" in kind.lower() else "image", "source": {"type": "base64", "media_type": kind, "data": bytes64}}
    apis = {"chat": lambda *given: {"messages": [{"role": "user", "content": [chat_part(*given)]}]},
            "messages": lambda *given: {"messages": [{"role": "user", "content": [claude_part(*given)]}]},
            "gemini": lambda kind, bytes64: {"contents": [{"parts": [{"inlineData": {"mimeType": kind, "data": bytes64}}]}]}}
    own = {"chat": "openai", "messages": "anthropic", "gemini": "vertex"}
    for api, made in apis.items():
        for given, usual, bytes64 in (("image/jpg", "image/jpeg", data), ("IMAGE/JPG", "image/jpeg", data), ("Image/PNG", "image/png", data),
                                      ("Application/PDF", "application/pdf", pdf)):
            for target in ("openai", "anthropic", "vertex", "bedrock", "mistral"):
                if target == own[api]:
                    continue
                found, sent, response = env.say(api, target, made(given, bytes64))
                equal(found["status"], 200, f"{given} of {api} at {target} ({response.text[:200]})")
                text = json.dumps(sent)
                truth(usual in text or target == "bedrock", f"{usual} from {api} to {target}", text[:400])
                truth(given not in text, f"no {given}", text[:400])


@case("CL-MAP-citations", "pairs")
def citations(env):
    """Notes of a text in a history are one vendor's: another's server would refuse them."""
    note = {"type": "url_citation", "start_index": 0, "end_index": 1, "url": "https://a.test", "title": "t"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": [note]}]}
    asked = {"responses": {"input": [ASKED, said, ASKED]},
             "chat": {"messages": [ASKED, {"role": "assistant", "content": "a", "annotations": [{"type": "url_citation", "url_citation": note}]}, ASKED]}}
    for api, members in asked.items():
        for target in ("anthropic", "vertex", "bedrock", "mistral"):
            found, sent, response = env.say(api, target, members)
            equal(found["status"], 200, f"{api} at {target} ({response.text[:200]})")
            truth("citation" not in json.dumps(sent), f"no notes from {api} to {target}", sent)


@case("CL-MAP-result-texts", "pairs")
def result_texts(env):
    """Texts of one result do not run into each other where a server takes but one."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    talk = [ASKED, {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]
    sent = env.say("chat", "vertex", {"messages": talk})[1]
    equal(sent["contents"][2]["parts"][0]["functionResponse"]["response"], {"output": "one\ntwo"}, "Gemini's")
    sent = env.say("chat", "mistral", {"messages": talk})[1]
    equal(sent["messages"][2]["content"], "one\ntwo", "Mistral's")


@case("CL-MAP-no-stop", "pairs")
def empty_stops(env):
    """An empty stop text ends nothing, and servers refuse it."""
    for api, members in (("messages", {"stop_sequences": ["", "END"]}), ("gemini", {"generationConfig": {"stopSequences": ["", "END"]}}),
                         ("chat", {"stop": ["", "END"]})):
        for target, name in (("mistral", "stop"), ("bedrock", "stopSequences")):
            sent = env.say(api, target, members)[1]
            equal(sent.get("inferenceConfig", sent).get(name), ["END"], f"{api} at {target}")
    equal(env.say("messages", "openai", {"stop_sequences": [""]})[1].get("stop"), None, "nothing but that")


@case("CL-RSP-own-words", "pairs")
def own_words(env):
    """A refusal names what the client wrote, as it stands in the Responses API."""
    for members, param in (({"include": ["message.output_text.logprobs"]}, "include"), ({"top_logprobs": 2}, "top_logprobs"),
                           ({"include": ["message.output_text.logprobs"], "top_logprobs": 2}, "top_logprobs"),
                           ({"tools": [], "tool_choice": {"type": "function"}}, "tool_choice.name")):
        found, sent, _ = env.say("responses", "anthropic", members)
        equal((found["status"], sent, found["error"]["param"]), (400, None, param), f"{members}")
    equal(env.say("chat", "anthropic", {"tool_choice": {"type": "function"}})[0]["error"]["param"], "tool_choice.function", "a chat's")


@case("CL-GEM-14-kind", "pairs")
def kinds_of_files(env):
    """A file without a type is what its address says: an image goes on as one, a video of Google's site to nobody else."""
    image, video = {"fileData": {"fileUri": "https://a.test/b.png"}}, {"fileData": {"fileUri": "https://youtu.be/x"}}
    made = lambda part: {"contents": [{"parts": [part, {"text": "q"}]}]}  # noqa: E731
    equal(env.say("gemini", "openai", made(image))[1]["messages"][0]["content"][0]["image_url"]["url"], "https://a.test/b.png", "OpenAI's")
    equal(env.say("gemini", "anthropic", made(image))[1]["messages"][0]["content"][0]["type"], "image", "Claude's")
    for target in ("openai", "anthropic", "bedrock", "mistral"):
        found, sent, _ = env.say("gemini", target, made(video))
        equal((found["status"], sent), (400, None), f"a video at {target}")


@case("CL-MAP-many", "pairs")
def many(env):
    """Very many of anything are served or refused, and soon: a caller's worker is others' as well."""
    tool = lambda i: {"type": "function", "function": {"name": f"f{i}", "parameters": {"type": "object", "properties": {}}}}  # noqa: E731
    document = {"type": "document", "title": "same", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
    call = lambda i: {"id": f"c{i}", "type": "function", "function": {"name": f"f{i}", "arguments": "{}"}}  # noqa: E731
    turns = [one for i in range(8000) for one in ({"role": "assistant", "tool_calls": [call(i)]}, {"role": "tool", "tool_call_id": f"c{i}", "content": "r"})]
    rows = (("chat", {"messages": [ASKED], "tools": [tool(i) for i in range(30000)]}, ("anthropic", "vertex", "bedrock", "mistral")),
            ("chat", {"messages": [ASKED, *turns]}, ("anthropic", "bedrock", "mistral")),
            ("messages", {"messages": [{"role": "user", "content": [document] * 10000}]}, ("openai", "vertex", "bedrock")),
            ("messages", {"messages": [ASKED] * 100000}, ("openai", "mistral")))
    for api, members, targets in rows:
        for target in targets:
            found, sent, response = env.say(api, target, members)
            equal(found["status"], 200, f"{api} at {target} ({response.text[:200]})")
    named = [part["document"]["name"] for part in env.say("messages", "bedrock", rows[2][1])[1]["messages"][0]["content"] if "document" in part]
    equal((len(named), len(set(named)), named[:3]), (10000, 10000, ["same", "same 2", "same 3"]), "names of Bedrock's documents")
    found, sent, _ = env.say("messages", "openai", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * 200001}]})
    equal((found["status"], sent), (400, None), "more blocks than that")
    found, sent, _ = env.say("gemini", "openai", {"contents": [{"parts": [{"text": "a"}] * 200001}]})
    equal((found["status"], sent), (413, None), "more parts than that")
    found, sent, _ = env.say("messages", "openai", {"messages": [ASKED] * 100001})
    equal((found["status"], "100000" in found["error"]["message"]), (400, True), "more messages than the API has")


@case("CL-OAI-39-zero", "pairs")
def nothing_more(env):
    """A completion of no tokens, echoed with how likely each token of the prompt was, is how models are measured."""
    scored = {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [0]}
    reply = Reply(body={"id": "c", "object": "text_completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1},
                        "choices": [{"text": "a", "index": 0, "finish_reason": "length", "logprobs": scored}]})
    found, sent, response = env.say("chat", "openai", {"prompt": "a", "max_tokens": 0, "echo": True, "logprobs": 1}, reply=reply, kind="completion")
    equal((found["status"], sent["max_tokens"], sent["echo"]), (200, 0, True), f"what was asked ({response.text[:200]})")
    equal(response.json()["choices"][0]["logprobs"], scored, "what comes back")
    for bad in (-2, "x"):
        found, sent, _ = env.say("chat", "openai", {"prompt": "a", "max_tokens": bad}, kind="completion")
        equal((found["status"], sent, found["error"]["param"]), (400, None, "max_tokens"), f"max_tokens {bad}")
    found, sent, _ = env.say("chat", "openai", {"input": "a", "dimensions": 0}, model="text-embedding-3-small", kind="embedding")
    equal(found["error"]["message"], "'dimensions' must be at least 1.", "words about a range without an upper end")


@case("CL-GEM-pieces", "pairs")
def pieces(env):
    """Google's SDKs keep a streamed answer as they got it: each piece must have a part, or they forget the turn; and all of them come
    back, a content each, and are one turn to other servers."""
    answer = {"reasoning": "hm", "text": "Hello there.", "calls": [["call00001", "look", {"n": 1}], ["call00002", "look", {"n": 2}]]}
    asked = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    for target in ("openai", "anthropic", "bedrock", "mistral"):
        for sse, query in ((True, "?alt=sse"), (False, "")):
            script = env.scripts[target]
            dialect = next(item for item in TARGETS if item.name == target).dialect
            kind, body = dialects.write(dialect, answer, "real", True)
            script.replies = [Reply(body=body, content_type=kind)]
            name = env.names[target, next(item for item in TARGETS if item.name == target).model]
            response = env.post(f"/v1beta/models/{name}:streamGenerateContent{query}", json.dumps({**ASK, **asked}),
                                headers={"x-goog-api-key": PAIRS_KEY})
            found = [json.loads(data) for _, data in sse_events(response)] if sse else response.json()
            contents = [one["candidates"][0].get("content", {}) for one in found]
            equal([one for one in contents if not one.get("parts") or not all(one["parts"])], [], f"pieces without a part from {target}")
            results = [{"functionResponse": {"name": "look", "id": ident, "response": {"output": "42"}}} for ident in ("call00001", "call00002")]
            talk = [*ASK["contents"], *contents, {"role": "user", "parts": results}]
            status, sent, response = env.say("gemini", target, {"contents": talk})
            equal(status["status"], 200, f"the next turn at {target} ({response.text[:200]})")
            roles = [one["role"] for one in sent["messages"] if one["role"] != "system"]
            equal((roles[:2], roles.count("assistant")), (["user", "assistant"], 1), f"turns at {target}")
            said = json.dumps(next(one for one in sent["messages"] if one["role"] == "assistant"))
            truth('"Hello there."' in said and said.count("look") == 2, f"the whole text and both calls at {target}", said)


@case("CL-MAP-03-headers", "pairs")
def headers_along(env):
    """What a client says to its vendor beside the body goes along with its own bytes, and to no other server."""
    said = {"chat": {"OpenAI-Beta": "thing=v2", "Idempotency-Key": "key-7"}, "gemini": {"x-goog-api-client": "google-genai-sdk/3.6.1"},
            "messages": {"anthropic-beta": "a-1,b-2", "anthropic-version": "2023-06-01"}}
    own = {"chat": "openai", "gemini": "vertex", "messages": "anthropic"}
    never = {"Cookie": "a=b", "x-stainless-lang": "js", "X-Forwarded-For": "192.0.2.1"}
    for api, headers in said.items():
        for target in ("openai", "anthropic", "vertex", "mistral", "bedrock"):
            found, _, response = env.say(api, target, {}, headers={**headers, **never})
            equal(found["status"], 200, f"{api} at {target} ({response.text[:200]})")
            for name, value in headers.items():
                if target == own[api]:
                    equal(env.sent.header(name), value, f"{name} at {target}")
                elif name != "anthropic-version":
                    equal(env.sent.header(name), None, f"{name} at {target}")
            equal([env.sent.header(name) for name in never], [None] * 3, f"what nobody needs, at {target}")


CHUNK = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}


def chunk(text, finish=None):
    return {**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}]}


def event(text, finish=None):
    """Of Gemini's: an answer with a piece of it."""
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, **({"finishReason": finish} if finish else {})}],
            "modelVersion": "gemini-2.5-flash", "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}


PIECES = {("chat", "openai"): [chunk("ab"), chunk("cd", "stop")], ("gemini", "vertex"): [event("ab"), event("cd", "STOP")]}
# How a server writes them where one whole answer was asked for.
ODD_BODIES = {"lines": "{0}\n{1}\n", "a list": "[{0},\n{1}]", "one behind the other": "{0}{1}", "lines and a mark": "{0}\n{1}\n[DONE]"}


@case("CL-RAW-bodies", "pairs")
def odd_bodies(env):
    """A server's bytes are for clients of its own dialect as long as they are what was asked for. Pieces of a stream in the place of a
    whole answer are put together; none of it is lost."""
    for (api, target), pieces in PIECES.items():
        for what, form in ODD_BODIES.items():
            body = form.replace("{0}", json.dumps(pieces[0])).replace("{1}", json.dumps(pieces[1]))
            found, _, response = env.say(api, target, reply=Reply(body=body.encode(), content_type="application/json"))
            equal((found["status"], found["text"], found["broken"]), (200, "abcd", False), f"{what} to {api} ({response.text[:200]})")
    found, _, response = env.say("chat", "openai", reply=Reply(body=chunk("ab", "stop")))
    equal((found["status"], found["text"]), (200, "ab"), f"a piece alone ({response.text[:200]})")
    for body in ("{}", "[]"):
        found, _, response = env.say("gemini", "vertex", reply=Reply(body=body.encode(), content_type="application/json"))
        equal((found["status"], found["error"]["type"]), (502, "INTERNAL"), f"{body} ({response.text[:200]})")


@case("CL-RAW-events", "pairs")
def odd_events(env):
    """Two values in one event are two events, and an end that a dialect's clients do not know is none of theirs."""
    for (api, target), pieces in PIECES.items():
        for glue, end in (("", "[DONE]"), (" ", "\n\ndata: [DONE]")):
            body = f"data: {json.dumps(pieces[0])}{glue}{json.dumps(pieces[1])}{end}\n\n"
            found, _, response = env.say(api, target, stream=True, reply=Reply(body=body.encode(), content_type="text/event-stream"))
            equal((found["text"], found["broken"]), ("abcd", False), f"{glue!r} and {end!r} to {api} ({response.text[:300]})")
            datas = [data for _, data in sse_events(response)]
            equal(len(datas), 3 if api == "chat" else 2, f"events for {api}")
    body = f"data: {json.dumps(event('ab'))}\n\ndata: [DONE]\n\n"
    _, _, response = env.say("chat", "openai")
    script = env.scripts["vertex"]
    script.replies = [Reply(body=body.encode(), content_type="text/event-stream")]
    response = env.post(f"/v1beta/models/{env.names['vertex', 'gemini-2.5-flash']}:streamGenerateContent?alt=sse", json.dumps(ASK),
                        headers={"x-goog-api-key": PAIRS_KEY})
    truth("ab" in response.text and "DONE" not in response.text, "no end marker that Google's SDKs fail at", response.text)


@case("CL-RAW-bytes", "pairs")
def odd_bytes(env):
    """Nothing but UTF-8 comes out, whoever wrote the bytes: SDKs fail at others."""
    for (api, target), pieces in PIECES.items():
        for stream in (False, True):
            texts = [json.dumps(piece).encode().replace(b'"ab"', b'"a\xe9b"') for piece in pieces]
            body = b"".join(b"data: " + text + b"\n\n" for text in texts) if stream else texts[0]
            if not stream and api == "chat":
                body = json.dumps({**CHUNK, "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content":
                        "ab"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
                                  ).encode().replace(b'"ab"', b'"a\xe9b"')
            reply = Reply(body=body, content_type="text/event-stream" if stream else "application/json")
            found, _, response = env.say(api, target, stream=stream, reply=reply)
            equal(response.body.decode("utf-8", "replace").encode(), response.body, f"bytes to {api}, stream {stream}")
            equal(found["text"], "a\ufffdb" + ("cd" if stream else ""), f"text to {api}, stream {stream}")


@case("CL-GEM-vectors", "pairs")
def vectors_in_order(env):
    """Embeddings belong to inputs by their numbers, not by where a server puts them; some write them as base64."""
    body = {"data": [{"index": 1, "embedding": "AAAAQAAAgD4="}, {"index": 0, "embedding": [1, 0.5]}], "model": "real", "usage": {"prompt_tokens": 2}}
    script = env.scripts["openai"]
    name = env.names["openai", "text-embedding-3-small"]
    script.replies = [Reply(body=body)]
    asked = {"requests": [{"model": f"models/{name}", "content": {"parts": [{"text": text}]}} for text in "ab"]}
    response = env.post(f"/v1beta/models/{name}:batchEmbedContents", json.dumps(asked), headers={"x-goog-api-key": PAIRS_KEY})
    equal((response.status, response.json()), (200, {"embeddings": [{"values": [1, 0.5]}, {"values": [2, 0.25]}]}), "answer")
    response = env.post("/v1/embeddings", json.dumps({"model": name, "input": ["a", "b"]}), headers={"Authorization": f"Bearer {PAIRS_KEY}"})
    equal([item["embedding"] for item in response.json()["data"]], [[1, 0.5], [2, 0.25]], "answer of OpenAI's API")


WHOLE = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4.1", "choices": [{"index": 0, "message": {
    "role": "assistant", "content": "abcd"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
MESSAGE = {"id": "m1", "type": "message", "role": "assistant", "model": "real", "content": [{"type": "text", "text": "abcd"}],
           "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}


@case("CL-RAW-whole", "pairs")
def whole_in_events(env):
    """A whole answer, or a list, as the data of an event: the clients of the dialect get a stream as they know it."""
    datas = (("chat", "openai", WHOLE), ("chat", "openai", PIECES["chat", "openai"]), ("gemini", "vertex", PIECES["gemini", "vertex"]),
             ("messages", "anthropic", MESSAGE))
    for api, target, data in datas:
        for event_line in ("", "event: message\n"):
            body = f": a comment\n\n{event_line}data: {json.dumps(data)}\n\n" + ("data: [DONE]\n\n" if api == "chat" else "")
            found, _, response = env.say(api, target, stream=True, reply=Reply(body=body.encode(), content_type="text/event-stream"))
            equal((found["text"], found["broken"]), ("abcd", False), f"{type(data).__name__} {event_line!r} to {api} ({response.text[:300]})")
