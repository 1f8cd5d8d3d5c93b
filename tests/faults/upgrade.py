"""`aigw upgrade`: a new program takes the listeners over, the old one finishes what it began, and whatever goes wrong costs
nobody anything."""
import os
import shutil
import signal
import socket
import subprocess
import time

from contract._env import Reply, completion
from fakes import pki
from fakes.store import free_ports
from harness import http
from harness.runner import Skip, case, equal, fixture, truth

from ._upgrade import PATH, Newcomers, Regulars, UpgradeEnv, descriptors, ends_well, none_cut, streams

def quiet_env(ctx):
    return UpgradeEnv(ctx, "upgrade-storm", settings={"AIGW_LOGGING__ACCESS": "false"})


fixture("upgrade-storm", serial=True)(quiet_env)
fixture("upgrade-storm-whole", serial=True, heavy=True)(quiet_env)


def upgrades_under_load(env, count, rounds):
    """Several in a row, each with many streams open, while others come, stay and read the metrics: no stream is cut, no
    request refused, and nothing is left behind. There are never more than two processes, so each time the streams end
    before the next upgrade."""
    come, stay = Newcomers(env), Regulars(env)
    scrape = Newcomers(env, threads=1, port=env.gw.metrics_port)
    slowest, first = 0.0, None
    for number in range(rounds):
        gate, future = streams(env, count)
        start = time.monotonic()
        before = env.upgrade()
        slowest = max(slowest, time.monotonic() - start)
        come.wait_for(200)
        equal(before.poll(), None, "exit code of the old process, whose streams are open")
        gate.set()
        none_cut(future, count)
        ends_well(before)
        if number == 0:
            env.gw.request("GET", "/monitoring/healthz")
            first = (descriptors(env.gw), env.gw.rss_kib())
    rate = come.stop()
    stay.stop()
    scrape.stop()
    env.ctx.note(f"{rounds} upgrades with {count} streams open each: {come.count} new connections ({rate:.0f}/s), "
                 f"{stay.count} requests on kept ones, {scrape.count} scrapes; the slowest upgrade took {slowest:.2f} s")
    equal(come.bad[:2], [], f"{len(come.bad)} of {come.count} new connections that went wrong;")
    equal(stay.bad[:2], [], f"{len(stay.bad)} of {stay.count} requests on kept connections that went wrong;")
    equal(scrape.bad[:2], [], f"{len(scrape.bad)} of {scrape.count} scrapes that went wrong;")
    truth(stay.told >= rounds, "kept connections to be told to close", stay.told)
    last = (descriptors(env.gw), env.gw.rss_kib())
    truth(last[0] <= first[0] + 16, "no descriptor to be handed on for good", f"{first[0]} then {last[0]}")
    truth(last[1] < first[1] + 20480, "memory as after the first", f"{first[1]} then {last[1]} KiB")


@case("OP-REL-04", "upgrade-storm")
def some_upgrades(env):
    upgrades_under_load(env, 50 if env.ctx.is_sanitized else 200, 3)


@case("OP-REL-04-whole", "upgrade-storm-whole")
def ten_upgrades(env):
    upgrades_under_load(env, 1000, 10)


@fixture("upgrade", patient=True, takes_s=12)
def upgrade_env(ctx):
    return UpgradeEnv(ctx, "upgrade", workers=3)


@case("OP-REL-05", "upgrade")
def other_numbers_of_workers(env):
    """Fewer workers than sockets, more of them, as many again: nobody who connects is left waiting."""
    for workers in (1, 4, 2, 3):
        env.set_workers(workers)
        come = Newcomers(env, threads=2)
        before = env.upgrade()
        ends_well(before)
        come.stop()
        equal(come.bad[:2], [], f"{len(come.bad)} of {come.count} connections that went wrong;")
        equal(env.request("GET", "/monitoring/ready?verbose").json()["workers"], workers, "workers")
        conns = [env.gw.connect(timeout=10) for _ in range(120)]
        for conn in conns:
            conn.send(http.render("POST", PATH, {}, completion(env.models.script(Reply()))))
        statuses = [conn.read_response().status for conn in conns]
        for conn in conns:
            conn.close()
        equal(statuses, [200] * len(conns), f"statuses with {workers} workers")


@case("OP-REL-04-kept", "upgrade")
def kept_connections(env):
    """An idle connection of the old process may ask once more; its answer says close. Then it is gone."""
    conn, quiet = env.gw.connect(timeout=20), env.gw.connect(timeout=20)
    for each in (conn, quiet):
        each.send(http.render("GET", "/monitoring/healthz"))
        equal(each.read_response().header("connection"), None, "connection header before")
    before = env.upgrade()
    said = None
    for _ in range(50):  # a worker that has not heard of it yet answers as ever
        conn.send(http.render("GET", "/monitoring/ready"))
        response = conn.read_response()
        equal(response.status, 200, "status of the old process's answer")
        said = response.header("connection")
        if said:
            break
    equal(said, "close", "what the last answer of the old process says")
    truth(quiet.is_closed_within(6), "the idle one to be closed", "still open")
    ends_well(before)
    conn.close()
    quiet.close()


@case("OP-REL-generations", "upgrade")
def third_generation(env):
    """While a process that was replaced has streams, no other upgrade begins; afterwards one does."""
    conn, gate = env.open_stream()
    before = env.upgrade()
    said = env.refused()
    truth(f"process {before.pid} still finishes" in said and "drain_ms" in said, "who is in the way, and how long", said)
    gate.set()
    response = conn.read_response()
    equal((response.text, response.is_complete), ("ab", True), "the stream")
    conn.close()
    ends_well(before)
    ends_well(env.upgrade())


@case("OP-REL-drain", "upgrade")
def drain_is_bounded(env):
    """A stream that does not end holds the old process up no longer than server.drain_ms."""
    env.gw.write_conf(env.workers_conf(2).replace("drain_ms = 30000", "drain_ms = 1500"))
    ends_well(env.upgrade())
    conn, gate = env.open_stream()
    start = time.monotonic()
    before = env.upgrade()
    ends_well(before, 15)
    truth(1.0 < time.monotonic() - start < 12, "an end after 1.5 s", f"{time.monotonic() - start:.1f} s")
    truth(not conn.read_response().is_complete, "a stream that is seen to be cut", "a whole one")
    gate.set()
    conn.close()
    env.set_workers(2)
    ends_well(env.upgrade())


@case("OP-REL-bad-conf", "upgrade")
def bad_configuration(env):
    path = os.path.join(env.gw.conf_dir, "95-bad.conf")
    env.gw.write_conf("limits: {\n body_mx = 1; };", "95-bad.conf")
    try:
        said = env.refused()
        truth("95-bad.conf:2: limits.body_mx" in said and "ended with status 1" in said, "the mistake and its place", said)
        env.gw.write_conf(f'log: {{ file = "{env.gw.folder}/none/x.log"; }};\n', "95-bad.conf")
        truth("none/x.log" in env.refused(), "a file that cannot be opened to be named", "not so")
    finally:
        os.unlink(path)


# What lies in the place of the new program → what is said of it.
PROGRAMS = {
    "crash": ("kill -SEGV $$\n", "was ended by signal 11 (Segmentation fault)"),
    "status": ("echo 'libnothing.so.1: cannot open shared object file' >&2\nexit 127\n",
               "libnothing.so.1: cannot open shared object file\nthe new program"),
    "never": ("exec sleep 300\n", "was not ready within 2 s and was ended"),
    "silent": ("exec 2>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-\nexec sleep 300\n", "closed what it was handed without being ready"),
    "chatter": ("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done >&2\n", "was not ready within 2 s"),
    "version": ("exec true\n", "ended with status 0 before it was ready"),
}


def bad_program(name):
    @case(f"OP-REL-program-{name}", "upgrade")
    def row(env):
        text, wanted = PROGRAMS[name]
        count = descriptors(env.gw)
        said = env.refused("--timeout", "2", "--program", env.program(text))
        truth(wanted in said, repr(wanted), said[-600:])
        truth(len(said) < 32768, "words that somebody can read", len(said))
        truth(descriptors(env.gw) <= count + 8, "no descriptor to be left", f"{count} then {descriptors(env.gw)}")


for _name in PROGRAMS:
    bad_program(_name)


@case("OP-REL-program-none", "upgrade")
def no_program(env):
    plain = os.path.join(env.ctx.folder("program"), "plain")
    with open(plain, "w", encoding="ascii") as out:
        out.write("no program\n")
    for path, words in (("/no/such/aigw", "No such file"), (plain, "Permission denied")):
        said = env.refused("--program", path)
        truth(f"{path} cannot be started: " in said and words in said, f"{path} and why", said)
    os.chmod(plain, 0o755)
    truth("Exec format error" in env.refused("--program", plain), "a file that is no program", "not so")
    equal(env.aigw("upgrade", "--timeout", "0").returncode, 2, "exit code of a wrong usage")


@case("OP-REL-rollback", "upgrade")
def other_program_and_back(env):
    """--program leads to another file, also by a relative path; a link that was turned meanwhile is followed."""
    folder = os.path.join(env.gw.folder, "opt")
    os.makedirs(os.path.join(folder, "bin"), exist_ok=True)
    shutil.copy(env.ctx.binary, os.path.join(folder, "bin", "aigw-2"))
    os.symlink("aigw-2", os.path.join(folder, "bin", "aigw"))
    def running():
        return os.path.realpath(f"/proc/{env.gw.process.pid}/exe")
    first = running()
    ends_well(env.upgrade("--program", "opt/bin/aigw"))
    equal(running(), os.path.join(os.path.realpath(folder), "bin", "aigw-2"), "the program that runs")
    ends_well(env.upgrade("--program", first))
    equal(running(), first, "the program that runs")


@case("OP-REL-reload-after", "upgrade")
def control_socket_is_inherited(env):
    """Questions that come afterwards are answered by the new process; SIGHUP reaches it."""
    ends_well(env.upgrade())
    env.gw.write_conf("limits: { body_max = 81234; };\n", "95-change.conf")
    found = env.aigw("check", "--diff", "--conf-dir", env.ctx.conf_dir, "--conf-dir", env.gw.conf_dir)
    truth("limits.body_max" in found.stdout, "the difference", found.stdout + found.stderr)
    start = len(env.gw.lines)
    env.gw.signal(signal.SIGHUP)
    truth(env.gw.wait_line(lambda line: line.get("message") == "configuration reloaded", 20, start), "a reload",
          env.gw.raw[start:])
    os.unlink(os.path.join(env.gw.conf_dir, "95-change.conf"))


@case("OP-REL-stop-meanwhile", "upgrade")
def stopped_during_an_upgrade(env):
    """SIGTERM while a new program starts ends both."""
    other = UpgradeEnv(env.ctx, "upgrade-stopped")
    try:
        program = other.program("echo $$ > pid; exec sleep 300\n")
        asking = subprocess.Popen([env.ctx.binary, "upgrade", "--program", program, "--socket",
                                   f"@aigw-{other.gw.port}"], env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE,
                                  text=True)
        path, deadline = os.path.join(other.gw.folder, "pid"), time.monotonic() + 20
        while not (os.path.exists(path) and os.path.getsize(path)):
            truth(time.monotonic() < deadline, "the new program to start", "none")
            time.sleep(0.02)
        with open(path, encoding="ascii") as file:
            pid = int(file.read())
        equal(other.gw.terminate(20), 0, "exit code")
        said, _ = asking.communicate(timeout=20)
        truth(asking.returncode == 1 and "asked to stop" in said, "words about it", said)
        truth(not os.path.exists(f"/proc/{pid}"), "the new program to be gone", "one that runs")
    finally:
        other.close()


@case("OP-REL-container", "upgrade")
def first_process_of_a_container(env):
    """Process 1 cannot be replaced: it says what to do instead."""
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("needs the right to make a process name space with a /proc of its own, which a chroot has not")
    wrapper = env.program(f"exec {' '.join(unshare)} '{env.ctx.binary}' \"$@\"\n")
    ctx = _with_binary(env.ctx, wrapper)
    other = UpgradeEnv(ctx, "upgrade-container")
    try:
        other.ctx = env.ctx
        said = other.refused()
        truth("process 1 of its container" in said and "new image" in said, "what to do instead", said)
    finally:
        other.gw._expected_end = True  # unshare ends as its signal says
        other.gw.kill()
        other.close()


def _with_binary(ctx, binary):
    import copy
    ctx = copy.copy(ctx)
    ctx.binary = binary
    return ctx


# -- TLS, keys, places -------------------------------------------------------------------------------------------------

@fixture("upgrade-tls", patient=True)
def tls_env(ctx):
    ca = pki.CA(ctx.folder("upgrade-ca"))
    folder = ctx.folder("upgrade-tls")
    names = [os.path.join(folder, name) for name in ("tls.crt", "tls.key")]
    for source, target in zip(ca.issue(common_name="first"), names):
        shutil.copy(source, target)
    env = UpgradeEnv(ctx, "upgrade-tls", tls=ca.client_context(), settings={
        "AIGW_FASTAPI__TLS__ENABLED": "true", "AIGW_FASTAPI__TLS__CERT_FILE": names[0],
        "AIGW_FASTAPI__TLS__KEY_FILE": names[1]})
    env.ca, env.files = ca, names
    return env


@case("OP-REL-04-tls", "upgrade-tls")
def with_tls(env):
    """Handshakes that come at the switch, kept connections and streams over TLS; a new certificate counts."""
    def name():
        with env.gw.connect() as conn:
            return dict(item[0] for item in conn.sock.getpeercert()["subject"])["commonName"]
    equal(name(), "first", "certificate")
    come, stay = Newcomers(env, threads=3), Regulars(env)
    for number in range(3):
        conn, gate = env.open_stream()
        before = env.upgrade()
        come.wait_for(30)
        gate.set()
        response = conn.read_response()
        equal((response.text, response.is_complete), ("ab", True), f"stream {number}")
        conn.close()
        ends_well(before)
    come.stop()
    stay.stop()
    equal(come.bad[:2], [], f"{len(come.bad)} of {come.count} handshakes that went wrong;")
    equal(stay.bad[:2], [], f"{len(stay.bad)} of {stay.count} requests on kept connections that went wrong;")
    with open(env.files[1], "w", encoding="ascii") as out:
        out.write("nonsense\n")
    truth("tls.key" in env.refused(), "the key that is none", "not so")
    for source, target in zip(env.ca.issue(common_name="second"), env.files):
        shutil.copy(source, target)
    ends_well(env.upgrade())
    equal(name(), "second", "certificate after it")


@fixture("upgrade-keys", patient=True, takes_s=15)
def keys_env(ctx):
    return UpgradeEnv(ctx, "upgrade-keys", bypass=False)


@case("OP-REL-keys", "upgrade-keys")
def keys_of_gitlab(env):
    """A new process that cannot fetch GitLab's keys would refuse everybody: the one that has them goes on."""
    def status():
        return env.post(PATH, completion(env.models.script(Reply())), env.auth()).status
    equal(status(), 200, "status before")
    env.gitlab.refuse()
    found = env.aigw("upgrade", "--timeout", "10")
    truth(found.returncode == 1 and "keys of GitLab" in found.stdout, "what it waits for", found.stdout)
    equal(status(), 200, "status after a refused upgrade")
    env.gitlab.listen()
    ends_well(env.upgrade())
    equal(status(), 200, "status after the upgrade")


@case("OP-REL-moved", "upgrade-keys")
def other_places(env):
    """Another port, another metrics port, another control socket: the new process opens those, the old ones go."""
    port, metrics, moved, moved_metrics = free_ports(4)
    path = os.path.join(env.ctx.folder("moved"), "control")
    conf = (f'server: {{ host = "127.0.0.1"; port = {port}; metrics_host = "127.0.0.1"; metrics_port = {metrics}; '
            f'control_socket = "{path}"; workers = 2; }};\n')
    other = UpgradeEnv(env.ctx, "upgrade-moved", first=conf, settings={
        "AIGW_FASTAPI__API_HOST": None, "AIGW_FASTAPI__API_PORT": None, "AIGW_FASTAPI__METRICS_HOST": None,
        "AIGW_FASTAPI__METRICS_PORT": None})
    try:
        for _ in range(2):  # the path stays at the same place …
            ends_well(other.upgrade(socket=path))
            truth(os.path.exists(path), "the socket's file", "none")
        moved_path = path + "2"
        other.gw.write_conf(conf.replace(str(port), str(moved)).replace(str(metrics), str(moved_metrics))
                            .replace(path, moved_path))
        ends_well(other.upgrade(socket=path))  # … until it is moved
        other.gw.port, other.gw.metrics_port = moved, moved_metrics
        with socket.create_server(("127.0.0.1", 0)) as taken:  # … or cannot be
            number = taken.getsockname()[1]
            other.gw.write_conf(f'server: {{ metrics_port = {number}; }};\n', "95-taken.conf")
            found = other.aigw("upgrade", socket=moved_path)
            truth(found.returncode == 1 and "in use" in found.stdout and "metrics_port" in found.stdout,
                  "the port that is taken", found.stdout)
            os.unlink(os.path.join(other.gw.conf_dir, "95-taken.conf"))
        equal(other.request("GET", "/monitoring/healthz").status, 200, "status at the new port")
        truth("aigw_open_requests" in other.gw.metrics(), "metrics at the new port", "none")
        for old in (port, metrics):
            with socket.socket() as sock:
                truth(sock.connect_ex(("127.0.0.1", old)) != 0, f"port {old} to be closed", "open")
        ends_well(other.upgrade(socket=moved_path))
    finally:
        other.close()
