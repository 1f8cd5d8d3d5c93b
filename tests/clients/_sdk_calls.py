"""A child of sdk_clients.py: calls a gateway with the vendors' Python clients. Each line on standard input is one
call, as in sdk_clients.mjs; each is answered by one line. Ends when standard input closes."""
import json
import sys

import anthropic
import openai
from google import genai
from google.genai import errors as google_errors
from google.genai.types import HttpOptions
from google.oauth2.credentials import Credentials

ASK = [{"role": "user", "content": "hi"}]


def anthropic_client(order):
    return anthropic.Anthropic(auth_token=order["token"], base_url=order["url"] + "/v1/proxy/anthropic",
                               default_headers=order["headers"], max_retries=0)


def openai_client(order):
    return openai.OpenAI(api_key=order["token"], base_url=order["url"] + "/v1/proxy/openai/v1",
                         default_headers=order["headers"], max_retries=0)


def anthropic_whole(order):
    made = anthropic_client(order).messages.create(model=order["model"], max_tokens=64, messages=ASK)
    return {"text": made.content[0].text, "stop": made.stop_reason}


def anthropic_stream(order):
    with anthropic_client(order).messages.stream(model=order["model"], max_tokens=64, messages=ASK) as stream:
        pieces = list(stream.text_stream)
        return {"text": stream.get_final_text(), "pieces": pieces}


def anthropic_count(order):
    count = anthropic_client(order).beta.messages.count_tokens(model=order["model"], messages=ASK)
    return {"tokens": count.input_tokens}


def openai_whole(order):
    made = openai_client(order).chat.completions.create(model=order["model"], messages=ASK)
    return {"text": made.choices[0].message.content, "stop": made.choices[0].finish_reason}


def openai_stream(order):
    stream = openai_client(order).chat.completions.create(model=order["model"], messages=ASK, stream=True)
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content]
    return {"text": "".join(pieces), "pieces": pieces}


def openai_embeddings(order):
    made = openai_client(order).embeddings.create(model=order["model"], input=["a", "b"])
    return {"vectors": [item.embedding for item in made.data]}


def google_client(order):
    options = HttpOptions(base_url=order["url"] + "/v1/proxy/vertex-ai", api_version="v1", headers=order["headers"])
    return genai.Client(vertexai=True, project="PROJECT", location="LOCATION", credentials=Credentials(order["token"]),
                        http_options=options)


def google_whole(order):
    with google_client(order) as client:  # which closes itself once nobody holds it
        return {"text": client.models.generate_content(model=order["model"], contents="hi").text}


def google_stream(order):
    with google_client(order) as client:
        chunks = client.models.generate_content_stream(model=order["model"], contents="hi")
        return {"text": "".join(chunk.text for chunk in chunks)}


def claude_on_vertex_stream(order):
    client = anthropic.AnthropicVertex(region="LOCATION", project_id="PROJECT", access_token=order["token"], max_retries=0,
                                       base_url=order["url"] + "/v1/proxy/vertex-ai/v1", default_headers=order["headers"])
    with client.messages.stream(model=order["model"], max_tokens=64, messages=ASK) as stream:
        return {"text": stream.get_final_text()}


CALLS = {name: call for name, call in globals().items()
         if name.startswith(("anthropic_", "openai_", "google_", "claude_"))}


def answer(order):
    try:
        return CALLS[f"{order['client']}_{order['call']}"](order)
    except (anthropic.APIError, openai.APIError, google_errors.APIError) as err:
        response = getattr(err, "response", None)
        status = getattr(err, "status_code", getattr(err, "code", None))
        return {"error": {"kind": type(err).__name__, "status": status, "message": str(err),
                          "retryAfter": response.headers.get("retry-after") if response is not None else None}}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
