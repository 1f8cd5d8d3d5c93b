"""What an operator changes while requests run: settings, plugins, certificates."""
import copy
import os
import shutil
import signal
import ssl
import subprocess
import time

from contract._env import Env, Reply, completion
from fakes import pki
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from . import _load

PATH = "/v2/code/completions"


# -- reload ------------------------------------------------------------------------------------------------------------

@fixture("reload", serial=True)
def reload_env(ctx):
    return Env(ctx, bypass=True, name="reload", conf="limits: { body_max = 50000; };\n")


@fixture("reload-storm", serial=True)
def reload_storm_env(ctx):
    return Env(ctx, bypass=True, name="reload-storm")


def reload(env, wanted):
    start = len(env.gw.lines)
    env.gw.signal(signal.SIGHUP)
    line = env.gw.wait_line(lambda item: item.get("logger") == "config" and wanted in str(item.get("message")), 30,
                            start)
    truth(line is not None, f"a log line with {wanted!r}", env.gw.raw[start:])


@case("F-RELOAD", "reload")
def reload_changes_limits(env):
    body = completion(env.models.script(Reply()))
    body["padding"] = "x" * 60000
    equal(env.post(PATH, body).status, 413, "status before")
    gate = Gate()
    script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
    conn = env.gw.connect(timeout=20)
    conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
    truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
    env.gw.write_conf("limits: { body_max = 80000; };\n")
    reload(env, "configuration reloaded")
    equal(env.post(PATH, body).status, 200, "status after")
    gate.set()
    response = conn.read_response()
    equal((response.text, response.is_complete), ("ab", True), "the stream that ran across the reload")
    conn.close()


@case("F-RELOAD-bad", "reload")
def bad_reload_changes_nothing(env):
    env.gw.write_conf("limits: { body_sm = 80000; };\n")
    reload(env, "stays")
    truth("body_sm" in "".join(env.gw.raw), "the mistake to be named", env.gw.raw[-5:])
    equal(env.post(PATH, completion(env.models.script(Reply()))).status, 200, "status")
    env.gw.write_conf("limits: { body_max = 80000; };\n")


@case("F-RELOAD-storm", "reload-storm")
def reloads_under_load(env):
    script = env.models.script(Reply(pieces=("a", "b")))
    load = _load.SteadyLoad(lambda: env.post(PATH, completion(script, stream=True)), 3,
                            lambda r: r.status == 200 and r.is_complete and r.text == "ab")
    for number in range(8):
        env.gw.write_conf(f"limits: {{ body_max = {80000 + number}; }};\n")
        reload(env, "configuration reloaded")
        load.wait_for(5)
    load.stop()
    equal(load.bad[:3], [], f"{len(load.bad)} of {load.count} requests went wrong;")
    before = env.gw.rss_kib()
    for number in range(20):
        env.gw.write_conf(f"limits: {{ body_max = {90000 + number}; }};\n")
        reload(env, "configuration reloaded")
        env.request("GET", "/monitoring/healthz")
    grown = env.gw.rss_kib() - before
    truth(grown < 4096, "old configurations to be freed, and plugins not to be loaded again", f"{grown} KiB in 20 reloads")


@case("F-RELOAD-idle", "reload")
def reload_changes_limits_of_the_listener(env):
    """A limit of the listener itself: new idle time, for connections from now on."""
    env.gw.write_conf("limits: { idle_ms = 300; };\n")
    reload(env, "configuration reloaded")
    conn = env.gw.connect()
    conn.send(http.render("GET", "/monitoring/healthz"))
    equal(conn.read_response().status, 200, "status")
    truth(conn.is_closed_within(5), "an idle connection to be closed after 0.3 s", "still open")
    env.gw.write_conf("limits: { idle_ms = 120000; };\n")
    reload(env, "configuration reloaded")


@case("F-RELOAD-cap", "reload")
def reload_changes_connection_limit(env):
    env.gw.write_conf("limits: { connections_max = 2; };\n")
    reload(env, "configuration reloaded")
    socks = [env.gw.connect() for _ in range(12)]
    statuses = []
    for conn in socks:
        conn.send(http.render("GET", "/monitoring/healthz"))
        statuses.append(conn.read_response().status)
    for conn in socks:
        conn.close()
    truth(503 in statuses and statuses.count(200) <= 2, "two connections served, one per worker", statuses)
    env.gw.write_conf("limits: { connections_max = 20000; };\n")
    reload(env, "configuration reloaded")


@case("F-RELOAD-fixed", "reload")
def reload_names_what_needs_a_start(env):
    """One line names every changed setting that a running process keeps, and no other."""
    start = len(env.gw.lines)
    env.gw.write_conf("server: { environment = \"staging\"; drain_ms = 20000; };\nlimits: { header_max = 16384; };\n"
                      "log: { access = false; };\n")
    reload(env, "configuration reloaded")
    lines = [str(item.get("message")) for item in env.gw.lines[start:] if item.get("level") == "warning"
             and item.get("logger") == "config" and "next start" in str(item.get("message"))]
    equal(len(lines), 1, "lines about it")
    equal(lines[0].split(": ")[1], "server.environment, limits.header_max", "settings named")
    start = len(env.gw.lines)
    env.gw.write_conf("")
    reload(env, "configuration reloaded")
    truth(not any("next start" in line for line in env.gw.raw[start:]), "no such line once they are back",
          env.gw.raw[start:])


def upstream_connections(env):
    return env.gw.metric("aigw_upstream_connections")


def until(check, expected, timeout=10):
    deadline = time.monotonic() + timeout
    while not check():
        truth(time.monotonic() < deadline, expected, "not so")
        time.sleep(0.02)


@case("F-RELOAD-pool", "reload")
def reload_keeps_connections_to_models(env):
    """Pooled connections outlive a reload (those over TLS unless their certificate files changed: unit.upstream_pool)."""
    script = env.models.script(Reply())
    env.gw.write_conf("")
    reload(env, "configuration reloaded")
    equal(env.post(PATH, completion(script)).status, 200, "status")
    until(lambda: upstream_connections(env) >= 1, "a pooled connection")
    for number in range(3):
        env.gw.write_conf(f"limits: {{ body_max = {70000 + number}; }};\n")
        reload(env, "configuration reloaded")
        equal(env.request("GET", "/monitoring/healthz").status, 200, "status")
    truth(upstream_connections(env) >= 1, "the connection to be kept", upstream_connections(env))
    ca = pki.CA(env.ctx.folder("reload-ca"))
    env.gw.write_conf(f"upstream: {{ extra_ca_file = \"{ca.file}\"; }};\n")
    reload(env, "configuration reloaded")
    truth(upstream_connections(env) >= 1, "a plain connection to be kept: trust has no say in it", "none")
    env.gw.write_conf("")
    reload(env, "configuration reloaded")


def at_once(env, script, count):
    """As many requests under way at the same time; all of them answered."""
    script.replies = [Reply(gate=Gate()) for _ in range(count)]
    gates = [reply.gate for reply in script.replies]
    before = script.count
    conns = [env.gw.connect(timeout=20) for _ in range(count)]
    for conn in conns:
        conn.send(http.render("POST", PATH, {}, completion(script)))
    truth(script.wait(lambda s: s.count == before + count), f"{count} model calls at once", script.count - before)
    for gate in gates:
        gate.set()
    for conn in conns:
        equal(conn.read_response().status, 200, "status")
        conn.close()


@case("F-RELOAD-pool-size", "reload")
def reload_changes_the_pools(env):
    """upstream.connections_per_host takes effect at a reload: one idle connection per worker instead of many."""
    script = env.models.script()
    env.gw.write_conf("")
    reload(env, "configuration reloaded")
    at_once(env, script, 12)
    truth(upstream_connections(env) >= 6, "many connections to be kept", upstream_connections(env))
    env.gw.write_conf("upstream: { connections_per_host = 1; };\n")
    reload(env, "configuration reloaded")

    def is_small_after_use():  # each answer closes one connection too many, on the worker that got the request
        at_once(env, script, 24)
        return upstream_connections(env) <= 2
    until(is_small_after_use, "one connection per worker to be kept")
    env.gw.write_conf("")
    reload(env, "configuration reloaded")


@case("F-RELOAD-log", "reload")
def reload_changes_the_log(env):
    """Another file, level and format take effect at a reload, and the old sink again afterwards."""
    path = os.path.join(env.gw.folder, "other.log")

    def text():
        with open(path, encoding="utf-8") as file:
            return file.read()
    env.gw.write_conf(f"log: {{ file = \"{path}\"; json = false; }};\n")
    env.gw.signal(signal.SIGHUP)
    until(lambda: os.path.exists(path) and "config: configuration reloaded\n" in text(), "lines for people in the file")
    os.rename(path, path + ".1")
    env.gw.signal(signal.SIGHUP)
    until(lambda: os.path.exists(path) and "configuration reloaded" in text(), "a new file after a rotation")
    env.gw.write_conf("")
    reload(env, "configuration reloaded")


@fixture("together", patient=True)
def together(ctx):
    return Env(ctx, name="together", env={"AIGW_LOGGING__ACCESS": "false"}, conf=TOGETHER[0])


# Without a token the first says 401 and the second 404; 200 is the second's authentication with the first's routes.
TOGETHER = (
    "auth: { bypass_external = false; };\nfeatures: { code_suggestions: { plugin = \"code_suggestions\"; }; };\n",
    "auth: { bypass_external = true; };\nfeatures: { code_suggestions: { plugin = \"code_suggestions\"; "
    "enabled = false; }; };\n")


@case("F-RELOAD-together", "together")
def reload_switches_auth_and_routes_together(env):
    script = env.models.script(Reply())
    load = _load.SteadyLoad(lambda: env.post(PATH, completion(script)), 4, lambda r: r.status in (401, 404))
    for number in range(1, 21 if env.ctx.is_sanitized else 41):
        env.gw.write_conf(TOGETHER[number % 2])
        reload(env, "configuration reloaded")
        equal(env.post(PATH, completion(script)).status, 404 if number % 2 else 401, "status after the reload")
    load.stop()
    equal(load.bad[:3], [], f"{len(load.bad)} of {load.count} requests met settings that were never together;")


# -- settings that only fail when they are applied: found by check, at the start and at a reload -------------------------

@fixture("applied", patient=True)
def applied(ctx):
    folder = ctx.folder("applied")
    ca = pki.CA(os.path.join(folder, "ca"))
    names = {"cert": "tls.crt", "key": "tls.key", "other_key": "other.key", "garbage": "garbage.pem"}
    files = {name: os.path.join(folder, file) for name, file in names.items()}
    first, second = ca.issue(common_name="first"), ca.issue(common_name="second")
    shutil.copy(first[0], files["cert"])
    shutil.copy(first[1], files["key"])
    shutil.copy(second[1], files["other_key"])
    with open(files["garbage"], "w", encoding="ascii") as out:
        out.write("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    files.update(ca=ca.file, folder=folder)
    tls = "tls: {{\n enabled = true;\n cert_file = \"{cert}\";\n key_file = \"{key}\";\n}};\n".format(**files)
    env = Env(ctx, bypass=True, name="applied", conf=tls, tls=ca.client_context())
    env.tls_conf, env.files, env.ca = tls, files, ca
    return env


NOT_APPLICABLE = {
    "proxies": ("server: {{\n trusted_proxies = ( \"10.0.0.0/8\",\n \"10.0.0.0/99\" ); }};\n", 3, "server.trusted_proxies"),
    "ciphers": ("tls: {{\n ciphers = \"NORMAL:+NOPE\"; }};\n", 2, "tls.ciphers"),
    "client-ca": ("tls: {{\n client_ca_file = \"{garbage}\"; }};\n", 2, "tls.client_ca_file"),
    "cert": ("tls: {{\n cert_file = \"{garbage}\"; }};\n", 2, "tls.cert_file"),
    "key": ("tls: {{\n key_file = \"{other_key}\"; }};\n", None, "tls.cert_file"),
    "key-missing": ("tls: {{\n key_file = \"{folder}/missing\"; }};\n", 2, "tls.key_file"),
    "model-ca": ("upstream: {{\n ca_file = \"{garbage}\"; }};\n", 2, "upstream.ca_file"),
    "identity": ("upstream: {{ mtls_enabled = true; key_file = \"{other_key}\";\n cert_file = \"{cert}\"; }};\n", 2,
                 "upstream.cert_file"),
    "log": ("log: {{\n file = \"{folder}/none/x.log\"; }};\n", 2, "log.file"),
    "issuer": ("auth: {{\n issuers: {{ b = \"gitlab.internal\"; c = \"ftp://x\"; }}; }};\n", 2, "auth.issuers"),
}


def not_applicable(env, name):
    """The mistake is named with its place by `aigw check` and by a reload, which then changes nothing at all."""
    conf, line, key = NOT_APPLICABLE[name]
    good = "limits: {{ body_max = 80000; }};\n".format()
    body = completion(env.models.script(Reply(), Reply()))
    body["padding"] = "x" * 90000
    env.gw.write_conf(good, "80-good.conf")
    reload(env, "configuration reloaded")
    equal(env.post(PATH, body).status, 413, "status before")
    env.gw.write_conf("limits: { body_max = 100000; };\n", "80-good.conf")  # must not be applied either
    env.gw.write_conf(conf.format(**env.files), "95-bad.conf")
    try:
        place = f"95-bad.conf:{line}: {key}: " if line else f": {key}: "
        found = subprocess.run([env.ctx.binary, "check", "--conf-dir", env.ctx.conf_dir, "--conf-dir", env.gw.conf_dir,
                                "--plugin-dir", env.ctx.plugin_dir], env={"PATH": "/usr/bin:/bin"}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
        equal(found.returncode, 1, f"exit code of check ({found.stdout})")
        truth(place in found.stdout, f"{place!r} from check", found.stdout)
        start = len(env.gw.lines)
        reload(env, "stays")
        truth(place in "".join(env.gw.raw[start:]), f"{place!r} in the log", env.gw.raw[start:])
        equal(env.post(PATH, body).status, 413, "status after the refused reload")
        equal(served_name(env), "first", "certificate")
    finally:
        os.unlink(os.path.join(env.gw.conf_dir, "95-bad.conf"))
    reload(env, "configuration reloaded")
    equal(env.post(PATH, body).status, 200, "status once the mistake is gone")


for _name in NOT_APPLICABLE:
    case(f"F-APPLY-{_name}", "applied")(lambda env, name=_name: not_applicable(env, name))


@case("F-APPLY-tls", "applied")
def reload_changes_tls(env):
    """Other protocol versions, another pair of files and a client CA take effect for new connections at a reload."""
    def version():
        with env.gw.connect() as conn:
            return conn.sock.version()
    equal(version(), "TLSv1.3", "version before")
    env.gw.write_conf("tls: { ciphers = \"NORMAL:-VERS-ALL:+VERS-TLS1.2\"; };\n", "95-tls.conf")
    reload(env, "configuration reloaded")
    until(lambda: version() == "TLSv1.2", "TLS 1.2 after it")
    other = env.ca.issue(common_name="other")
    env.gw.write_conf(f"tls: {{ cert_file = \"{other[0]}\"; key_file = \"{other[1]}\"; }};\n", "95-tls.conf")
    reload(env, "configuration reloaded")
    until(lambda: served_name(env) == "other", "the certificate of the other files")
    until(lambda: version() == "TLSv1.3", "the default versions again")
    os.unlink(os.path.join(env.gw.conf_dir, "95-tls.conf"))
    reload(env, "configuration reloaded")
    until(lambda: served_name(env) == "first", "the first certificate again")


# -- plugins -----------------------------------------------------------------------------------------------------------

@fixture("plugins", patient=True)
def plugins(ctx):
    ctx = copy.copy(ctx)
    folder = ctx.folder("plugins")
    original, ctx.plugin_dir = ctx.plugin_dir, os.path.join(folder, "plugins")
    shutil.copytree(original, ctx.plugin_dir)
    env = Env(ctx, bypass=True, name="plugins")
    env.plugin = os.path.join(ctx.plugin_dir, "features", "code_suggestions.so")
    return env


def overwrite(path, data):
    """As cp does it: the same file gets other bytes."""
    with open(path, "r+b") as out:
        out.truncate(0)
        out.write(data)


@case("F-PLUGIN-overwritten", "plugins")
def overwritten_plugin(env):
    """D49: whatever is written over a loaded plugin's file, it goes on serving; a reload takes what is there if it can."""
    with open(env.plugin, "rb") as file:
        whole = file.read()
    gate = Gate()
    script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
    conn = env.gw.connect(timeout=20)
    conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
    truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
    for number, data in enumerate((b"", b"\0" * len(whole), whole[:len(whole) // 2], whole[:-1], b"#!/bin/sh\n")):
        overwrite(env.plugin, data)
        equal(env.post(PATH, completion(env.models.script(Reply()))).status, 200, f"status after overwriting {number}")
        start = len(env.gw.lines)
        reload(env, "stays")
        text = "".join(env.gw.raw[start:])
        truth("code_suggestions.so: " in text and "by rename" in text, "the file and the remedy", text)
        equal(env.post(PATH, completion(env.models.script(Reply()))).status, 200, f"status after reload {number}")
    overwrite(env.plugin, whole)
    reload(env, "configuration reloaded")
    equal(env.post(PATH, completion(env.models.script(Reply()))).status, 200, "status with the new one")
    gate.set()
    response = conn.read_response()
    equal((response.text, response.is_complete), ("ab", True), "the stream that ran across it all")
    conn.close()


@case("F-PLUGIN-metrics", "plugins")
def plugin_with_other_metrics(env):
    """A new version with more, fewer and renamed counters loads at a reload; other labels refuse it, by name."""
    fixtures = os.path.join(env.ctx.build_dir, "tests", "core", "plugin")
    plugin = os.path.join(env.ctx.plugin_dir, "providers", "good.so")
    env.gw.write_conf("providers: { fixture: { plugin = \"good\"; }; };\n", "95-fixture.conf")
    for name in ("plugins/providers/good.so", "metrics/2/providers/metrics_2.so", "metrics/3/providers/metrics_3.so",
                 "metrics/2/providers/metrics_2.so"):
        replace(plugin, os.path.join(fixtures, name))
        reload(env, "configuration reloaded")
    replace(plugin, os.path.join(fixtures, "metrics/4/providers/metrics_4.so"))
    start = len(env.gw.lines)
    reload(env, "stays")
    text = "".join(env.gw.raw[start:])
    truth("good_a_total" in text and "counter (other)" in text and "counter (what)" in text, "both shapes named", text)
    os.unlink(os.path.join(env.gw.conf_dir, "95-fixture.conf"))
    os.unlink(plugin)
    reload(env, "configuration reloaded")


# -- certificates ------------------------------------------------------------------------------------------------------

@fixture("certificates", patient=True)
def certificates(ctx):
    ca = pki.CA(ctx.folder("swap-ca"))
    folder = ctx.folder("swap")
    cert, key = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key")
    first = ca.issue(common_name="first")
    shutil.copy(first[0], cert)
    shutil.copy(first[1], key)
    env = Env(ctx, bypass=True, name="certificates", tls=ca.client_context(), env={
        "AIGW_FASTAPI__TLS__ENABLED": "true", "AIGW_FASTAPI__TLS__CERT_FILE": cert, "AIGW_FASTAPI__TLS__KEY_FILE": key})
    env.ca, env.cert, env.key = ca, cert, key
    return env


def served_name(env):
    with env.gw.connect() as conn:
        subject = dict(item[0] for item in conn.sock.getpeercert()["subject"])
    return subject["commonName"]


def replace(target, source):
    shutil.copy(source, target + ".new")
    os.replace(target + ".new", target)


@case("F-CERT-SWAP", "certificates")
def certificate_swap(env):
    """New files: new connections get the new certificate, running streams go on, no request fails meanwhile."""
    equal(served_name(env), "first", "certificate before")
    gate = Gate()
    script = env.models.script(Reply(pieces=("a", "b"), gate=gate))
    conn = env.gw.connect(timeout=30)
    conn.send(http.render("POST", PATH, {}, completion(script, stream=True)))
    truth(script.wait(lambda s: s.count == 1), "the model to be called", script.count)
    load = _load.SteadyLoad(lambda: env.request("GET", "/monitoring/healthz"), 2)
    cert, key = env.ca.issue(common_name="second")
    replace(env.cert, cert)
    load.wait_for(10)  # for a moment the two files do not belong together
    replace(env.key, key)
    env.gw.signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while served_name(env) != "second":
        truth(time.monotonic() < deadline, "the new certificate within 20 s", served_name(env))
        load.wait_for(5)
    load.wait_for(20)
    load.stop()
    equal(load.bad[:3], [], f"{len(load.bad)} of {load.count} requests went wrong;")
    gate.set()
    response = conn.read_response()
    equal((response.text, response.is_complete), ("ab", True), "the stream that ran across the swap")
    conn.close()


@case("F-CERT-BROKEN", "certificates")
def broken_certificate_file(env):
    """A broken file changes nothing."""
    name = served_name(env)
    start = len(env.gw.lines)
    with open(env.cert + ".new", "w", encoding="ascii") as out:
        out.write("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    os.replace(env.cert + ".new", env.cert)
    env.gw.signal(signal.SIGHUP)
    line = env.gw.wait_line(lambda item: "certificate" in str(item.get("message")), 20, start)
    truth(line is not None, "a log line about the certificate", env.gw.raw[start:])
    equal(served_name(env), name, "certificate still served")


@case("F-TLS-DRIP", "certificates")
def slow_handshakes(env):
    """Handshakes that never finish do not hold up others."""
    socks = _load.open_many(env.gw.port, 100)
    for sock in socks:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
    for _ in range(10):
        start = time.monotonic()
        equal(env.request("GET", "/monitoring/healthz").status, 200, "status")
        truth(time.monotonic() - start < 1, "an answer within 1 s", f"{time.monotonic() - start:.2f} s")
    _load.close_all(socks)


@case("F-TLS-CUT", "certificates")
def cut_over_tls(env):
    """A cut stream over TLS ends without its last chunk."""
    script = env.models.script(Reply(pieces=("a", "b", "c"), cut_after=2))
    try:
        response = env.post(PATH, completion(script, stream=True))
        truth(not response.is_complete or response.status != 200, "a cut stream", response)
    except ssl.SSLError:
        pass  # the missing close_notify tells as well
