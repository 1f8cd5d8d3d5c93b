#!/usr/bin/env python3
"""serve_template.py <build folder> <work folder> - the plugins made from the templates answer in a running gateway."""
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

CONF = """
providers: { loud = { plugin = "my_provider"; base_url = "http://127.0.0.1:9"; }; mock = { plugin = "mock"; }; };
features:  { my_feature = { plugin = "my_feature"; model = "trial"; max_tokens = 50; }; };
models:    { trial: { retries = 0; targets = ( { provider = "loud"; model = "any"; },
                                               { provider = "mock"; model = "mock"; weight = 0; } ); }; };
server:    { host = "127.0.0.1"; port = 0; metrics_host = ""; workers = 1; };
"""


def port_of(lines, deadline):
    """The port that the gateway logs once it listens."""
    for line in lines:
        if time.monotonic() > deadline:
            break
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("message") == "listening":
            return entry["port"]
    sys.exit("the gateway did not come up")


def main():
    build, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    conf = work / "conf"
    conf.mkdir()
    (conf / "90-try.conf").write_text(CONF, encoding="utf-8")
    command = [build / "bin" / "aigw", "serve", "--conf-dir", conf, "--plugin-dir", build / "lib" / "aigw"]
    for kind in ("provider", "feature"):
        command += ["--plugin-dir", work / f"my_{kind}" / "build" / "lib" / "aigw"]
    environment = {**os.environ, "AIGW_AUTH__BYPASS_EXTERNAL": "true"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as gateway:
        try:
            port = port_of(gateway.stderr, time.monotonic() + 20)
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/my_feature", data=b"Who is there?")
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read().decode()
        finally:
            gateway.terminate()
            gateway.stderr.read()
    if gateway.returncode != 0 or "Hello from the mock model" not in text:
        sys.exit(f"expected the mock's answer and exit status 0, found {text!r} and {gateway.returncode}")
    print("served:", text.strip())


main()
