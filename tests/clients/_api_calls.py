"""A child of api_clients.py: the vendors' Python clients, made by the code of docs/clients.md, with an API key of the gateway. Each
line on standard input is one call; each is answered by one line. Ends when standard input closes."""
import functools
import json
import os
import sys

import anthropic
import openai
import pydantic
from google.genai import errors as google_errors

ASK = [{"role": "user", "content": "hi"}]
OPENAI_TOOL = {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {
    "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}}}
ANTHROPIC_TOOL = {"name": "add", "description": "Adds", "input_schema": OPENAI_TOOL["function"]["parameters"]}


class Person(pydantic.BaseModel):
    name: str
    age: int


@functools.cache
def made(recipe, key):
    os.environ["AIGW_KEY"] = key
    clients = {}
    exec(compile(recipe, "docs/clients.md", "exec"), clients)
    return clients


def openai_of(order):
    return made(order["recipe"], order["key"])["of_openai"].with_options(max_retries=0)


def azure_of(order):
    return made(order["recipe"], order["key"])["of_azure"].with_options(max_retries=0)


def anthropic_of(order):
    return made(order["recipe"], order["key"])["of_anthropic"].with_options(max_retries=0)


def vertex_of(order):
    return made(order["recipe"], order["key"])["of_vertex"].with_options(max_retries=0)


def google_of(order):
    return made(order["recipe"], order["key"])["of_google"]


def openai_whole(order, client=openai_of):
    made = client(order).chat.completions.create(model=order["model"], messages=ASK)
    return {"text": made.choices[0].message.content, "stop": made.choices[0].finish_reason, "model": made.model,
            "tokens": [made.usage.prompt_tokens, made.usage.completion_tokens], "has_id": bool(made._request_id)}


def openai_retrying(order):
    """As often as the package tries by itself."""
    return openai_whole(order, lambda order: made(order["recipe"], order["key"])["of_openai"])


def openai_azure(order):
    return openai_whole(order, azure_of)


def openai_stream(order):
    with openai_of(order).chat.completions.stream(model=order["model"], messages=ASK,
                                                  stream_options={"include_usage": True}) as stream:
        kinds = {event.type for event in stream}
        made = stream.get_final_completion()
    return {"text": made.choices[0].message.content, "stop": made.choices[0].finish_reason,
            "tokens": [made.usage.prompt_tokens, made.usage.completion_tokens], "has_done": "content.done" in kinds}


def openai_tools(order):
    """A turn with two calls, the results, and the answer to them."""
    client, messages = openai_of(order), list(ASK)
    first = client.chat.completions.create(model=order["model"], messages=messages, tools=[OPENAI_TOOL])
    messages.append(first.choices[0].message.model_dump(exclude_none=True))
    calls = first.choices[0].message.tool_calls
    for call in calls:
        given = json.loads(call.function.arguments)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": str(given["a"] + given["b"])})
    last = client.chat.completions.create(model=order["model"], messages=messages, tools=[OPENAI_TOOL])
    return {"calls": [[call.function.name, json.loads(call.function.arguments)] for call in calls],
            "stop": first.choices[0].finish_reason, "text": last.choices[0].message.content}


def openai_stream_tools(order):
    with openai_of(order).chat.completions.stream(model=order["model"], messages=ASK, tools=[OPENAI_TOOL]) as stream:
        for _ in stream:
            pass
        made = stream.get_final_completion().choices[0]
    return {"calls": [[call.function.name, json.loads(call.function.arguments)] for call in made.message.tool_calls],
            "stop": made.finish_reason}


def openai_parse(order):
    made = openai_of(order).chat.completions.parse(model=order["model"], messages=ASK, response_format=Person)
    return {"person": made.choices[0].message.parsed.model_dump()}


def of_response(made):
    return {"text": made.output_text, "status": made.status, "tokens": [made.usage.input_tokens, made.usage.output_tokens]}


def openai_responses(order):
    return of_response(openai_of(order).responses.create(model=order["model"], input="hi", instructions="brief"))


def openai_responses_stream(order):
    with openai_of(order).responses.stream(model=order["model"], input=ASK) as stream:
        numbers, failed = [], None
        for event in stream:
            numbers.append(event.sequence_number)
            if event.type == "response.failed":
                failed = event.response.error
        if failed:
            return {"error": {"kind": "ResponseFailed", "code": failed.code, "message": failed.message}}
        made = stream.get_final_response()
    return {**of_response(made), "sequence": "whole" if numbers == list(range(len(numbers))) else numbers}


def openai_responses_tools(order):
    """The whole conversation goes back each time: nothing is kept at the gateway."""
    client, items = openai_of(order), list(ASK)
    tool = {"type": "function", **OPENAI_TOOL["function"], "strict": False}
    first = client.responses.create(model=order["model"], input=items, tools=[tool], store=False)
    calls = [item for item in first.output if item.type == "function_call"]
    items += [item.model_dump(exclude_none=True) for item in first.output]
    for call in calls:
        given = json.loads(call.arguments)
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": str(given["a"] + given["b"])})
    last = client.responses.create(model=order["model"], input=items, tools=[tool], store=False)
    return {"calls": [[call.name, json.loads(call.arguments)] for call in calls], "text": last.output_text}


def openai_responses_parse(order):
    made = openai_of(order).responses.parse(model=order["model"], input="hi", text_format=Person)
    return {"person": made.output_parsed.model_dump()}


def openai_embeddings(order):
    made = openai_of(order).embeddings.create(model=order["model"], input=["a", "b"])
    return {"vectors": [item.embedding for item in made.data]}


def openai_models(order):
    return {"models": [model.id for model in openai_of(order).models.list()]}


def openai_completion(order):
    stream = openai_of(order).completions.create(model=order["model"], prompt="a", suffix="z", stream=True)
    return {"text": "".join(chunk.choices[0].text for chunk in stream if chunk.choices)}


def anthropic_whole(order, client=anthropic_of):
    made = client(order).messages.create(model=order["model"], max_tokens=64, messages=ASK)
    return {"text": made.content[0].text, "stop": made.stop_reason, "tokens": [made.usage.input_tokens, made.usage.output_tokens],
            "has_id": bool(made._request_id)}


def anthropic_retrying(order):
    made_now = made(order["recipe"], order["key"])["of_anthropic"].messages.create(model=order["model"], max_tokens=64, messages=ASK)
    return {"text": made_now.content[0].text}


def anthropic_vertex(order):
    return anthropic_whole(order, vertex_of)


def anthropic_vertex_stream(order):
    return anthropic_stream(order, vertex_of)


def anthropic_vertex_count(order):
    return anthropic_count(order, vertex_of)


def anthropic_stream(order, client=anthropic_of):
    with client(order).messages.stream(model=order["model"], max_tokens=64, messages=ASK) as stream:
        pieces = list(stream.text_stream)
        made = stream.get_final_message()
    return {"text": made.content[0].text, "pieces": pieces, "stop": made.stop_reason,
            "tokens": [made.usage.input_tokens, made.usage.output_tokens]}


def anthropic_tools(order):
    client, messages = anthropic_of(order), list(ASK)
    first = client.messages.create(model=order["model"], max_tokens=64, messages=messages, tools=[ANTHROPIC_TOOL])
    calls = [block for block in first.content if block.type == "tool_use"]
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]})
    messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id,
                                                  "content": str(block.input["a"] + block.input["b"])} for block in calls]})
    last = client.messages.create(model=order["model"], max_tokens=64, messages=messages, tools=[ANTHROPIC_TOOL])
    return {"calls": [[block.name, block.input] for block in calls], "stop": first.stop_reason, "text": last.content[0].text}


def anthropic_runner(order):
    """The SDK runs the tool by itself, in a thread that it keeps at the server where it can."""
    calls = []

    @anthropic.beta_tool
    def add(a: int, b: int) -> str:
        """Adds."""
        calls.append(["add", {"a": a, "b": b}])
        return str(a + b)
    messages = anthropic_of(order).beta.messages
    last = messages.tool_runner(model=order["model"], max_tokens=64, messages=ASK, tools=[add]).until_done()
    return {"calls": calls, "text": last.content[0].text}


def anthropic_thinking(order):
    made = anthropic_of(order).messages.create(model=order["model"], max_tokens=4096, messages=ASK,
                                               thinking={"type": "enabled", "budget_tokens": 1024})
    return {"blocks": [[block.type, getattr(block, "thinking", None) or getattr(block, "text", None)] for block in made.content],
            "signatures": [block.signature for block in made.content if block.type == "thinking"]}


def anthropic_count(order, client=anthropic_of):
    return {"tokens": client(order).messages.count_tokens(model=order["model"], messages=ASK).input_tokens}


def anthropic_models(order):
    return {"models": [model.id for model in anthropic_of(order).models.list(limit=1)]}


def google_whole(order):
    made_now = google_of(order).models.generate_content(model=order["model"], contents="hi")
    usage = made_now.usage_metadata
    return {"text": made_now.text, "stop": made_now.candidates[0].finish_reason.name,
            "tokens": [usage.prompt_token_count, usage.candidates_token_count]}


def google_stream(order):
    chunks = list(google_of(order).models.generate_content_stream(model=order["model"], contents="hi"))
    pieces = [chunk.text for chunk in chunks if chunk.text]
    usage = chunks[-1].usage_metadata
    return {"text": "".join(pieces), "pieces": pieces, "tokens": [usage.prompt_token_count, usage.candidates_token_count]}


def google_chat(order):
    """The SDK keeps the conversation, of a streamed answer each piece, and drops turns that look broken to it."""
    chat = google_of(order).chats.create(model=order["model"])
    said = ["".join(chunk.text or "" for chunk in chat.send_message_stream(word)) for word in ("hi", "and now?")]
    return {"text": "+".join(said), "kept": [content.role for content in chat.get_history(curated=True) if content.role == "user"]}


def google_tools(order):
    """The SDK runs the tool by itself, and asks again."""
    calls = []

    def add(a: int, b: int) -> int:
        """Adds."""
        calls.append(["add", {"a": a, "b": b}])
        return a + b
    said = google_of(order).models.generate_content(model=order["model"], contents="hi", config={"tools": [add]})
    return {"calls": calls, "text": said.text}


def google_parse(order):
    said = google_of(order).models.generate_content(model=order["model"], contents="hi", config={
        "response_mime_type": "application/json", "response_schema": Person})
    return {"person": said.parsed.model_dump()}


def google_embeddings(order):
    said = google_of(order).models.embed_content(model=order["model"], contents=["a", "b"])
    return {"vectors": [item.values for item in said.embeddings]}


def google_count(order):
    return {"is_counted": google_of(order).models.count_tokens(model=order["model"], contents="hi").total_tokens > 0}


def google_models(order):
    return {"models": [model.name for model in google_of(order).models.list()]}


CALLS = {name: call for name, call in globals().items() if name.startswith(("anthropic_", "openai_", "google_")) and callable(call)
         and not name.endswith(("_of", "_errors"))}


def answer(order):
    try:
        return CALLS[f"{order['client']}_{order['call']}"](order)
    except (anthropic.APIError, openai.APIError, google_errors.APIError) as err:
        response = getattr(err, "response", None)
        code = getattr(err, "code", None)
        return {"error": {"kind": type(err).__name__, "status": getattr(err, "status_code", code), "message": str(err),
                          "code": code,
                          "retryAfter": response.headers.get("retry-after") if response is not None else None}}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
