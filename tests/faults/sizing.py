"""What GitLab's install page says about size, at a scale that a test can have: 40 and 160 requests at a time, 7 requests a
second per 1,000 users, 512 MB of memory. Time is counted as CPU time of the gateway, which a busy machine does not change,
and compared within one run. The whole of it, with real numbers: bench/sizing.
"""
import os
import threading
import time

from contract._env import Env, Reply, completion
from contract.chat import body_for
from contract.generations import generation
from contract.seed import Plain
from fakes.net import Gate
from harness import http
from harness.cgroup import Cgroup
from harness.command import run
from harness.runner import Skip, case, equal, fixture, truth

from . import _load

PATH = "/v2/code/completions"
CPUS = sorted(os.sched_getaffinity(0))[:2]  # what the page's smaller machine has
MIX = ((PATH, lambda script: completion(script)), (PATH, lambda script: completion(script, stream=True)),
       ("/v2/code/generations", generation), ("/v2/chat/agent", body_for))  # three of four are code
PER_SECOND = 7 / 1000  # requests of one user, by the page


@fixture("sizing", serial=True)
def sizing(ctx):
    return Env(ctx, bypass=True, name="sizing", env={"WEB_CONCURRENCY": None}, cpus=CPUS)


def cpu_s(gateway):
    with open(f"/proc/{gateway.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mixed(env, count):
    """Requests of the mix, and what each must bring."""
    requests = []
    for number in range(count):
        path, make = MIX[number % len(MIX)]
        script = env.models.script(Reply(pieces=("thought\nFinal Answer: ", f"whole{number}.")))
        requests.append(http.render("POST", path, {"Connection": "close"}, make(script)))
    return requests


def wrong_ones(answers):
    return [(number, answer.status, answer.error, answer.body[-80:]) for number, answer in enumerate(answers)
            if answer.status != 200 or not answer.is_complete or f"whole{number}.".encode() not in answer.body]


def cost_of(env, count, at_once):
    """CPU seconds per request of the mix, that many at a time; each of them is served whole."""
    requests = mixed(env, count)
    before = cpu_s(env.gw)
    for begin in range(0, count, at_once):
        answers = _load.fetch_all(env.gw.port, requests[begin:begin + at_once])
        wrong = [item for item in answers if item.status != 200 or not item.is_complete]
        equal([(item.status, item.error, item.body[:80]) for item in wrong[:3]], [], f"{len(wrong)} requests failed;")
    return (cpu_s(env.gw) - before) / count


def held_at_once(env, count):
    """So many streams are open at one moment, and whoever comes then is served as well."""
    gate = Gate()
    scripts = [env.models.script(Reply(pieces=("a", "b", "c"), gate=gate)) for _ in range(count)]
    future = _load.start_all(env.gw.port, [http.render("POST", PATH, {"Connection": "close"},
                                                       completion(script, stream=True)) for script in scripts])
    deadline = time.monotonic() + 60
    while (open_ones := sum(1 for script in scripts if script.seen and script.seen[0].pieces_sent)) < count:
        truth(time.monotonic() < deadline, f"{count} streams open at once", open_ones)
        time.sleep(0.02)
    truth(env.gw.metric("aigw_open_requests") >= count, f"{count} open requests in the metrics",
          env.gw.metric("aigw_open_requests"))
    equal(wrong_ones(_load.fetch_all(env.gw.port, mixed(env, 8))), [], "requests of others meanwhile")
    gate.set()
    answers = future.result(60)
    equal({(answer.status, answer.body, answer.is_complete) for answer in answers}, {(200, b"abc", True)}, "streams")


def stays_cheap(env, at_once):
    """A request costs what it costs alone, whatever else is running."""
    cost_of(env, 80, 1)  # warm
    alone, together = cost_of(env, 480, 1), cost_of(env, 480, at_once)
    env.ctx.note(f"sizing: {alone * 1e6:.0f} µs of CPU per request alone, {together * 1e6:.0f} µs {at_once} at a time")
    truth(together <= 2 * alone + 0.0005, f"CPU per request {at_once} at a time at most twice what it is alone",
          f"{together * 1e6:.0f} against {alone * 1e6:.0f} µs")


@case("S-35 S-39", "sizing")
def forty_at_a_time(env):
    held_at_once(env, 40)
    stays_cheap(env, 40)


@case("S-36", "sizing")
def hundred_and_sixty_at_a_time(env):
    """On the CPUs of the smaller machine."""
    held_at_once(env, 160)
    stays_cheap(env, 160)


@case("S-37", "sizing")
def seven_a_second_per_thousand_users(env):
    """The pace of 10,000 users for some seconds: all are served, and the CPUs would bear many times as much."""
    rate, seconds = 10000 * PER_SECOND, 4
    requests = mixed(env, int(rate * seconds))
    futures, begun, before = [], time.monotonic(), cpu_s(env.gw)
    pace = threading.Event()
    for number, request in enumerate(requests):
        pace.wait(max(0.0, begun + number / rate - time.monotonic()))  # an open loop: late ones do not hold others up
        futures.append(_load.start_all(env.gw.port, [request]))
    answers = [future.result(60)[0] for future in futures]
    cost = (cpu_s(env.gw) - before) / len(requests)
    equal(wrong_ones(answers), [], "requests that were not served whole")
    users = len(CPUS) / max(cost, 1e-6) / PER_SECOND
    env.ctx.note(f"sizing: {cost * 1e6:.0f} µs of CPU per request of the mix: {users:,.0f} users keep {len(CPUS)} CPUs busy")
    truth(users > (2000 if env.ctx.is_sanitized else 20000), "CPUs for many times as many users", f"{users:,.0f}")


# -- limits of the container -------------------------------------------------------------------------------------------

@fixture("cgroup", serial=True)
def cgroup_fixture(ctx):
    return Plain(ctx)


def has_room(place):
    if place.ctx.is_sanitized:
        raise Skip("the sanitizer's own memory is many times that")


@case("OP-CGROUP-workers", "cgroup")
def workers_follow_the_quota(place):
    """As many workers as the quota has CPUs, rounded up, unless the operator says otherwise."""
    for cpus, set_to, expected in ((0.5, None, 1), (1, None, 1), (1, "3", 3), (64, None, len(os.sched_getaffinity(0)))):
        env = place.keep(Env(place.ctx, name="quota", env={"WEB_CONCURRENCY": set_to},
                             cgroup=place.keep(Cgroup(cpus=cpus))))
        line = env.gw.wait_line(lambda item: item.get("message") == "listening")
        equal(line["workers"], expected, f"workers with a quota of {cpus} CPUs and WEB_CONCURRENCY {set_to}")
        equal(env.request("GET", "/monitoring/healthz").status, 200, "health")


@case("OP-CGROUP-memory", "cgroup")
def defaults_fit_into_the_memory(place):
    """`aigw check` says what was lowered; what is set stays."""
    has_room(place)
    small = place.keep(Cgroup(memory=64 << 20))
    result = run(place.ctx, "check", cgroup=small)
    for name, value in (("connections_max", "1535"), ("body_max", "8724144"), ("request_memory_max", "16777200")):
        truth(f"limits.{name}: is {value} instead of" in result.out, f"{name} lowered to {value}", result)
    result = run(place.ctx, "check", env={"AIGW_LIMITS__CONNECTIONS_MAX": "20000"}, cgroup=small)
    truth("limits.connections_max: is" not in result.out and "limits.body_max: is" in result.out, "what is set to stay",
          result)
    result = run(place.ctx, "check", cgroup=place.keep(Cgroup(memory=2 << 30)))
    truth("instead of" not in result.out, "nothing lowered with 2 GiB", result)


@case("S-05-streams", "cgroup")
def streams_within_their_memory(place):
    """1,000 streams in a fifth of the page's 512 MB, where 5,000 must hold; the kernel counts."""
    has_room(place)
    group = place.keep(Cgroup(memory=(512 << 20) // 5))
    env = place.keep(Env(place.ctx, bypass=True, name="small", nofile=16384, cgroup=group))
    held_at_once(env, 1000)
    peak = group.peak()
    env.ctx.note(f"sizing: 1,000 streams and 102 MB allowed, {(peak or 0) / 1e6:.0f} MB taken at most")
    equal(env.gw.process.poll(), None, "a process that was not killed")
