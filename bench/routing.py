"""What routing costs: OpenAI's chat at a model of five targets, with rules, limits and a check of the caller's key,
beside the same call at a model of one target, without any of them. One binary, two gateways, in turn."""
import apis
from report import median, ratio, table

# A call of the first goes to any of the five by weight, stays there for a user, and is counted in three quotas.
TARGETS = 5


def _providers(upstream_port):
    return " ".join(f'routed{at}: {{ plugin = "openai"; base_url = "http://127.0.0.1:{upstream_port}/v1"; '
                    f'api_key = "x"; max_parallel = 1000; }};' for at in range(TARGETS))


def configure(upstream_port):
    """Files of conf.d by name of the gateway."""
    digest = apis.key_digest()
    targets = ", ".join(f'{{ provider = "routed{at}"; model = "bench"; weight = {at + 1}; '
                        f'tier = {1 if at < 4 else 2}; }}' for at in range(TARGETS))
    return {
        "plain": {"92-routing.conf": f"""
providers: {{ {_providers(upstream_port)} }};
models: {{ bench: {{ targets = ( {{ provider = "routed0"; model = "bench"; }} ); }}; }};
auth: {{ bypass_external = true; }};
"""},
        "routed": {"92-routing.conf": f"""
providers: {{ {_providers(upstream_port)} }};
models: {{
    other: {{ targets = ( {{ provider = "routed0"; model = "other"; }} ); }};
    bench: {{ targets = ( {targets} ); sticky = "user"; first_token_ms = 30000; }};
}};
routing: {{ rules = (
    {{ when: {{ header = "X-Team: finance"; }}; use = "other"; }},
    {{ when: {{ prompt_over = 100000; }}; use = "other"; }}
); }};
keys: {{ bench: {{ hash = ( "sha256:{digest}" ); models = ( "bench" ); team = "builders"; }}; }};
quotas: {{
    key_rate: {{ per = "key"; requests = 100000000; tokens = 100000000000; window = "minute"; }};
    key_slots: {{ per = "key"; parallel = 5000; }};
    team_day: {{ per = "team"; tokens = 200000000000; window = "day"; }};
}};
"""},
    }


def run(bench):
    """CPU a call of both, in turn."""
    port = bench.upstream(100)
    servers = {name: bench.start("aigw", port, conf) for name, conf in configure(port).items()}
    api = apis.every(bench.source_text())[0]
    rows = {name: [] for name in servers}
    for turn, name in bench.turns(list(servers)):
        result = bench.measure("aigw", "json", 64, servers[name], port, apis.request(bench, api, "aigw", port, False))
        rows[name].append({"rps": result["count"] / result["seconds"],
                           "cpu_us": result["cpu_s"] / result["count"] * 1e6})
    for server in servers.values():
        server.stop()
    return rows


def show(rows):
    base = median(rows["plain"], "cpu_us")
    print("Routing: five targets, two rules, three quotas and a key beside one target without them\n")
    table(["gateway", "req/s", "CPU µs/call", "× plain"],
          [[name, f"{median(row, 'rps'):,.0f}", f"{median(row, 'cpu_us'):.1f}", ratio(median(row, "cpu_us"), base)]
           for name, row in rows.items()])
