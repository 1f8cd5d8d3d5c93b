"""Paths and methods that nobody serves: each client is told so in its own API's words, before any model server is asked."""
from harness.runner import add_case, case, equal, truth

from ._client_env import CHAT, KEY, MESSAGES, chat
from ._env import NO_HEADER

ANTHROPIC, GEMINI = {"anthropic-version": "2023-06-01"}, {"x-goog-api-client": "google-genai-sdk/3.6.1"}
# what tells the API by its words: status → its error
WORDS = {
    "openai": lambda body, status: (body["error"]["type"], body["error"]["code"], set(body["error"])) == (
        "invalid_request_error", "invalid_api_key" if status == 401 else "unknown_url", {"message", "type", "param", "code"}),
    "anthropic": lambda body, status: (body["type"], body["error"]["type"], bool(body["request_id"])) == (
        "error", "authentication_error" if status == 401 else "not_found_error", True),
    "gemini": lambda body, status: (body["error"]["code"], body["error"]["status"]) == (
        status, {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}[status]),
    "gitlab": lambda body, status: body == NO_HEADER if status == 401 else set(body) == {"detail"},
}


def ask(env, method, path, headers):
    for script in (env.openai, env.anthropic):
        script.seen.clear()
    response = env.request(method, path, headers, "{}" if method in ("POST", "PUT", "PATCH") else None)
    equal(env.openai.count + env.anthropic.count, 0, f"requests at the servers after {method} {path}")
    return response


def row(ident, api, status, paths, allow=None, keyless=None, headers=None):
    """paths: "METHOD /path", one a line. keyless: whose words they are without a key."""
    def run(env):
        for method, path in (line.split() for line in paths.strip().split("\n")):
            for prefix in ("", "/ai"):
                response = ask(env, method, prefix + path, {"Authorization": f"Bearer {KEY}", **(headers or {})})
                equal((response.status, response.header("allow")), (status, allow), f"{method} {prefix}{path} ({response.text[:200]})")
                truth(method == "HEAD" or WORDS[api](response.json(), status), f"{api}'s words for {method} {path}", response.text)
                truth(response.header("x-request-id") and response.header("request-id"), f"both ids of {method} {path}", response.headers)
            response = ask(env, method, path, headers or {})
            equal((response.status, response.header("allow")), (401, None), f"{method} {path} without a key")
            truth(method == "HEAD" or WORDS[keyless or api](response.json(), 401), f"words for {method} {path} without a key", response.text)
    add_case(ident, "client-apis", run, __name__)


row("CL-MAP-33", "openai", 404, """
GET /v1/props
GET /v1
GET /v1/health
GET /health
GET /api/tags
POST /api/show
GET /api/version
GET /favicon.ico
POST /v1/rerank
DELETE /somewhere/else
""", keyless="gitlab")
row("CL-MAP-33-openai", "openai", 404, """
GET /v1/files
DELETE /v1/files/file-7
GET /v1/files/file-7/content
POST /v1/fine_tuning/jobs
POST /v1/audio/transcriptions
POST /v1/images/edits
PATCH /v1/moderations
GET /v1/batches/batch_7
POST /v1/threads/thread_7/runs
GET /v1/chat/completions/chatcmpl-7
POST /v1/conversations/conv_7/items
GET /v1/realtime
GET /v1/v1/whatever
GET /openai
GET /openai/v1/whatever
PUT /openai/deployments/x/images/generations
POST /v1/engines/davinci/completions
""")
row("CL-MAP-33-anthropic", "anthropic", 404, """
POST /v1/messages/batches
GET /v1/messages/batches/msgbatch_7/results
POST /v1/complete
GET /v1/organizations
GET /v1/organizations/api_keys/7
POST /v1/oauth/token
POST /api/event_logging/batch
GET /anthropic
DELETE /anthropic/v1/whatever
""")
row("CL-MAP-33-by-header", "anthropic", 404, "POST /v1/files\nGET /v1/skills/skill_7", headers=ANTHROPIC)
row("CL-MAP-33-by-header-gemini", "gemini", 404, "POST /v1/files\nGET /v1/v1/x", headers=GEMINI)
row("CL-MAP-33-gemini", "gemini", 404, """
GET /v1beta
GET /v1beta/files
POST /v1beta/cachedContents
POST /v1beta/models/gpt:predict
DELETE /v1alpha/tunedModels/x
POST /upload/v1beta/files
GET /gemini
PUT /gemini/v1beta/whatever
POST /v1/projects/p/locations/l/publishers/google/models/m:predict
""")
row("CL-MAP-33-method", "openai", 405, """
GET /v1/chat/completions
PUT /v1/chat/completions
HEAD /v1/completions
DELETE /v1/embeddings
OPTIONS /v1/chat/completions
GET /openai/v1/chat/completions
PATCH /chat/completions
GET /openai/deployments/gpt/chat/completions
""", allow="POST")
row("CL-MAP-33-method-responses", "openai", 405, "PUT /v1/responses/resp_7", allow="DELETE, GET, HEAD")
row("CL-MAP-33-method-models", "openai", 405, "POST /v1/models\nDELETE /v1/models/gpt", allow="GET, HEAD")
row("CL-MAP-33-method-anthropic", "anthropic", 405, "GET /v1/messages\nPUT /v1/messages/count_tokens\nGET /anthropic/v1/messages",
    allow="POST")
row("CL-MAP-33-method-gemini", "gemini", 405, "PUT /v1beta/models/gpt:generateContent", allow="GET, HEAD, POST")


@case("CL-MAP-33-gitlab", "client-apis")
def gitlab(env):
    """What GitLab finds where nothing is served stays what it was, and its own paths are nobody else's."""
    for method, path, status in (("GET", "/v1/whatever", 404), ("POST", "/v1/x-ray/libraries", 404), ("GET", "/v2/code/completions", 405)):
        response = ask(env, method, path, env.auth())
        equal(response.status, status, f"status of {path}")
        truth(WORDS["gitlab"](response.json(), status), "the contract's words", response.text)
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": "Bearer a.b.c"}):
        response = ask(env, "GET", "/v1/whatever", headers)
        truth(response.status == 401 and isinstance(response.json()["error"], str), "the contract's 401", response.text)
    response = ask(env, "GET", "/v1/chat/agent", {"Authorization": f"Bearer {KEY}"})
    truth(response.status == 401 and isinstance(response.json()["error"], str), "a key is none of GitLab's", response.text)


@case("CL-MAP-33-bad-key", "client-apis")
def bad_key(env):
    for path in ("/v1/files", "/openai/whatever"):
        response = ask(env, "GET", path, {"Authorization": "Bearer aigw-nobody-canary"})
        equal((response.status, response.json()["error"]["code"], response.header("x-should-retry")), (401, "invalid_api_key", "false"), path)
    response = ask(env, "GET", MESSAGES, {"x-api-key": "aigw-nobody-canary"})
    equal((response.status, response.json()["error"]["type"]), (401, "authentication_error"), "a method that is not served")
    equal(env.ask(CHAT, chat()).status, 200, "… and the way it is")
