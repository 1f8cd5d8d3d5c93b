"""Measure aigw, nginx, haproxy and a direct line in front of one mock model server. Started by bench/run, which builds
the tools; bench/README.md has the method. Every server gets two workers. Nothing leaves this machine.
"""
import argparse
import base64
import datetime
import http.client
import http.server
import ipaddress
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

import apis
import report
import routes
import routing

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORKERS = 2
SERVICE = "gitlab-ai-gateway"
HEALTH = "/monitoring/healthz"
PARTS = ("calls", "streams", "bursts", "start", "tls", "mixed", "routes", "apis", "routing")
AT_ONCE = 1000                           # streams that begin at the same moment
FLOOD = {"connections": 64, "events": 200}  # events of a stream that come as fast as they can be read
MIXED = {"connections": 32, "rate": 3000, "streams": 500, "interval_ms": 100}  # 5,000 events a second

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
    client_body_buffer_size 1m;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
    scgi_temp_path {dir}/s;
    upstream mock {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port}{ssl} reuseport backlog=4096;
        {certificate}
        location = {health} {{ return 200 "ok"; }}
        location / {{
            {proxy_pass}
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
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectAlternativeName([
                x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256()))
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


def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class GitLab:
    """The issuer that aigw asks for its keys, and a token of a GitLab instance, so that every request is really
    verified. A token that the gateway made itself would do for completions only."""

    def __init__(self):
        key = rsa_key()
        numbers = key.public_key().public_numbers()
        keys = {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "bench",
                          "e": b64(numbers.e.to_bytes(3, "big")), "n": b64(numbers.n.to_bytes(256, "big"))}]}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler):  # pylint: disable=no-self-argument,invalid-name
                found = keys if handler.path.endswith("/keys") else {
                    "issuer": self.url, "jwks_uri": f"{self.url}/oauth/discovery/keys"}
                body = json.dumps(found).encode()
                handler.send_response(200)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, *_):  # pylint: disable=no-self-argument,arguments-differ
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        now = int(time.time())
        claims = {"iss": self.url, "sub": "bench-instance", "aud": SERVICE, "iat": now - 60, "nbf": now - 60,
                  "exp": now + 86400, "scopes": routes.SCOPES, "gitlab_realm": "self-managed"}
        text = b64(json.dumps({"alg": "RS256", "typ": "JWT", "kid": "bench"}).encode()) + "."
        text += b64(json.dumps(claims).encode())
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        self.headers = [f"Authorization: Bearer {text}.{b64(signature)}", "X-Gitlab-Authentication-Type: oidc",
                        "X-Gitlab-Realm: self-managed", "X-Gitlab-Instance-Id: bench-instance",
                        "X-Gitlab-Global-User-Id: bench-user"]
        self.signing_key = rsa_key().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                   serialization.NoEncryption()).decode()


class Server:
    """A measured server as child processes."""

    def __init__(self, name, command, port, env, log_path, is_tls=False, health=HEALTH, start_s=10):
        self.name, self.port = name, port
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=log)
        deadline = time.monotonic() + start_s
        while True:
            try:
                with connect(port, is_tls) as probe:
                    probe.sendall(f"GET {health} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
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
        self.gitlab = GitLab()
        self.upstreams = {}
        self.certificate = certificate(self.work)
        self.chat_body = self.write("chat.json", self.chat(False))
        self.chat_stream_body = self.write("chat-stream.json", self.chat(True))

    def write(self, name, value):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(value if isinstance(value, str) else routes.packed(value))
        return path

    @staticmethod
    def source_text():
        return "".join(f"def step_{i}(value):\n    return value + {i}\n\n" for i in range(18))

    def chat(self, stream):
        return {"model": "bench", "messages": [{"role": "system", "content": "Complete the code."},
                                               {"role": "user", "content": self.source_text()}],
                "max_tokens": 64, "temperature": 0.0, "stream": stream}

    def upstream(self, interval_ms, *more):
        """Port of a mock with that pace of events and those options; it lives as long as the run."""
        key = (interval_ms, *more)
        if key not in self.upstreams:
            process = subprocess.Popen([os.path.join(self.options.build, "bin", "bench_upstream"), "--interval-ms",
                                        str(interval_ms), *more], stdout=subprocess.PIPE, text=True)
            self.upstreams[key] = (process, int(process.stdout.readline().split()[1]))
        return self.upstreams[key][1]

    def upstream_of(self, name, interval_ms):
        """The same for a server that wants its mock with or without TLS."""
        tls = ("--cert", self.certificate[0], "--key", self.certificate[1]) if self.is_tls_up(name) else ()
        return self.upstream(interval_ms, *tls)

    def command(self, name, port, upstream_port, more=None):
        """How to start this server, and its environment. `more`: files of conf.d for aigw, name → text."""
        is_tls, is_tls_up = self.is_tls(name), self.is_tls_up(name)
        base = name.split("+")[0]
        cert, key = self.certificate
        if base == "nginx":
            proxy = f"""proxy_pass https://mock; proxy_ssl_verify on; proxy_ssl_name localhost;
            proxy_ssl_protocols TLSv1.3; proxy_ssl_trusted_certificate {cert};"""
            conf = self.write(f"{name}.conf", NGINX_CONF.format(
                dir=self.work, workers=WORKERS, port=port, health=HEALTH, upstream=upstream_port,
                ssl=" ssl" if is_tls else "", proxy_pass=proxy if is_tls_up else "proxy_pass http://mock;",
                certificate=f"ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;"
                if is_tls else ""))
            return ["nginx", "-p", self.work, "-c", conf, "-e", "stderr"], None
        if base == "haproxy":
            conf = self.write("haproxy.cfg", HAPROXY_CONF.format(workers=WORKERS, port=port, health=HEALTH,
                                                                 upstream=upstream_port))
            return ["haproxy", "-db", "-f", conf], None
        folder = os.path.join(self.work, f"conf-{name}.d")
        os.makedirs(folder, exist_ok=True)
        does_log = name == "aigw+log"
        self.write(f"{folder}/90-bench.conf", AIGW_CONF.format(access="true" if does_log else "false",
                                                               level="info" if does_log else "warning"))
        for file_name, text in (more or {}).items():
            self.write(f"{folder}/{file_name}", text)
        env = {"PATH": "/usr/bin:/bin", "HOME": self.work, "WEB_CONCURRENCY": str(WORKERS),
               "AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__API_PORT": str(port),
               "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_PORT": "0",
               "AIGW_CUSTOM_MODELS__ENABLED": "true", "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": self.gitlab.signing_key,
               "AIGW_GITLAB_URL": self.gitlab.url, "AIGW_CUSTOMER_PORTAL_URL": ""}
        if is_tls:
            env.update(AIGW_FASTAPI__TLS__ENABLED="true", AIGW_FASTAPI__TLS__CERT_FILE=cert,
                       AIGW_FASTAPI__TLS__KEY_FILE=key)
        if is_tls_up:
            env.update(AIGW_MTLS__CA_BUNDLE=cert)
        return [os.path.join(self.options.build, "bin", "aigw"), "serve", "--conf-dir",
                os.path.join(SOURCE, "conf.d"), "--conf-dir", folder, "--plugin-dir",
                os.path.join(self.options.build, "lib", "aigw")], env

    def start(self, name, upstream_port, more=None):
        port = free_port()
        log = os.path.join(self.work, name + ".log")
        if name in apis.PEERS:
            home = apis.install(self.options.build, name)
            command, env, health = apis.PEERS[name](self, home, port, upstream_port, WORKERS)
            return Server(name, command, port, env, log, health=health, start_s=120)
        command, env = self.command(name, port, upstream_port, more)
        return Server(name, command, port, env, log, self.is_tls(name))

    @staticmethod
    def is_tls(name):
        return "+tls" in name

    @staticmethod
    def is_tls_up(name):
        return name.endswith("+tls-both")

    def headers(self):
        return [option for header in self.gitlab.headers for option in ("--header", header)]

    def request(self, name, stream, upstream_port):
        """Options of bench_load that make the same call through this server."""
        if not name.startswith("aigw"):
            return ["--path", "/v1/chat/completions", "--body",
                    self.chat_stream_body if stream else self.chat_body]
        scheme = "https" if self.is_tls_up(name) else "http"
        body = routes.v2_body(self.source_text(), f"{scheme}://127.0.0.1:{upstream_port}/v1", stream)
        return ["--path", "/v2/code/completions", "--body", self.write(f"{name}-{stream}.json", body),
                *self.headers()]

    def route_request(self, route):
        """Options of bench_load for a route."""
        path = self.write(f"{route.name} {route.way}.json", route.body)
        extra = [option for header in routes.HEADERS for option in ("--header", header)]
        return ["--path", route.path, "--body", path, *self.headers(), *extra]

    def run_load(self, mode, port, *options):
        text = subprocess.run([self.load, mode, "--port", str(port), *options], check=True, capture_output=True,
                              text=True).stdout
        return json.loads(text)

    def measure(self, name, mode, connections, server, upstream_port, request=None, more=(), seconds=None):
        port = server.port if server else upstream_port
        options = [*(request or self.request(name, mode == "stream", upstream_port)), *more]
        if self.is_tls(name):
            options += ["--tls", "yes"]
        options += ["--connections", str(connections), "--seconds", str(seconds or self.options.seconds)]
        if server:
            options += ["--pids", server.pids()]
        result = self.run_load(mode, port, *options)
        if not result["is_up"] or result["errors"] or result["broken"] or not result["count"]:
            sys.exit(f"{name}, {mode}, {connections} connections: the run is no good: {result}; logs in {self.work}")
        return result

    def turns(self, names):
        """Number of the round and name of the one whose turn it is; the order rotates."""
        for turn in range(self.options.rounds):
            at = turn % len(names)
            for name in names[at:] + names[:at]:
                yield turn + 1, name

    def short_calls(self, names):
        """Requests per second and CPU at 64 connections, latency at one; all servers up, rounds interleaved."""
        ports = {name: self.upstream_of(name, 100) for name in names}
        servers = {name: None if name == "direct" else self.start(name, ports[name]) for name in names}
        idle = {name: self.run_load("memory", 0, "--pids", s.pids()) for name, s in servers.items() if s}
        rows = {name: [] for name in names}
        for turn, name in self.turns(names):
            busy = self.measure(name, "json", 64, servers[name], ports[name])
            alone = self.measure(name, "json", 1, servers[name], ports[name])
            rows[name].append({"rps": busy["count"] / busy["seconds"], "cpu_us": busy["cpu_s"] / busy["count"] * 1e6,
                               "p50": alone["p50_us"], "p99": alone["p99_us"], "busy_p50": busy["p50_us"],
                               "busy_p99": busy["p99_us"]})
            note(f"round {turn} {name}: {rows[name][-1]}")
        for server in servers.values():
            if server:
                server.stop()
        return rows, idle

    @staticmethod
    def event_row(result):
        return {"eps": result["count"] / result["seconds"], "cpu_us": result["cpu_s"] / result["count"] * 1e6,
                "p50": result["p50_us"], "p99": result["p99_us"]}

    def streams(self, names, count):
        """CPU per event and memory per stream; each server alone and fresh, about 20,000 events per second in all."""
        rows = {name: [] for name in names}
        for turn, name in self.turns(names):
            upstream_port = self.upstream_of(name, max(5, count // 20))
            if name == "direct":
                rows[name].append(self.event_row(self.measure(name, "stream", count, None, upstream_port)))
                continue
            server = self.start(name, upstream_port)
            before = self.run_load("memory", 0, "--pids", server.pids())
            result = self.measure(name, "stream", count, server, upstream_port)
            server.stop()
            rows[name].append({**self.event_row(result), "pss_kb": (result["pss_kb"] - before["pss_kb"]) / count,
                               "rss_kb": (result["rss_kb"] - before["rss_kb"]) / count})
            note(f"{count} streams, round {turn} {name}: {rows[name][-1]}")
        return rows

    def bursts(self, names):
        """First events of streams that begin all at once, and what an event costs when many come at once."""
        rows = {name: [] for name in names}
        bytes_each = ("--answer-bytes", str(20 * FLOOD["events"]))
        slow, flood = self.upstream(50), self.upstream(100, "--burst", str(FLOOD["events"]), *bytes_each)
        for turn, name in self.turns(names):
            server = self.start(name, slow)
            first = self.measure(name, "stream", AT_ONCE, server, slow, more=["--at-once", "yes"])
            server.stop()
            server = self.start(name, flood)
            many = self.measure(name, "json", FLOOD["connections"], server, flood, self.request(name, True, flood))
            server.stop()
            rows[name].append({"first_p50": first["first_p50_us"], "first_p99": first["first_p99_us"],
                               "cpu_us": many["cpu_s"] / many["count"] / FLOOD["events"] * 1e6,
                               "eps": many["count"] * FLOOD["events"] / many["seconds"]})
            note(f"bursts, round {turn} {name}: {rows[name][-1]}")
        return rows

    def mixed(self, names):
        """Calls at a pace while streams run: the same work for each server, so that its CPU can be compared whole."""
        rows = {name: [] for name in names}
        for turn, name in self.turns(names):
            port = self.upstream_of(name, MIXED["interval_ms"])
            server = self.start(name, port)
            stream_body = self.request(name, True, port)[3]
            result = self.measure(name, "mixed", MIXED["connections"], server, port, more=[
                "--rate", str(MIXED["rate"]), "--streams", str(MIXED["streams"]), "--stream-body", stream_body])
            server.stop()
            rows[name].append({
                "rps": result["count"] / result["seconds"], "p50": result["p50_us"], "p99": result["p99_us"],
                "eps": result["event_count"] / result["seconds"], "event_p50": result["event_p50_us"],
                "event_p99": result["event_p99_us"], "cpu_percent": result["cpu_s"] / result["seconds"] * 100})
            note(f"mixed load, round {turn} {name}: {rows[name][-1]}")
        return rows

    def is_served(self, server, route):
        """False for a 404; another refusal ends the run, before it is measured as if it were an answer."""
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        headers = dict(header.split(": ", 1) for header in self.gitlab.headers + routes.HEADERS)
        link.request("POST", route.path, json.dumps(route.body), {**headers, "Content-Type": "application/json"})
        answer = link.getresponse()
        text = "" if answer.status == 200 else answer.read(500).decode("utf-8", "replace")
        link.close()
        if answer.status not in (200, 404):
            sys.exit(f"{route.name}: status {answer.status}: {text}; logs in {self.work}")
        return answer.status == 200

    def routes(self):
        """CPU per call of each route, all with one server that is up throughout; what is not served is left out."""
        port = self.upstream(100, "--burst", "10", "--begin", routes.TEXT_BEGINS)
        server = self.start("aigw", port, routes.configure(self.options.build, self.work, port))
        every = routes.calls(self.source_text(), f"http://127.0.0.1:{port}/v1")
        served = {route.name: route for route in every if self.is_served(server, route)}
        rows = {name: [] for name in served}
        for turn, name in self.turns(list(served)):
            result = self.measure(name, "json", 64, server, port, self.route_request(served[name]))
            rows[name].append({"rps": result["count"] / result["seconds"], "p99": result["p99_us"],
                               "cpu_us": result["cpu_s"] / result["count"] * 1e6})
            note(f"round {turn} {name}: {rows[name][-1]}")
        server.stop()
        about = {name: {"way": route.way, "bytes": len(routes.packed(route.body))}
                 for name, route in served.items()}
        return {"rows": rows, "about": about, "skipped": [route.name for route in every if route.name not in served]}

    def route_streams(self, count):
        """CPU per event of each route that streams; the server is fresh for each."""
        port = self.upstream(max(5, count // 20), "--begin", routes.TEXT_BEGINS)
        conf = routes.configure(self.options.build, self.work, port)
        server = self.start("aigw", port, conf)
        every = routes.streams(self.source_text(), f"http://127.0.0.1:{port}/v1")
        served = {route.name: route for route in every if self.is_served(server, route)}
        server.stop()
        rows = {name: [] for name in served}
        for turn, name in self.turns(list(served)):
            server = self.start("aigw", port, conf)
            request = self.route_request(served[name])
            rows[name].append(self.event_row(self.measure(name, "stream", count, server, port, request)))
            server.stop()
            note(f"{count} streams, round {turn} {name}: {rows[name][-1]}")
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


def run_parts(bench, options, names, counts, result):
    both = [name + "+tls-both" for name in names if name in ("nginx", "aigw")]
    tls = [name + "+tls" for name in names if options.tls and name in ("aigw", "nginx")]
    if "calls" in options.what:
        logged = ["aigw+log"] if options.access_log else []
        result["short"], result["idle"] = bench.short_calls(names + logged + tls)
        report.short_calls(result["short"], result["idle"])
    if "streams" in options.what:
        for count in counts:
            result[f"streams_{count}"] = bench.streams(names + tls, count)
            report.streams(count, result[f"streams_{count}"])
    if "bursts" in options.what:
        result["bursts"] = bench.bursts([name for name in names if name != "direct"])
        report.bursts(result["bursts"], AT_ONCE, FLOOD)
    if "start" in options.what:
        result["start_ms"] = bench.starts(names[1:])
        print("Start to first healthy answer, median of 9\n")
        report.table(["server", "ms"], [[name, f"{value:.1f}"] for name, value in result["start_ms"].items()])
    if both and "tls" in options.what:
        result["tls_short"] = bench.short_calls(both)[0]
        result["tls_streams"] = bench.streams(both, counts[0]) if counts else {}
    if both and "mixed" in options.what:
        result["mixed"] = {"mixed": bench.mixed([name for name in names if name in ("nginx", "aigw")])}
        if "tls" in options.what:
            result["mixed"]["mixed, TLS"] = bench.mixed(both)
    if both and ("tls" in options.what or "mixed" in options.what):
        titles = {"tls": "TLS on both sides",
                  "mixed": "Mixed: {rate:,} calls a second while {streams} streams run".format(**MIXED)}
        report.both("; ".join(titles[part] for part in titles if part in options.what), result.get("tls_short"),
                    result.get("tls_streams"), result.get("mixed", {}), (counts or [0])[0])
    if "routes" in options.what:
        result["routes"] = bench.routes()
        result["route_streams"] = bench.route_streams((counts or [1000])[0])
        report.routes(result["routes"], result["route_streams"], (counts or [1000])[0])
    if "apis" in options.what:
        servers = [name for name in names if name in ("nginx", "aigw")] + options.peers
        result["apis"] = apis.run(bench, servers, (counts or [1000])[0])
        apis.show(result["apis"], (counts or [1000])[0])
    if "routing" in options.what:
        result["routing"] = routing.run(bench)
        routing.show(result["routing"])


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="length of one measured window")
    parser.add_argument("--streams", default="1000,5000", help="numbers of streams, comma-separated; '' for none; "
                        "TLS and routes are measured with the first")
    parser.add_argument("--only", default="direct,nginx,haproxy,aigw", help="servers, comma-separated")
    parser.add_argument("--what", default=",".join(PARTS),
                        help="what to measure, comma-separated; default: %(default)s")
    parser.add_argument("--access-log", action="store_true", help="also measure aigw with its access log on")
    parser.add_argument("--tls", action="store_true", help="also measure aigw and nginx serving TLS")
    parser.add_argument("--peers", default="", help="other gateways for the part apis, installed on demand from PyPI "
                        "and npm: litellm, portkey")
    parser.add_argument("--json", metavar="FILE", help="also write the results here, for bench/draw.py")
    options = parser.parse_args()
    options.what = options.what.split(",")
    options.peers = [name for name in options.peers.split(",") if name]
    unknown = set(options.what) - set(PARTS)
    if unknown:
        parser.error(f"--what: unknown: {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    if set(options.peers) - set(apis.PEERS):
        parser.error(f"--peers: known: {', '.join(apis.PEERS)}")
    names = ["direct"] + [name for name in options.only.split(",") if name != "direct"]
    bench = Bench(options)
    result = {}
    try:
        run_parts(bench, options, names, [int(part) for part in options.streams.split(",") if part], result)
    finally:
        bench.close()
    for path in filter(None, (os.path.join(options.build, "result.json"), options.json)):
        with open(path, "w", encoding="utf-8") as out:
            json.dump(result, out, indent=1)
    shutil.rmtree(bench.work)  # kept when the run failed: the logs are there


if __name__ == "__main__":
    main()
