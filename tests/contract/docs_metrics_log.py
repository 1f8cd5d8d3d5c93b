"""C-DOC, C-MET, C-LOG: the API document, the metrics page and the log lines."""
import datetime
import json
import re
import time

from harness import http
from harness.runner import case, equal, fixture, truth

from . import _openapi
from ._env import API_KEY, NO_HEADER, VERBOSE, Env, Reply, check, completion, detail

PATH = "/v2/code/completions"
ROUTES = ["/v2/code/completions", "/v2/completions", "/v1/code/user_access_token", "/monitoring/healthz",
          "/monitoring/ready"]


@fixture("doc")
def doc(ctx):
    return Env(ctx, name="doc")


@fixture("doc-closed")
def doc_closed(ctx):
    return Env(ctx, conf="server: { docs_open = false; };\n", name="doc-closed")


@fixture("met")
def met(ctx):
    return Env(ctx, name="met")


@fixture("log")
def log(ctx):
    return Env(ctx, name="log")


# -- documents ---------------------------------------------------------------------------------------------------------

@case("C-DOC-001", "doc")
def openapi(env):
    response = check(env.request("GET", "/openapi.json"), 200, headers={"content-type": "application/json"})
    document = response.json()
    truth(document["openapi"].startswith("3."), "openapi 3.x", document["openapi"])
    equal(document["info"]["title"], "GitLab AI Gateway", "info.title")
    for path in ROUTES:
        truth(path in document["paths"], f"{path} in the document", list(document["paths"]))


@case("C-DOC-001-valid", "doc")
def openapi_is_valid(env):
    found = _openapi.problems(env.request("GET", "/openapi.json").json())
    equal(found, [], "problems in the OpenAPI 3.1 document")


@case("C-DOC-001-body", "doc")
def openapi_describes_bodies(env):
    document = env.request("GET", "/openapi.json").json()
    operation = document["paths"][PATH]["post"]
    truth("requestBody" in operation, "a requestBody", operation)
    truth("200" in operation["responses"] and "422" in operation["responses"], "responses 200 and 422",
          list(operation["responses"]))
    for path in document["paths"]:
        truth(":path" not in path, "templates without a converter (§14)", path)


@case("C-DOC-002 S-12", "doc")
def docs_page(env):
    """D1: open without a token, works offline: every asset comes from the gateway itself."""
    response = check(env.request("GET", "/docs"), 200)
    truth((response.header("content-type") or "").startswith("text/html"), "text/html", response.header("content-type"))
    page = response.text
    truth("AI Gateway" in page, "the title", page[:300])
    assets = re.findall(r"""(?:src|href)\s*=\s*["']([^"'#]+)["']""", page)
    for asset in assets:
        truth(not re.match(r"(?:https?:)?//", asset), "no asset from elsewhere", asset)
        if asset.startswith("data:"):
            continue
        target = asset if asset.startswith("/") else "/" + asset
        check(env.request("GET", target), 200)
    outside = re.findall(r"""(?:fetch|import)\(\s*["'](https?:[^"']+)""", page)
    equal(outside, [], "addresses the page loads from")


@case("C-DOC-002-head", "doc")
def head_of_docs(env):
    response = check(env.request("HEAD", "/docs"), 200)
    equal(response.body, b"", "body of HEAD")


@case("D1-closed", "doc-closed")
def docs_can_be_closed(env):
    for path in ("/docs", "/openapi.json"):
        check(env.request("GET", path), 401, NO_HEADER)
        check(env.request("GET", path, env.auth()), 200)


@case("D1-no-secrets", "doc")
def documents_hold_no_secret(env):
    env.token()
    text = env.request("GET", "/openapi.json").text + env.request("GET", "/docs").text
    for secret in env.ctx.secrets:
        truth(secret not in text, "no secret in the documents", secret[:6])


# -- metrics -----------------------------------------------------------------------------------------------------------

SAMPLE = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
                    r'(,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*,?\})? '
                    r'(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?Inf|NaN)$')


def grows_to(env, wanted, name, **labels):
    """A request is counted once its answer has gone out: the page may be a moment behind the client."""
    deadline = time.monotonic() + 3
    while True:
        found = env.gw.metric(name, **labels) or 0
        if found >= wanted:
            equal(found, wanted, f"{name} {labels}")
            return
        truth(time.monotonic() < deadline, f"{name} {labels} {wanted}", found)


@case("C-MET-001", "met")
def counts_requests(env):
    labels = dict(handler=PATH, method="POST", status="2xx")
    before = env.gw.metric("http_request_duration_seconds_count", **labels) or 0
    check(env.post(PATH, completion(env.models.script(Reply())), env.auth()), 200)
    grows_to(env, before + 1, "http_request_duration_seconds_count", **labels)
    check(env.post(PATH, completion()), 401)
    grows_to(env, 1, "http_request_duration_seconds_count", handler=PATH, status="4xx")


@case("C-MET-002", "met")
def exempt_paths_are_not_counted(env):
    paths = ("/monitoring/healthz", "/monitoring/ready", "/v1/models/definitions", "/nope")
    for path in paths:
        env.request("GET", path)
    page = env.gw.metrics()
    for path in paths:
        truth(f'handler="{path}"' not in page, f"no series for {path}", page[:200])


@case("C-MET-003 S-41", "met")
def page_is_well_formed(env):
    labels = dict(handler=PATH, method="POST", status="2xx")
    before = env.gw.metric("http_request_duration_seconds_count", **labels) or 0
    check(env.post(PATH, completion(env.models.script(Reply())), env.auth()), 200)
    grows_to(env, before + 1, "http_request_duration_seconds_count", **labels)
    response = http.request(env.gw.metrics_port, "GET", "/metrics")
    equal(response.status, 200, "status")
    truth((response.header("content-type") or "").startswith("text/plain"), "text/plain",
          response.header("content-type"))
    types, seen = {}, set()
    for line in response.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            truth(name not in types, f"one TYPE line for {name}", line)
            types[name] = kind
        elif line and not line.startswith("#"):
            truth(SAMPLE.match(line), "a sample in the Prometheus text format", line)
            series = line.rpartition(" ")[0]
            truth(series not in seen, "each series once", series)
            seen.add(series)
    equal(types.get("http_request_duration_seconds"), "histogram", "type of http_request_duration_seconds")
    truth(response.body.endswith(b"\n"), "a line end at the end", response.body[-20:])
    buckets = [line for line in response.text.splitlines() if line.startswith("http_request_duration_seconds_bucket{")]
    bounds = {re.search(r'le="([^"]+)"', line).group(1) for line in buckets}
    equal({float(bound) for bound in bounds}, {0.5, 1, 2.5, 5, 10, 30, 60, float("inf")}, "buckets")


@case("C-MET-004", "met")
def model_metrics(env):
    before = env.gw.metric("model_inferences_total") or 0
    check(env.post(PATH, completion(env.models.script(Reply(usage=(12, 5)))), env.auth()), 200)
    grows_to(env, before + 1, "model_inferences_total")
    truth((env.gw.metric("inference_input_tokens_total") or 0) >= 12, "input tokens counted", env.gw.metrics()[-800:])


@case("C-MET-005", "met")
def label_values_are_bounded(env):
    """Caller-controlled labels cannot grow the page without limit, nor break its format."""
    script = env.models.script(Reply())
    for number in range(60):
        headers = {**env.auth(), "X-Gitlab-Client-Type": f'odd"\\\n{number}'.replace("\n", "n"),
                   "X-Gitlab-Version": f"18.{number}.0", "X-Gitlab-Language-Server-Version": f"8.{number}"}
        check(env.post(PATH, completion(script), headers), 200)
    page_is_well_formed(env)


@case("C-MET-006", "met")
def metrics_hold_no_secret(env):
    page = env.gw.metrics()
    for secret in list(env.ctx.secrets) + [env.auth()["X-Gitlab-Instance-Id"]]:
        truth(secret not in page, "no secret or id in the metrics", secret[:8])


@case("C-MET-007", "met")
def not_on_the_api_port(env):
    check(env.request("GET", "/metrics"), 404, detail("Not Found"))
    root = http.request(env.gw.metrics_port, "GET", "/")
    equal(root.status, 200, "status of / on the metrics port")


# -- log ---------------------------------------------------------------------------------------------------------------

def is_access(line, request_id):
    return line.get("logger") == "api.access" and line.get("correlation_id") == request_id


def access_line(env, request_id):
    line = env.gw.wait_line(lambda item: is_access(item, request_id))
    truth(line is not None, f"an access line for {request_id}", [item.get("message") for item in env.gw.lines[-5:]])
    return line


@case("C-LOG-001", "log")
def one_line_per_request(env):
    """Values in the query are masked (auth-and-config.md §3.4)."""
    headers = {**env.auth(), "User-Agent": "test/1", "X-Gitlab-Version": "18.9.0"}
    response = check(env.post(PATH + "?q=1", completion(env.models.script(Reply())), headers), 200)
    ident = response.header("x-request-id")
    line = access_line(env, ident)
    for name, wanted in (("status_code", 200), ("method", "POST"), ("path", PATH + "?q=*"), ("level", "info"),
                         ("type", "mlops"), ("stage", "main"), ("client_ip", "127.0.0.1"), ("user_agent", "test/1"),
                         ("http_version", "1.1"), ("gitlab_version", "18.9.0"), ("gitlab_realm", "self-managed"),
                         ("content_type", "application/json"), ("token_issuer", env.gitlab.external_url)):
        equal(line.get(name), wanted, f"member {name}")
    for name in ("duration_s", "response_start_duration_s", "first_chunk_duration_s", "cpu_s", "auth_duration_s"):
        truth(isinstance(line.get(name), (int, float)) and line[name] >= 0, f"{name} as seconds", line.get(name))
    truth(re.fullmatch(r'127\.0\.0\.1:\d+ - "POST /v2/code/completions\?q=\* HTTP/1\.1" 200', line["message"]),
          "the message of §12", line["message"])
    datetime.datetime.fromisoformat(line["request_arrived_at"])
    truth(line["timestamp"].endswith("Z"), "a UTC timestamp", line["timestamp"])
    count = sum(1 for item in env.gw.lines if is_access(item, ident))
    equal(count, 1, "access lines for the request")


@case("C-LOG-002", "log")
def rails_send_start(env):
    response = env.request("GET", "/monitoring/healthz")
    equal(access_line(env, response.header("x-request-id")).get("duration_request"), -1, "duration_request")
    response = env.request("GET", "/monitoring/healthz", {"X-Gitlab-Rails-Send-Start": "soon"})
    equal(access_line(env, response.header("x-request-id")).get("duration_request"), -1, "duration_request")
    response = env.request("GET", "/monitoring/healthz", {"X-Gitlab-Rails-Send-Start": f"{time.time() - 2:.6f}"})
    found = access_line(env, response.header("x-request-id")).get("duration_request")
    truth(1.5 < found < 10, "about 2 s", found)


@case("C-LOG-003", "log")
def refusals_are_logged(env):
    response = env.post(PATH, completion(), {"X-Request-ID": "log-401"})
    equal(response.status, 401, "status")
    line = access_line(env, "log-401")
    equal(line["status_code"], 401, "status_code")
    equal(line.get("auth_error_details"), "No authorization header presented", "auth_error_details")
    env.request("GET", "/nope", {**env.auth(), "X-Request-ID": "log-404"})
    line = access_line(env, "log-404")
    equal(line["status_code"], 404, "status_code")
    equal(line.get("http_exception_details"), "404: Not Found", "http_exception_details")


@case("C-LOG-004", "log")
def preflights_are_not_logged(env):
    env.request("OPTIONS", PATH, {"Origin": "https://x.test", "Access-Control-Request-Method": "POST",
                                  "X-Request-ID": "log-preflight"})
    env.request("GET", "/monitoring/healthz", {"X-Request-ID": "log-after-preflight"})
    access_line(env, "log-after-preflight")
    truth(not any(item.get("correlation_id") == "log-preflight" and item.get("logger") == "api.access"
                  for item in env.gw.lines), "no access line for a preflight", "one")


@case("C-LOG-005", "log")
def every_line_is_json(env):
    for item in env.gw.lines:
        truth(not item.get("not_json"), "JSON on every line", item.get("message"))
        for name in ("message", "level", "logger", "timestamp"):
            truth(name in item, f"{name} on every line", item)
        truth(item["level"] in ("debug", "info", "warning", "error", "critical"), "a known level", item["level"])


@case("C-LOG-006", "log")
def lines_cannot_be_forged(env):
    forged = '{"message":"forged","logger":"api.access"}'
    headers = {"X-Request-ID": "log-forge", "User-Agent": f'x","forged":"1 {forged}'}
    env.request("GET", '/nope?a="%0a' + forged.replace('"', "%22"), headers)
    line = access_line(env, "log-forge")
    truth("forged" not in line, "no member from a header", line)
    truth(not any(item.get("message") == "forged" for item in env.gw.lines), "no forged line", "one")


@case("C-LOG-007", "log")
def prompts_are_not_logged(env):
    """Not without the verbose header, which is part of another contract; keys never."""
    marker = "canary_prompt_text_81f2"
    answer = "canary_answer_text_77aa"
    body = completion(env.models.script(Reply(pieces=(answer,))))
    body["current_file"]["content_above_cursor"] = marker
    response = check(env.post(PATH, body, {**env.auth(), "X-Request-ID": "log-prompt"}), 200)
    truth(answer in response.text, "the answer", response.text)
    access_line(env, "log-prompt")
    text = "".join(env.gw.raw)
    truth(marker not in text and answer not in text, "no prompt or answer text in the log", "found")


@case("C-LOG-008", "log")
def keys_are_never_logged(env):
    secret = env.ctx.secret("sk-canary-in-many-places-20b7")
    token = env.token()
    body = completion(env.models.script(Reply(status=401, body={"error": {"message": f"bad key {secret}"}})),
                      model_api_key=secret)
    headers = {**env.auth(token), **VERBOSE, "X-Request-ID": "log-keys", "X-Api-Key": secret,
               "Referer": f"https://u:{secret}@h/", "Cookie": f"s={secret}"}
    env.post(PATH + f"?private_token={secret}", body, headers)
    env.post(PATH, body, {**env.auth(token), "X-Request-ID": "log-keys-2", "Authorization": f"Basic {secret}"})
    access_line(env, "log-keys")
    access_line(env, "log-keys-2")
    text = "".join(env.gw.raw)
    for canary in (token, API_KEY):
        truth(canary not in text, "no token or key in the log", canary[:8])
    lines = [line for line in env.gw.raw if secret in line]
    equal(lines, [], "log lines with a model key")


@case("C-LOG-009", "log")
def long_values_are_cut(env):
    env.request("GET", "/nope?" + "a" * 8000, {"X-Request-ID": "log-long"})
    line = env.gw.wait_line(lambda item: item.get("correlation_id") == "log-long")
    truth(line, "an access line", "none")
    truth(len(json.dumps(line)) < 30000, "values cut to about 4 KiB", len(json.dumps(line)))


PARTS = [  # what is asked → part of GitLab, right (auth-and-config.md §1.9)
    ("/v2/code/completions", "code_suggestions", "complete_code"),
    ("/v4/code/suggestions", "code_suggestions", "generate_code"),
    ("/v2/chat/agent", "duo_chat", "duo_classic_chat"),
    ("/v1/chat/agent", "duo_chat", "duo_chat"),
    ("/v1/chat/explain_vulnerability", "vulnerability_management", "explain_vulnerability"),
    ("/v1/chat/summarize_comments", "team_planning", "summarize_comments"),
    ("/v1/chat/troubleshoot_job", "continuous_integration", "troubleshoot_job"),
    ("/v1/prompts/chat%2Fsummarize_comments", "ai_abstraction_layer", "summarize_comments"),
    ("/v1/search/gitlab-docs", "duo_chat", "documentation_search"),
]


def body_for(path, script):
    """A good body for a path of PARTS."""
    model = {"provider": "openai", "name": "mistral", "endpoint": script.base, "identifier": "custom_openai/m"}
    if path.startswith("/v2/code"):
        return completion(script)
    if path.startswith("/v4"):
        return {"model_metadata": model, "prompt_components": [{"type": "code_editor_generation", "payload": {
            "file_name": "a.py", "content_above_cursor": "x", "content_below_cursor": ""}}]}
    if path.startswith("/v2/chat"):
        return {"model_metadata": model, "messages": [{"role": "user", "content": "q"}]}
    if path.startswith("/v1/chat"):
        return {"prompt_components": [{"type": "p", "metadata": {"source": "s", "version": "1"}, "payload": {
            "content": "q", "provider": "litellm", "model": "mistral", "model_endpoint": script.base,
            "model_identifier": "custom_openai/m"}}]}
    if path.startswith("/v1/search"):
        return {"type": "search-docs", "metadata": {"source": "s", "version": "1"}, "payload": {"query": "upload"}}
    return {"model_metadata": model, "inputs": {"notes_content": "n"}}


@case("C-LOG-010", "log")
def which_part_of_gitlab(env):
    """In the access line, and on the metrics of the model it asked."""
    for number, (path, category, primitive) in enumerate(PARTS):
        script = env.models.script(Reply(pieces=("Final Answer: x",)))
        ident = f"log-part-{number}"
        rights = ["duo_classic_chat", *(right for _, _, right in PARTS)]
        check(env.post(path, body_for(path, script), {**env.auth(env.token(rights)), "X-Request-ID": ident}), 200)
        line = access_line(env, ident)
        equal((line["meta.feature_category"], line["meta.unit_primitive"]), (category, primitive), path)
        if script.count:
            found = env.gw.metric("model_inferences_total", feature_category=category, unit_primitive=primitive)
            truth(found and found >= 1, f"model_inferences_total of {path}", found)


@case("C-LOG-011", "log")
def what_belongs_to_the_request(env):
    script = env.models.script(Reply(pieces=("t\nAction: issue_reader\nAction Input: #1",)))
    headers = {**env.auth(), "X-Gitlab-Version": "17.0.0", "X-Request-ID": "log-tools",
               "x-gitlab-enabled-feature-flags": "flag_b,flag_a,flag_b"}
    check(env.post("/v2/chat/agent", body_for("/v2/chat/agent", script), headers), 200)
    line = access_line(env, "log-tools")
    equal(line["enabled_feature_flags"], "flag_b,flag_a", "enabled_feature_flags")
    equal(line["duo_chat.agent_available_tools"], "epic_reader,issue_reader,work_item_reader,gitlab_documentation",
          "duo_chat.agent_available_tools")
    equal(line["duo_chat.agent_tool_action"], "issue_reader", "duo_chat.agent_tool_action")


@case("D22-forwarded", "log")
def forwarded_headers_are_not_trusted(env):
    env.request("GET", "/monitoring/healthz", {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "log-forwarded"})
    equal(access_line(env, "log-forwarded")["client_ip"], "127.0.0.1", "client_ip")


@fixture("log-proxy")
def log_proxy(ctx):
    return Env(ctx, conf='server: { trusted_proxies = ( "127.0.0.0/8" ); };\n', name="log-proxy")


@case("D22-trusted", "log-proxy")
def configured_proxies_are_trusted(env):
    env.request("GET", "/monitoring/healthz", {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "log-forwarded"})
    equal(access_line(env, "log-forwarded")["client_ip"], "203.0.113.9", "client_ip")


# -- settings that only show -------------------------------------------------------------------------------------------

@fixture("log-trace")
def log_trace(ctx):
    return Env(ctx, name="log-trace", env={
        "AIGW_LOGGING__ENABLE_LITELLM_LOGGING": "true",
        "AIGW_MODEL_ENGINE_LIMITS": json.dumps({"litellm": {"codestral": {"concurrency": 7, "input_tokens": 1000}}})})


@case("SET-model-limits", "log-trace")
def limits_are_gauges(env):
    """auth-and-config.md §2.5: shown, not enforced."""
    labels = dict(model_engine="litellm", model_name="codestral")
    equal(env.gw.metric("model_inferences_max_concurrent", **labels), 7.0, "model_inferences_max_concurrent")
    equal(env.gw.metric("model_max_input_tokens", **labels), 1000.0, "model_max_input_tokens")
    equal(env.gw.metric("model_max_output_tokens", **labels), None, "model_max_output_tokens")


@case("SET-upstream-trace", "log-trace")
def calls_are_traced(env):
    marker = "canary_trace_prompt_5d1c"
    body = completion(env.models.script(Reply()))
    body["current_file"]["content_above_cursor"] = marker
    check(env.post(PATH, body, {**env.auth(), "X-Request-ID": "trace-1"}), 200)
    for message in ("Request to LLM", "Request to LLM complete"):
        line = env.gw.wait_line(lambda item, m=message: item.get("message") == m and
                                item.get("correlation_id") == "trace-1", 3)
        truth(line is not None, f"a line {message}", "none")
    equal(line["status_code"], 200, "status_code")
    text = "".join(env.gw.raw)
    truth(marker not in text and API_KEY not in text, "no prompt and no key in the trace", "found")
