"""Measure aigw, nginx, haproxy and a direct line in front of one mock model server. Started by bench/run, which builds
the tools; bench/README.md has the method. Every server gets two workers. Nothing leaves this machine.
"""
import argparse
import base64
import datetime
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORKERS = 2
SERVICE = "gitlab-ai-gateway"
HEALTH = "/monitoring/healthz"

NGINX_CONF = """
worker_processes {workers};
pid {dir}/nginx.pid;
error_log stderr crit;
daemon off;
worker_rlimit_nofile 19000;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
    scgi_temp_path {dir}/s;
    upstream mock {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port}{ssl} reuseport backlog=4096;
        {certificate}
        location = {health} {{ return 200 "ok"; }}
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout 300s;
        }}
    }}
}}
"""

HAPROXY_CONF = """
global
    nbthread {workers}
    maxconn 9000
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    option http-no-delay
    http-reuse always
frontend in
    bind 127.0.0.1:{port} backlog 4096
    http-request return status 200 content-type text/plain string ok if {{ path {health} }}
    default_backend mock
backend mock
    server mock 127.0.0.1:{upstream}
"""

AIGW_CONF = """
log: {{ access = {access}; level = "{level}"; }};
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder):
    """Self-made certificate and its key, P-256, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))
    cert_path, key_path = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    with open(cert_path, "wb") as out:
        out.write(cert.public_bytes(serialization.Encoding.PEM))
    with open(key_path, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption()))
    return cert_path, key_path


def connect(port, is_tls):
    plain = socket.create_connection(("127.0.0.1", port), 0.2)
    if not is_tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Token:
    """A key pair of the gateway's own and a user token signed with it, so that every request is really verified."""

    def __init__(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()).decode()
        now = int(time.time())
        head = {"alg": "RS256", "typ": "JWT", "kid": "gitlab-ai-gateway_signing_key"}
        claims = {"iss": SERVICE, "sub": "bench-user", "aud": SERVICE, "iat": now - 60, "nbf": now - 60,
                  "exp": now + 86400, "scopes": ["complete_code"], "gitlab_realm": "self-managed"}
        text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(claims).encode())
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        self.headers = [f"Authorization: Bearer {text}.{b64(signature)}", "X-Gitlab-Authentication-Type: oidc",
                        "X-Gitlab-Realm: self-managed", "X-Gitlab-Global-User-Id: bench-user"]


class Server:
    """A measured server as child processes."""

    def __init__(self, name, command, port, env, log_path, is_tls=False):
        self.name, self.port = name, port
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=log)
        deadline = time.monotonic() + 10
        while True:
            try:
                with connect(port, is_tls) as probe:
                    probe.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                    if b" 200 " in probe.recv(64):
                        return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{name} did not start; its output: {log_path}")
            time.sleep(0.01)

    def pids(self):
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return ",".join([str(pid), *children.read().split()])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="aigw-bench-")
        self.load = os.path.join(options.build, "bin", "bench_load")
        self.token = Token()
        self.upstreams = {}
        self.certificate = None
        self.chat_body = self.write("chat.json", self.chat(False))
        self.chat_stream_body = self.write("chat-stream.json", self.chat(True))

    def write(self, name, value):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))
        return path

    @staticmethod
    def source_text():
        return "".join(f"def step_{i}(value):\n    return value + {i}\n\n" for i in range(18))

    def chat(self, stream):
        return {"model": "bench", "messages": [{"role": "system", "content": "Complete the code."},
                                               {"role": "user", "content": self.source_text()}],
                "max_tokens": 64, "temperature": 0.0, "stream": stream}

    def completion(self, stream, upstream_port):
        return {"prompt_version": 1, "project_path": "bench/bench", "project_id": 1,
                "current_file": {"file_name": "bench.py", "language_identifier": "python",
                                 "content_above_cursor": self.source_text(),
                                 "content_below_cursor": "\n\nprint(step_1(2))\n"},
                "model_provider": "litellm", "model_name": "codestral",
                "model_endpoint": f"http://127.0.0.1:{upstream_port}/v1", "model_api_key": "bench-key",
                "model_identifier": "custom_openai/bench", "stream": stream}

    def upstream(self, interval_ms):
        """Port of a mock with that pace of events; it lives as long as the run."""
        if interval_ms not in self.upstreams:
            process = subprocess.Popen([os.path.join(self.options.build, "bin", "bench_upstream"), "--interval-ms",
                                        str(interval_ms)], stdout=subprocess.PIPE, text=True)
            self.upstreams[interval_ms] = (process, int(process.stdout.readline().split()[1]))
        return self.upstreams[interval_ms][1]

    def command(self, name, port, upstream_port):
        is_tls = self.is_tls(name)
        name = name.removesuffix("+tls")
        if is_tls and not self.certificate:
            self.certificate = certificate(self.work)
        if name == "nginx":
            pem = "ssl_certificate {}; ssl_certificate_key {};".format(*self.certificate) if is_tls else ""
            conf = self.write(f"nginx{is_tls:d}.conf", NGINX_CONF.format(
                dir=self.work, workers=WORKERS, port=port, health=HEALTH, upstream=upstream_port,
                ssl=" ssl" if is_tls else "", certificate=pem))
            return ["nginx", "-p", self.work, "-c", conf, "-e", "stderr"], None
        if name == "haproxy":
            conf = self.write("haproxy.cfg", HAPROXY_CONF.format(workers=WORKERS, port=port, health=HEALTH,
                                                                 upstream=upstream_port))
            return ["haproxy", "-db", "-f", conf], None
        folder = os.path.join(self.work, "conf.d")
        os.makedirs(folder, exist_ok=True)
        does_log = name == "aigw+log"
        self.write("conf.d/90-bench.conf", AIGW_CONF.format(access="true" if does_log else "false",
                                                            level="info" if does_log else "warning"))
        env = {"PATH": "/usr/bin:/bin", "HOME": self.work, "WEB_CONCURRENCY": str(WORKERS),
               "AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__API_PORT": str(port),
               "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_PORT": "0",
               "AIGW_CUSTOM_MODELS__ENABLED": "true", "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": self.token.key_pem,
               "AIGW_GITLAB_URL": f"http://127.0.0.1:{upstream_port}", "AIGW_CUSTOMER_PORTAL_URL": ""}
        if is_tls:
            env.update(AIGW_FASTAPI__TLS__ENABLED="true", AIGW_FASTAPI__TLS__CERT_FILE=self.certificate[0],
                       AIGW_FASTAPI__TLS__KEY_FILE=self.certificate[1])
        return [os.path.join(self.options.build, "bin", "aigw"), "serve", "--conf-dir",
                os.path.join(SOURCE, "conf.d"), "--conf-dir", folder, "--plugin-dir",
                os.path.join(self.options.build, "lib", "aigw")], env

    def start(self, name, upstream_port):
        port = free_port()
        command, env = self.command(name, port, upstream_port)
        return Server(name, command, port, env, os.path.join(self.work, name + ".log"), self.is_tls(name))

    @staticmethod
    def is_tls(name):
        return name.endswith("+tls")

    def request(self, name, stream, upstream_port):
        """Options of bench_load that make the same call through this server."""
        if not name.startswith("aigw"):
            return ["--path", "/v1/chat/completions", "--body",
                    self.chat_stream_body if stream else self.chat_body]
        body = self.write(f"completion-{stream}.json", self.completion(stream, upstream_port))
        options = ["--path", "/v2/code/completions", "--body", body]
        for header in self.token.headers:
            options += ["--header", header]
        return options

    def run_load(self, mode, port, *options):
        text = subprocess.run([self.load, mode, "--port", str(port), *options], check=True, capture_output=True,
                              text=True).stdout
        return json.loads(text)

    def measure(self, name, mode, connections, server, upstream_port):
        port = server.port if server else upstream_port
        options = self.request(name, mode == "stream", upstream_port)
        if self.is_tls(name):
            options += ["--tls", "yes"]
        options += ["--connections", str(connections), "--seconds", str(self.options.seconds)]
        if server:
            options += ["--pids", server.pids()]
        result = self.run_load(mode, port, *options)
        if not result["is_up"] or result["errors"] or result["broken"] or not result["count"]:
            sys.exit(f"{name}, {mode}, {connections} connections: the run is no good: {result}; logs in {self.work}")
        return result

    def short_calls(self, names):
        """Requests per second and CPU at 64 connections, latency at one; all servers up, rounds interleaved."""
        upstream_port = self.upstream(100)
        servers = {name: None if name == "direct" else self.start(name, upstream_port) for name in names}
        idle = {name: self.run_load("memory", 0, "--pids", s.pids()) for name, s in servers.items() if s}
        rows = {name: [] for name in names}
        for turn in range(self.options.rounds):
            order = names[turn % len(names):] + names[:turn % len(names)]
            for name in order:
                busy = self.measure(name, "json", 64, servers[name], upstream_port)
                alone = self.measure(name, "json", 1, servers[name], upstream_port)
                rows[name].append({"rps": busy["count"] / busy["seconds"], "cpu_us": busy["cpu_s"] / busy["count"] * 1e6,
                                   "p50": alone["p50_us"], "p99": alone["p99_us"], "busy_p99": busy["p99_us"]})
                note(f"round {turn + 1} {name}: {rows[name][-1]}")
        for server in servers.values():
            if server:
                server.stop()
        return rows, idle

    def streams(self, names, count):
        """CPU per event and memory per stream; each server alone and fresh, about 20,000 events per second in all."""
        upstream_port = self.upstream(max(5, count // 20))
        rows = {name: [] for name in names}
        for turn in range(self.options.rounds):
            order = names[turn % len(names):] + names[:turn % len(names)]
            for name in order:
                if name == "direct":
                    result = self.measure(name, "stream", count, None, upstream_port)
                    rows[name].append({"eps": result["count"] / result["seconds"], "p50": result["p50_us"],
                                       "p99": result["p99_us"]})
                    continue
                server = self.start(name, upstream_port)
                before = self.run_load("memory", 0, "--pids", server.pids())
                result = self.measure(name, "stream", count, server, upstream_port)
                server.stop()
                rows[name].append({"eps": result["count"] / result["seconds"],
                                   "cpu_us": result["cpu_s"] / result["count"] * 1e6, "p50": result["p50_us"],
                                   "p99": result["p99_us"], "pss_kb": (result["pss_kb"] - before["pss_kb"]) / count,
                                   "rss_kb": (result["rss_kb"] - before["rss_kb"]) / count})
                note(f"{count} streams, round {turn + 1} {name}: {rows[name][-1]}")
        return rows

    def starts(self, names):
        rows = {}
        for name in names:
            port = free_port()
            command, env = self.command(name, port, self.upstream(100))
            times = []
            for _ in range(9):
                text = subprocess.run([self.load, "start", "--port", str(port), "--path", HEALTH, "--", *command],
                                      env=env, check=True, capture_output=True, text=True).stdout
                times.append(json.loads(text)["start_us"] / 1000)
            rows[name] = statistics.median(times)
        return rows

    def close(self):
        for process, _ in self.upstreams.values():
            process.terminate()
            process.wait()


def note(text):
    print("  " + text, file=sys.stderr, flush=True)


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def ratio(value, base):
    return f"{value / base:.2f}" if base else "-"


def table(head, lines):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(line) + " |")
    print()


def report_short(rows, idle):
    base = rows.get("nginx")
    direct = rows["direct"]
    lines = []
    for name, row in rows.items():
        lines.append([name, f"{median(row, 'rps'):,.0f}", ratio(median(row, "rps"), base and median(base, "rps")),
                      f"{median(row, 'cpu_us'):.1f}" if name != "direct" else "-",
                      ratio(median(row, "cpu_us"), base and median(base, "cpu_us")) if name != "direct" else "-",
                      f"{median(row, 'p50') - median(direct, 'p50'):.0f}",
                      f"{median(row, 'p99') - median(direct, 'p99'):.0f}",
                      f"{median(row, 'p50'):.0f} / {median(row, 'p99'):.0f}",
                      f"{idle[name]['rss_kb'] / 1024:.1f} / {idle[name]['pss_kb'] / 1024:.1f}" if name in idle else "-"])
    print("Short JSON calls, 64 connections; latency with one connection\n")
    table(["server", "req/s", "× nginx", "CPU µs/req", "× nginx", "added p50 µs", "added p99 µs", "p50 / p99 µs",
           "idle RSS / PSS MB"], lines)


def report_streams(count, rows):
    base = rows.get("nginx")
    lines = []
    for name, row in rows.items():
        is_server = name != "direct"
        lines.append([name, f"{median(row, 'eps'):,.0f}", f"{median(row, 'cpu_us'):.1f}" if is_server else "-",
                      ratio(median(row, "cpu_us"), base and median(base, "cpu_us")) if is_server else "-",
                      f"{median(row, 'p50'):.0f} / {median(row, 'p99'):.0f}",
                      f"{median(row, 'pss_kb'):.1f}" if is_server else "-",
                      f"{median(row, 'rss_kb'):.1f}" if is_server else "-"])
    print(f"{count:,} streams\n")
    table(["server", "events/s", "CPU µs/event", "× nginx", "event age p50 / p99 µs", "PSS kB/stream",
           "RSS kB/stream"], lines)


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="length of one measured window")
    parser.add_argument("--streams", default="1000,5000", help="numbers of streams, comma-separated; '' for none")
    parser.add_argument("--only", default="direct,nginx,haproxy,aigw", help="servers, comma-separated")
    parser.add_argument("--access-log", action="store_true", help="also measure aigw with its access log on")
    parser.add_argument("--tls", action="store_true", help="also measure aigw and nginx serving TLS")
    options = parser.parse_args()
    names = ["direct"] + [name for name in options.only.split(",") if name != "direct"]
    bench = Bench(options)
    result = {}
    try:
        short_names = names + (["aigw+log"] if options.access_log else [])
        short_names += [name + "+tls" for name in names if options.tls and name in ("aigw", "nginx")]
        rows, idle = bench.short_calls(short_names)
        result["short"], result["idle"] = rows, idle
        report_short(rows, idle)
        stream_names = names + [name + "+tls" for name in names if options.tls and name in ("aigw", "nginx")]
        for count in [int(part) for part in options.streams.split(",") if part]:
            result[f"streams_{count}"] = bench.streams(stream_names, count)
            report_streams(count, result[f"streams_{count}"])
        result["start_ms"] = bench.starts(names[1:])
        print("Start to first healthy answer, median of 9\n")
        table(["server", "ms"], [[name, f"{value:.1f}"] for name, value in result["start_ms"].items()])
    finally:
        bench.close()
    with open(os.path.join(options.build, "result.json"), "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)


if __name__ == "__main__":
    main()
