"""`aigw doctor --stream`: streams through proxies that buffer or cut (OP-DOC-02), and the route that it asks."""
import json
import os
import shutil
import socket
import subprocess
import time

from fakes.proxy import BadProxy
from harness.runner import Skip, case, equal, fixture, truth

from .doctor import Place, named


@fixture("doctor-stream", takes_s=19)
def doctor_stream(ctx):
    return Place(ctx)


@case("OP-DOC-02", "doctor-stream")
def buffering(env):
    """Through a proxy that buffers, one that does not, and one that cuts."""
    proxy = BadProxy(env.gw.port, buffers=True)
    named(env.doctor("--stream", "--url", proxy.url), "buffering-proxy", "fail", "buffering", "proxy_buffering off",
          "proxy_http_version 1.1")
    proxy.close()
    proxy = BadProxy(env.gw.port)
    report = env.doctor("--stream", "--url", proxy.url, "--quiet", "1")
    proxy.close()
    equal([item["result"] for item in report["checks"] if item["group"] == "stream"], ["ok", "ok"], json.dumps(report))
    proxy = BadProxy(env.gw.port, cut_after_s=1)
    named(env.doctor("--stream", "--url", proxy.url, "--quiet", "4"), "idle-cut", "fail", "cut after 1.", "300 s")
    proxy.close()
    report = env.doctor("--stream")
    equal([item["result"] for item in report["checks"] if item["group"] == "stream"], ["ok"])


@case("OP-DOC-01-22-round-number", "doctor-stream")
def cut_at_a_round_number(env):
    """After five seconds of silence: nobody's model does that."""
    proxy = BadProxy(env.gw.port, cut_after_s=5)
    for _ in range(3):  # a busy machine may see the cut much later
        report = env.doctor("--stream", "--url", proxy.url, "--quiet", "8")
        if any(item.get("fault") == "idle-limit" for item in report["checks"]):
            break
    proxy.close()
    named(report, "idle-limit", "fail", "cut after 5.", "idle limit of a balancer")


@case("OP-DOC-01-00-strange-url", "doctor-stream")
def another_server(env):
    """The public URL leads to something else."""
    named(env.doctor("--stream", "--url", env.gitlab.url), "stream", "fail", "is the public URL (--url) that of this")


NGINX = """daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log stderr error;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
    uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{target}; {more} }} }}
}}
"""


class Nginx:
    def __init__(self, env, more):
        binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if not binary:
            raise Skip("nginx is not installed")
        folder = env.ctx.folder("nginx")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as out:
            out.write(NGINX.format(dir=folder, port=port, target=env.gw.port, more=more))
        self.process = subprocess.Popen([binary, "-p", folder, "-c", path, "-e", "stderr"], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                continue
        raise Skip("nginx does not start here")

    def close(self):
        self.process.terminate()
        self.process.wait(10)


@case("OP-DOC-02-nginx", "doctor-stream")
def nginx(env):
    """The real one: as it comes (it heeds our x-accel-buffering), told not to heed it, and set as the remedy says."""
    proxy = Nginx(env, "")
    report = env.doctor("--stream", "--url", proxy.url)
    equal([item["result"] for item in report["checks"] if item["group"] == "stream"], ["ok"], json.dumps(report))
    proxy.close()
    proxy = Nginx(env, "proxy_ignore_headers X-Accel-Buffering;")
    named(env.doctor("--stream", "--url", proxy.url), "buffering-proxy", "fail", "buffering")
    proxy.close()
    proxy = Nginx(env, "proxy_buffering off; proxy_http_version 1.1; proxy_read_timeout 1s;")
    report = env.doctor("--stream", "--url", proxy.url, "--quiet", "4")
    proxy.close()
    equal([item["result"] for item in report["checks"] if item["group"] == "stream"], ["ok", "fail"], json.dumps(report))
    named(report, "idle-cut", "fail", "proxy_read_timeout")


@case("OP-DOC-stream-route", "doctor-stream")
def stream_route(env):
    response = env.request("GET", "/monitoring/stream")
    equal((response.status, response.header("content-type")), (200, "text/event-stream"))
    equal(response.text.count("data: "), 11, "events")
    truth(response.text.endswith("data: [DONE]\n\n"), "the end", response.text)
    equal(env.request("POST", "/monitoring/stream").status, 405)
    equal(env.request("HEAD", "/monitoring/stream").status, 200)
    open_ones = [env.gw.connect() for _ in range(12)]
    for connection in open_ones:
        connection.send(b"GET /monitoring/stream?quiet_s=20 HTTP/1.1\r\nHost: x\r\n\r\n")
    statuses = sorted(connection.read_head().status for connection in open_ones)
    truth(statuses[-1] == 503 and statuses.count(200) <= 8, "at most four for each of two workers", statuses)
    for connection in open_ones:
        connection.close()
