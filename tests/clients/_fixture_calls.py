"""A child of fixtures.py: lets the vendors' own clients read answers that our case files hold. Each line on standard
input is {"sdk", "call", "stream", "status", "type", "body" (base64)}; each is answered by what the client made of
it: {"text", "reasoning", "refusal", "tools", "finish", "usage", "vectors", "tokens"}, or {"error": {"class",
"status"}}. Or it is {"sdk", "call", "sent": the body of a request}, answered by {"complaint"}: _request_checks.py."""
import base64
import importlib.util
import json
import os
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from mistralai.client import Mistral
from mistralai.client import errors as mistral_errors

warnings.simplefilter("ignore")
ASK = [{"role": "user", "content": "hi"}]
answer = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = base64.b64decode(answer["body"])
        self.send_response(answer["status"])
        self.send_header("content-type", answer["type"])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"


class Made:
    """What comes together of an answer."""

    def __init__(self):
        self.text = self.reasoning = self.refusal = ""
        self.calls = {}
        self.finish = None
        self.usage = {}

    def tool(self, key, name, arguments):
        call = self.calls.setdefault(key, ["", ""])
        call[0] += name or ""
        call[1] += arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments is not None else ""

    def told(self):
        return {"text": self.text, "reasoning": self.reasoning, "refusal": self.refusal,
                "tools": [[name, json.loads(arguments or "{}")] for name, arguments in self.calls.values()],
                "finish": self.finish, "usage": {name: number for name, number in self.usage.items() if number}}


def checked(part):
    """OpenAI's and Anthropic's clients take any JSON; their types do not. Azure's first chunk is all blanks."""
    if getattr(part, "object", None) != "":
        type(part).model_validate(part.to_dict())
    return part


# -- OpenAI, and Azure's OpenAI --------------------------------------------------------------------------------------

def openai_usage(made, usage):
    if usage is not None:
        details, output = usage.prompt_tokens_details, usage.completion_tokens_details
        made.usage = {"input": usage.prompt_tokens, "output": usage.completion_tokens,
                      "cached": details and details.cached_tokens, "reasoning": output and output.reasoning_tokens}


def openai_message(made, message):
    made.text += message.content or ""
    made.refusal += message.refusal or ""
    made.reasoning += getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or ""
    for place, call in enumerate(message.tool_calls or []):
        made.tool(getattr(call, "index", place), call.function.name, call.function.arguments)


def openai_call(client, order):
    made = Made()
    if order["call"] == "embedding":
        said = client.embeddings.create(model="m", input=["one", "two"], encoding_format="float")
        return {"vectors": [item.embedding for item in checked(said).data]}
    if order["call"] == "completion":
        said = client.completions.create(model="m", prompt="p", stream=order["stream"])
        for part in map(checked, said if order["stream"] else [said]):
            openai_usage(made, part.usage)
            for choice in part.choices[:1]:
                made.text += choice.text
                made.finish = choice.finish_reason or made.finish
        return made.told()
    said = client.chat.completions.create(model="m", messages=ASK, stream=order["stream"])
    for part in map(checked, said if order["stream"] else [said]):
        openai_usage(made, part.usage)
        for choice in part.choices:
            if choice.index == 0:
                openai_message(made, choice.delta if order["stream"] else choice.message)
                made.finish = choice.finish_reason or made.finish
    return made.told()


def openai_sdk(order):
    return openai_call(openai.OpenAI(api_key="k", base_url=URL + "/v1", max_retries=0, timeout=5), order)


def azure_sdk(order):
    return openai_call(openai.AzureOpenAI(api_key="k", azure_endpoint=URL, api_version="2024-10-21", max_retries=0,
                                          timeout=5), order)


# -- Anthropic -------------------------------------------------------------------------------------------------------

def anthropic_sdk(order):
    client = anthropic.Anthropic(api_key="k", base_url=URL, max_retries=0, timeout=5)
    if order["call"] == "count":
        return {"tokens": client.messages.count_tokens(model="m", messages=ASK).input_tokens}
    made = Made()
    if order["stream"]:
        with client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
            said = stream.get_final_message()
    else:
        said = client.messages.create(model="m", max_tokens=9, messages=ASK)
    for place, block in enumerate(checked(said).content):
        if block.type == "text":
            made.text += block.text
        elif block.type == "thinking":
            made.reasoning += block.thinking
        elif block.type == "tool_use":
            made.tool(place, block.name, block.input)
    cached, written = said.usage.cache_read_input_tokens or 0, said.usage.cache_creation_input_tokens or 0
    made.finish = said.stop_reason
    made.usage = {"input": said.usage.input_tokens + cached + written, "output": said.usage.output_tokens,
                  "cached": cached, "cache_write": written}
    return made.told()


# -- Mistral ---------------------------------------------------------------------------------------------------------

def mistral_content(made, content):
    for chunk in [content] if isinstance(content, str) else content or []:
        if isinstance(chunk, str):
            made.text += chunk
        elif chunk.TYPE == "text" if hasattr(chunk, "TYPE") else chunk.type == "text":
            made.text += chunk.text
        elif chunk.type == "thinking":
            made.reasoning += "".join(part.text for part in chunk.thinking)


def mistral_sdk(order):
    client = Mistral(api_key="k", server_url=URL, timeout_ms=5000)
    if order["call"] == "embedding":
        return {"vectors": [item.embedding for item in client.embeddings.create(model="m", inputs=["one", "two"]).data]}
    made = Made()
    if order["call"] == "completion":
        said = (client.fim.stream if order["stream"] else client.fim.complete)(model="m", prompt="p", suffix="s")
    else:
        said = (client.chat.stream if order["stream"] else client.chat.complete)(model="m", messages=ASK)
    for part in (event.data for event in said) if order["stream"] else [said]:
        if part.usage:
            details = getattr(part.usage, "prompt_tokens_details", None)
            made.usage = {"input": part.usage.prompt_tokens, "output": part.usage.completion_tokens,
                          "cached": details and getattr(details, "cached_tokens", None)}
        for choice in part.choices[:1]:
            message = choice.delta if order["stream"] else choice.message
            mistral_content(made, message.content)
            for place, call in enumerate(message.tool_calls or []):
                made.tool(call.index if order["stream"] else place, call.function.name, call.function.arguments)
            made.finish = choice.finish_reason or made.finish
    return made.told()


# -- Google ----------------------------------------------------------------------------------------------------------

def google_sdk(order):
    client = genai.Client(api_key="k", http_options=genai_types.HttpOptions(base_url=URL, timeout=5000))
    if order["call"] == "embedding":
        said = client.models.embed_content(model="m", contents=["one", "two"])
        return {"vectors": [item.values for item in said.embeddings]}
    if order["call"] == "count":
        return {"tokens": client.models.count_tokens(model="m", contents="hi").total_tokens}
    ask = client.models.generate_content_stream if order["stream"] else client.models.generate_content
    made = Made()
    said = ask(model="m", contents="hi")
    for part in said if order["stream"] else [said]:
        usage = part.usage_metadata
        if usage:
            thoughts = usage.thoughts_token_count or 0
            made.usage = {"input": (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
                          "output": (usage.candidates_token_count or 0) + thoughts,
                          "cached": usage.cached_content_token_count, "reasoning": thoughts}
        if part.prompt_feedback and part.prompt_feedback.block_reason:
            made.finish = part.prompt_feedback.block_reason.value
        for candidate in (part.candidates or [])[:1]:
            for piece in (candidate.content and candidate.content.parts) or []:
                if piece.function_call:
                    made.tool(len(made.calls), piece.function_call.name, piece.function_call.args)
                elif piece.text and piece.thought:
                    made.reasoning += piece.text
                else:
                    made.text += piece.text or ""
            made.finish = candidate.finish_reason.value if candidate.finish_reason else made.finish
    return made.told()


# -- Bedrock ---------------------------------------------------------------------------------------------------------

def bedrock_sdk(order):
    config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=5, parameter_validation=False)
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=URL, aws_access_key_id="a",
                          aws_secret_access_key="b", config=config)
    ask = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    if order["call"] == "count":
        told = client.count_tokens(modelId="m", input={"converse": {"messages": ask["messages"]}})
        return {"tokens": told["inputTokens"]}
    if order["call"] == "embedding":
        return {"json": json.loads(client.invoke_model(modelId="m", body=b"{}")["body"].read())}
    made = Made()
    if not order["stream"]:
        said = client.converse(**ask)
        for place, block in enumerate(said.get("output", {}).get("message", {}).get("content", [])):
            made.text += block.get("text", "")
            made.reasoning += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
            if "toolUse" in block:
                made.tool(place, block["toolUse"]["name"], block["toolUse"]["input"])
        made.finish = said.get("stopReason")
        bedrock_usage(made, said.get("usage"))
        return made.told()
    for event in client.converse_stream(**ask)["stream"]:
        start = event.get("contentBlockStart")
        if start and "toolUse" in start["start"]:
            made.tool(start["contentBlockIndex"], start["start"]["toolUse"]["name"], "")
        piece = event.get("contentBlockDelta")
        if piece:
            made.text += piece["delta"].get("text", "")
            made.reasoning += piece["delta"].get("reasoningContent", {}).get("text", "")
            if "toolUse" in piece["delta"]:
                made.tool(piece["contentBlockIndex"], "", piece["delta"]["toolUse"]["input"])
        made.finish = event.get("messageStop", {}).get("stopReason", made.finish)
        bedrock_usage(made, event.get("metadata", {}).get("usage"))
    return made.told()


def bedrock_usage(made, usage):
    if usage:
        cached, written = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
        made.usage = {"input": usage["inputTokens"] + cached + written, "output": usage["outputTokens"], "cached": cached,
                      "cache_write": written}


def beside(name):
    """A module of this folder, which is not on the path: its names would hide packages."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


request_checks = beside("_request_checks")
SDKS = {"openai": openai_sdk, "azure": azure_sdk, "anthropic": anthropic_sdk, "mistral": mistral_sdk,
        "google": google_sdk, "bedrock": bedrock_sdk}


def status_of(err):
    if isinstance(err, botocore.exceptions.ClientError):
        return err.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if isinstance(err, genai_errors.APIError):
        return err.code
    return getattr(err, "status_code", None)


REFUSALS = (openai.APIError, anthropic.APIError, mistral_errors.MistralError, genai_errors.APIError,
            botocore.exceptions.ClientError, botocore.exceptions.EventStreamError)
for line in sys.stdin:
    answer = json.loads(line)
    try:
        if "sent" in answer:
            told = {"complaint": request_checks.complaint(answer["sdk"], answer["call"], answer["sent"])}
        else:
            told = SDKS[answer["sdk"]](answer)
    except REFUSALS as refusal:
        told = {"error": {"class": type(refusal).__name__, "status": status_of(refusal), "words": str(refusal)[:300]}}
    except Exception as complaint:  # the client could not read it
        told = {"complaint": f"{type(complaint).__name__}: {complaint}"[:500]}
    print(json.dumps(told), flush=True)
