"""The APIs for clients that are no GitLab: what each costs in aigw, beside nginx, which passes one of them through, and
beside two other gateways, LiteLLM (PyPI) and Portkey (npm), which are installed on demand. All ask the same mock."""
import collections
import hashlib
import json
import os
import shutil
import subprocess
import sys

from report import median, ratio, table

KEY = "aigw-bench000-only-for-measurements"
LITELLM, PORTKEY = "litellm[proxy]==1.108.7", "@portkey-ai/gateway@1.15.2"
PEER_STREAMS, PEER_INTERVAL_MS = 50, 100  # what the others can take: 500 events a second
LONG_TURNS = 3, 101  # of conversations as agents send them: 51 kB, which Claude Code begins with, and 134 kB
AGENT_PROMPT, AGENT_TOOLS = 20, 20  # how often the source text stands in their instructions; how many tools they bring
PEER_SECONDS = 5  # at least: they answer a few hundred calls a second

# `servers`: who answers it. The mock speaks OpenAI's chat: that API passes as it is, the others are translated.
Api = collections.namedtuple("Api", "name path body stream_path stream_body servers headers")


def every(text):
    chat = {"model": "bench", "messages": [{"role": "user", "content": text}], "max_tokens": 64, "temperature": 0.0}
    responses = {"model": "bench", "input": text, "max_output_tokens": 64, "store": False}
    gemini = {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {"maxOutputTokens": 64}}
    bearer, google = f"Authorization: Bearer {KEY}", f"x-goog-api-key: {KEY}"
    claude = (f"x-api-key: {KEY}", "anthropic-version: 2023-06-01")
    return [
        Api("OpenAI chat, passed", "/v1/chat/completions", chat, None, {**chat, "stream": True},
            ("nginx", "aigw", "litellm", "portkey"), (bearer,)),
        Api("OpenAI Responses", "/v1/responses", responses, None, {**responses, "stream": True}, ("aigw",), (bearer,)),
        Api("Anthropic Messages", "/v1/messages", chat, None, {**chat, "stream": True}, ("aigw", "litellm"), claude),
        Api("Gemini", "/v1beta/models/bench:generateContent", gemini,
            "/v1beta/models/bench:streamGenerateContent?alt=sse", gemini, ("aigw",), (google,)),
    ]


def conversation(text, turn_count):
    """What an agent sends, by the name of the API: instructions, tools with their schemas, and turns."""
    turns = [{"role": ("user", "assistant")[at % 2], "content": text} for at in range(turn_count)]
    schema = {"type": "object", "additionalProperties": False, "required": ["argument0"], "properties": {
        f"argument{at}": {"type": "string", "description": text[at * 40:at * 40 + 160]} for at in range(5)}}
    tools = [{"name": f"tool{at}", "description": text[:300]} for at in range(AGENT_TOOLS)]
    chat = [{"role": "system", "content": text * AGENT_PROMPT}, *turns]
    functions = [{"type": "function", "function": {**tool, "parameters": schema}} for tool in tools]
    claude = [{**tool, "input_schema": schema} for tool in tools]
    shared = {"model": "bench", "max_tokens": 64}
    bodies = {"OpenAI chat, passed": {**shared, "messages": chat, "tools": functions},
              "Anthropic Messages": {**shared, "system": text * AGENT_PROMPT, "messages": turns, "tools": claude}}
    return {api.name: api._replace(body=bodies[api.name]) for api in every(text) if api.name in bodies}


def key_digest():
    return hashlib.sha256(KEY.encode()).hexdigest()


def conf(upstream_port):
    digest = key_digest()
    return {"92-apis.conf": f"""
providers: {{ bench_apis: {{ plugin = "openai"; base_url = "http://127.0.0.1:{upstream_port}/v1"; api_key = "x"; }}; }};
models: {{ bench: {{ targets = ( {{ provider = "bench_apis"; model = "bench"; }} ); }}; }};
keys: {{ bench: {{ hash = ( "sha256:{digest}" ); }}; }};
"""}


# -- the other gateways ------------------------------------------------------------------------------------------------

def install(folder, name):
    """Their folder, installed once."""
    home = os.path.join(folder, "peers", name)
    done = os.path.join(home, "installed")
    version = LITELLM if name == "litellm" else PORTKEY
    if os.path.exists(done):
        with open(done, encoding="utf-8") as file:
            if file.read() == version:
                return home
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)
    if name == "litellm":
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([os.path.join(home, "bin", "pip"), "install", "--quiet", version], check=True)
    else:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", home, version], check=True)
    with open(done, "w", encoding="utf-8") as file:
        file.write(version)
    return home


def litellm(bench, home, port, upstream_port, workers):
    path = bench.write("litellm.yaml", f"""
model_list:
  - model_name: bench
    litellm_params: {{ model: openai/bench, api_base: "http://127.0.0.1:{upstream_port}/v1", api_key: x }}
general_settings: {{ master_key: "{KEY}" }}
router_settings: {{ disable_cooldowns: true }}
""")
    env = {"PATH": f"{home}/bin:/usr/bin:/bin", "HOME": bench.work, "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False",
           "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True"}
    return [f"{home}/bin/litellm", "--config", path, "--host", "127.0.0.1", "--port", str(port), "--num_workers",
            str(workers)], env, "/health/liveliness"


def portkey(bench, home, port, upstream_port, workers):
    del upstream_port, workers  # the request names its server; it is one process
    start = os.path.join(home, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
    return ["node", start, f"--port={port}", "--headless"], {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": bench.work,
                                                             "NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS":
                                                             "127.0.0.1,localhost"}, "/"


PEERS = {"litellm": litellm, "portkey": portkey}


def request(bench, api, server, upstream_port, is_stream):
    """Options of bench_load for it."""
    headers = list(api.headers)
    if server == "portkey":
        headers += ["x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{upstream_port}/v1"]
    body = bench.write(f"{api.name} {is_stream}.json", api.stream_body if is_stream else api.body)
    path = api.stream_path if is_stream and api.stream_path else api.path
    return ["--path", path, "--body", body, *(option for header in headers for option in ("--header", header))]


def seconds_for(bench, name):
    return max(bench.options.seconds, PEER_SECONDS) if name in PEERS else bench.options.seconds


# -- measuring ---------------------------------------------------------------------------------------------------------

def rows_of(bench, names, api_names, measure):
    """measure(api, server name) in turn for each API that each server has."""
    every_row = [(api, name) for api in every(bench.source_text()) if api.name in api_names or not api_names
                 for name in names if name in api.servers]
    rows = {f"{api.name} · {name}": [] for api, name in every_row}
    for turn in range(bench.options.rounds):
        at = turn % len(every_row)
        for api, name in every_row[at:] + every_row[:at]:
            key = f"{api.name} · {name}"
            rows[key].append(measure(api, name))
            print(f"  round {turn + 1} {key}: {rows[key][-1]}", file=sys.stderr, flush=True)
    return rows


def calls(bench, names):
    port = bench.upstream(100)
    servers = {name: bench.start(name, port, conf(port)) for name in names}

    def measure(api, name):
        options, seconds = request(bench, api, name, port, False), seconds_for(bench, name)
        alone = bench.measure(name, "json", 1, servers[name], port, options, seconds=seconds)
        busy = bench.measure(name, "json", 64, servers[name], port, options, seconds=seconds)
        return {"rps": busy["count"] / busy["seconds"], "cpu_us": busy["cpu_s"] / busy["count"] * 1e6,
                "p50": alone["p50_us"], "p99": alone["p99_us"]}

    rows = rows_of(bench, names, (), measure)
    memory = {name: bench.run_load("memory", 0, "--pids", server.pids())["pss_kb"] / 1024
              for name, server in servers.items()}
    for server in servers.values():
        server.stop()
    return rows, memory


def streams(bench, names, count, interval_ms, api_names=()):
    port = bench.upstream(interval_ms)

    def measure(api, name):
        server = bench.start(name, port, conf(port))
        result = bench.measure(name, "stream", count, server, port, request(bench, api, name, port, True),
                               seconds=seconds_for(bench, name))
        server.stop()
        return bench.event_row(result)

    return rows_of(bench, names, api_names, measure)


def long_calls(bench, turn_count):
    """CPU of a call whose body is long: passed as it is, by nginx too, and translated for the same server."""
    port = bench.upstream(100)
    apis = conversation(bench.source_text(), turn_count)
    rows = {f"{api} · {name}": [] for api, name in (("OpenAI chat, passed", "nginx"), ("OpenAI chat, passed", "aigw"),
                                                    ("Anthropic Messages", "aigw"))}
    for _, key in bench.turns(list(rows)):
        api, name = key.split(" · ")
        server = bench.start(name, port, conf(port))
        result = bench.measure(name, "json", 64, server, port, request(bench, apis[api], name, port, False))
        server.stop()
        rows[key].append({"rps": result["count"] / result["seconds"], "cpu_us": result["cpu_s"] / result["count"] * 1e6})
    return {"body_kb": len(json.dumps(apis["OpenAI chat, passed"].body)) / 1000, "rows": rows}


def run(bench, names, count):
    """names: nginx and aigw, and of the peers those that are wanted."""
    result = {}
    result["calls"], result["memory"] = calls(bench, names)
    result["long"] = [long_calls(bench, count) for count in LONG_TURNS]
    own = [name for name in names if name not in PEERS]
    result["streams"] = streams(bench, own, count, max(5, count // 20))
    if "litellm" in names:  # Portkey 1.15 fails at streams on Node 20: "TypeError: immutable"
        result["few_streams"] = streams(bench, own + ["litellm"], PEER_STREAMS, PEER_INTERVAL_MS, ("OpenAI chat, passed",))
    return result


def show(result, count):
    def lines(rows, columns):
        base = rows.get("OpenAI chat, passed · nginx")
        found = []
        for key, row in rows.items():
            api, name = key.split(" · ")
            cpu = median(row, "cpu_us")
            found.append([api, name, f"{median(row, columns):,.0f}", f"{cpu:,.1f}",
                          ratio(cpu, base and median(base, "cpu_us")),
                          f"{median(row, 'p50'):,.0f} / {median(row, 'p99'):,.0f}"])
        return found

    print("APIs, 64 connections; latency with one connection\n")
    table(["API", "server", "req/s", "CPU µs/call", "× nginx", "p50 / p99 µs"], lines(result["calls"], "rps"))
    print("Memory afterwards, PSS MB: " + ", ".join(f"{name} {value:.0f}" for name, value in result["memory"].items()))
    for long in result["long"]:
        print(f"\nA conversation of {long['body_kb']:.0f} kB\n")
        translated = median(long["rows"]["Anthropic Messages · aigw"], "cpu_us")
        table(["API", "server", "req/s", "CPU µs/call", "× translated"],
              [[*key.split(" · "), f"{median(row, 'rps'):,.0f}", f"{median(row, 'cpu_us'):.1f}",
                ratio(median(row, "cpu_us"), translated)] for key, row in long["rows"].items()])
    head = ["API", "server", "events/s", "CPU µs/event", "× nginx", "event age p50 / p99 µs"]
    print(f"\nAPIs, {count:,} streams\n")
    table(head, lines(result["streams"], "eps"))
    if "few_streams" in result:
        print(f"APIs, {PEER_STREAMS} streams with an event each {PEER_INTERVAL_MS} ms\n")
        table(head, lines(result["few_streams"], "eps"))
