"""A child of framework_clients.py: Python frameworks, made by the code of docs/clients.md, with an API key of the gateway. Each
line on standard input is one call, {client, api, call, recipe}; each is answered by one line. Ends when standard input closes."""
import contextlib
import json
import sys
import warnings

ASK = "hi"
NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}


def add(a: int, b: int) -> str:
    """Adds."""
    return str(a + b)


# -- LangChain -------------------------------------------------------------------------------------------------------

def langchain_whole(model):
    made = model.invoke(ASK)
    return {"text": made.text, "tokens": [made.usage_metadata["input_tokens"], made.usage_metadata["output_tokens"]]}


def langchain_stream(model):
    from functools import reduce
    from operator import add as joined
    chunks = list(model.stream(ASK))
    whole = reduce(joined, chunks)
    return {"text": whole.text, "pieces": sum(bool(chunk.text) for chunk in chunks),
            "tokens": [whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]]}


def langchain_tools(model, is_stream=False):
    from functools import reduce
    from operator import add as joined

    from langchain_core.messages import HumanMessage
    from langchain_core.tools import tool
    adds = tool(add)
    bound, messages = model.bind_tools([adds]), [HumanMessage(ASK)]
    first = reduce(joined, bound.stream(messages)) if is_stream else bound.invoke(messages)
    messages += [first, *(adds.invoke(call) for call in first.tool_calls)]
    return {"calls": [call["args"] for call in first.tool_calls], "text": bound.invoke(messages).text}


def langchain_stream_tools(model):
    return langchain_tools(model, True)


def langchain_schema(model):
    import pydantic

    class Person(pydantic.BaseModel):
        """Somebody."""
        name: str
        age: int
    return {"person": model.with_structured_output(Person).invoke(ASK).model_dump()}


# -- LlamaIndex ------------------------------------------------------------------------------------------------------

def llamaindex_whole(model):
    return {"text": model.complete(ASK).text}


def llamaindex_stream(model):
    pieces = [chunk.delta for chunk in model.stream_complete(ASK)]
    return {"text": "".join(pieces), "pieces": sum(map(bool, pieces))}


def llamaindex_tools(model):
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool
    tool, messages = FunctionTool.from_defaults(add, name="add"), [ChatMessage(role="user", content=ASK)]
    first = model.chat_with_tools([tool], chat_history=messages, allow_parallel_tool_calls=True)
    calls = model.get_tool_calls_from_response(first)
    messages.append(first.message)
    messages += [ChatMessage(role="tool", content=add(**call.tool_kwargs), additional_kwargs={"tool_call_id": call.tool_id})
                 for call in calls]
    last = model.chat_with_tools([tool], chat_history=messages)
    return {"calls": [call.tool_kwargs for call in calls], "text": last.message.content}


# -- LiteLLM ---------------------------------------------------------------------------------------------------------

MESSAGES = [{"role": "user", "content": ASK}]
LITELLM_TOOL = {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": NUMBERS}}


def litellm_whole(model):
    made = model(messages=MESSAGES)
    return {"text": made.choices[0].message.content, "stop": made.choices[0].finish_reason,
            "tokens": [made.usage.prompt_tokens, made.usage.completion_tokens]}


def litellm_stream(model):
    chunks = list(model(messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    usage = next(chunk.usage for chunk in reversed(chunks) if getattr(chunk, "usage", None))
    return {"text": "".join(pieces), "pieces": sum(map(bool, pieces)), "tokens": [usage.prompt_tokens, usage.completion_tokens]}


def litellm_tools(model, is_stream=False):
    import litellm
    first = model(messages=MESSAGES, tools=[LITELLM_TOOL], stream=is_stream)
    said = (litellm.stream_chunk_builder(list(first)) if is_stream else first).choices[0].message
    calls = [(call.id, json.loads(call.function.arguments)) for call in said.tool_calls]
    results = [{"role": "tool", "tool_call_id": ident, "content": add(**given)} for ident, given in calls]
    last = model(messages=[*MESSAGES, said.model_dump(exclude_none=True), *results], tools=[LITELLM_TOOL])
    return {"calls": [given for _, given in calls], "text": last.choices[0].message.content}


def litellm_stream_tools(model):
    return litellm_tools(model, True)


def litellm_schema(model):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
              "required": ["name", "age"], "additionalProperties": False}
    made = model(messages=MESSAGES, response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema}})
    return {"person": json.loads(made.choices[0].message.content)}


# -- calls -----------------------------------------------------------------------------------------------------------

made_by = {}


def made(recipe):
    if recipe not in made_by:
        made_by[recipe] = {}
        exec(compile(recipe, "docs/clients.md", "exec"), made_by[recipe])
    return made_by[recipe]


def answer(order):
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for answers
            return globals()[f"{order['client']}_{order['call']}"](made(order["recipe"])[order["api"]])
    except Exception as err:
        return {"error": {"kind": type(err).__name__, "status": getattr(err, "status_code", getattr(err, "code", None)),
                          "message": str(err)}}


warnings.simplefilter("ignore")
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
