#!/usr/bin/env python3
"""serve_template.py <build folder> <work folder> - plugins answer in a running gateway: those made from the templates, and
those built against the headers of each version that was frozen (tests/sdk/abi)."""
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

# The first target is not there: the mock answers, through a feature and past a provider of the same age.
CONF = """
providers: { mine = { plugin = "my_provider"; base_url = "http://127.0.0.1:9"; };
             frozen = { plugin = "frozen_provider"; base_url = "http://127.0.0.1:9"; };
             mock = { plugin = "mock"; }; };
features:  { my_feature = { plugin = "my_feature"; model = "mine"; max_tokens = 50; };
             frozen_feature = { plugin = "frozen_feature"; model = "frozen"; }; };
models:    { mine:   { retries = 0; targets = ( { provider = "mine"; model = "any"; },
                                                { provider = "mock"; model = "mock"; weight = 0; } ); };
             frozen: { retries = 0; targets = ( { provider = "frozen"; model = "any"; },
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


def ask(port, feature):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/{feature}", data=b"Who is there?")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def serve(build, folder, plugin_dirs):
    """What both features answer in a gateway that loads these folders."""
    folder.mkdir()
    (folder / "90-try.conf").write_text(CONF, encoding="utf-8")
    command = [build / "bin" / "aigw", "serve", "--conf-dir", folder]
    for plugin_dir in plugin_dirs:
        command += ["--plugin-dir", plugin_dir]
    environment = {**os.environ, "AIGW_AUTH__BYPASS_EXTERNAL": "true"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as gateway:
        try:
            port = port_of(gateway.stderr, time.monotonic() + 20)
            answers = [ask(port, feature) for feature in ("my_feature", "frozen_feature")]
        finally:
            gateway.terminate()
            gateway.stderr.read()
    if gateway.returncode != 0:
        sys.exit(f"the gateway ended with {gateway.returncode}")
    return answers


def main():
    build, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    mine = [work / f"my_{kind}" / "build" / "lib" / "aigw" for kind in ("provider", "feature")]
    versions = sorted((build / "tests" / "frozen").iterdir())
    if not versions:
        sys.exit("no frozen version was built")
    for frozen in versions:
        answers = serve(build, work / f"conf-{frozen.name}", [build / "lib" / "aigw", *mine, frozen])
        if any("Hello from the mock model" not in answer for answer in answers):
            sys.exit(f"ABI {frozen.name}: expected the mock's answers, found {answers}")
        print(f"ABI {frozen.name}: served")


main()
