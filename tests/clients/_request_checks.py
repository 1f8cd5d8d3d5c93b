"""Part of _fixture_calls.py: holds the bodies of our requests to what the vendors' own clients would send."""

import anthropic.types
import botocore.session
import botocore.validate
import openai.types
import openai.types.chat
import pydantic
from google.genai import types as google
from mistralai.client import models as mistral


def plain(value):
    """Without pydantic's lazy lists: what they hold is checked as they are read."""
    if isinstance(value, pydantic.BaseModel):
        value = value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, (str, bytes, int, float)) or value is None:
        return value
    return [plain(item) for item in value]


def unknown(wanted, found, place="body"):
    """Members that the types dropped or changed."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [text for name in wanted
                for text in (unknown(wanted[name], found[name], f"{place}.{name}") if name in found else [f"{place}.{name}"])]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [text for number, pair in enumerate(zip(wanted, found)) for text in unknown(*pair, f"{place}.{number}")]
    return [] if wanted == found else [f"{place}: {wanted!r} became {found!r}"]


def by_type(kind):
    adapter = pydantic.TypeAdapter(kind)

    def check(body):
        return unknown(body, plain(adapter.validate_python(body)))
    return check


def google_request(body):
    """generateContent has no type of its own: each member has."""
    kinds = {"contents": list[google.Content], "systemInstruction": google.Content, "tools": list[google.Tool],
             "toolConfig": google.ToolConfig, "generationConfig": google.GenerationConfig,
             "safetySettings": list[google.SafetySetting], "labels": dict[str, str]}
    found = [f"body.{name}" for name in body if name not in kinds]
    for name in body.keys() & kinds.keys():
        pydantic.TypeAdapter(kinds[name]).validate_python(body[name])  # they forbid strangers
    return found


runtime = botocore.session.Session().get_service_model("bedrock-runtime")


def converse(operation):
    def check(body):
        report = botocore.validate.ParamValidator().validate({"modelId": "m", **body},
                                                             runtime.operation_model(operation).input_shape)
        return [report.generate_report()] if report.has_errors() else []
    return check


CHECKS = {
    ("openai", "chat"): by_type(openai.types.chat.completion_create_params.CompletionCreateParams),
    ("openai", "completion"): by_type(openai.types.completion_create_params.CompletionCreateParams),
    ("openai", "embedding"): by_type(openai.types.EmbeddingCreateParams),
    ("anthropic", "chat"): by_type(anthropic.types.message_create_params.MessageCreateParams),
    ("anthropic", "count"): by_type(anthropic.types.MessageCountTokensParams),
    ("mistral", "chat"): by_type(mistral.ChatCompletionRequest),
    ("mistral", "completion"): by_type(mistral.FIMCompletionRequest),
    ("mistral", "embedding"): by_type(mistral.EmbeddingRequest),
    ("google", "chat"): google_request,
    ("bedrock", "chat"): converse("Converse"),
    ("bedrock", "count"): converse("CountTokens"),
}


def complaint(sdk, call, body):
    """Empty when the client's types know every member."""
    try:
        return "; ".join(CHECKS[sdk, call](body))[:700]
    except pydantic.ValidationError as refusal:
        return str(refusal)[:700]
