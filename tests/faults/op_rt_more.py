"""OP-RT: what §1.2 of operating-models.md asks beside its numbered cases: who served, one target by name, metrics, health, hedging."""
import json
import time

from contract._env import Reply
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from ._routing import ADMIN, KEY, PATH, SERVERS, Routing, fresh, in_parallel, rests_at, slow, text_of, until


@fresh("OP-RT-32")
def says_who_served(env):
    """x-aigw-target, and the access line: the target that answered, not one that failed before."""
    env.script(a=Reply(status=500))
    for stream in (False, True):
        response = env.ask("tiers", stream=stream)
        equal((response.status, response.header("x-aigw-target")), (200, "b/m-b"), "status and x-aigw-target")
    line = env.access_line(response)
    equal((line["target"], line["attempts"], line["key"], line["team"]), ("b/m-b", 2, "client", "finance"), "access line")
    env.script(a=Reply(status=400))
    response = env.ask("one")
    equal((response.status, response.header("x-aigw-target")), (400, "a/m-a"), "status and x-aigw-target")
    equal(env.ask("region", headers={"X-Region": "eu"}).header("x-aigw-target"), None, "nobody was asked")


@fixture("op-rt-32b")
def without_header(ctx):
    return Routing(ctx, name="op-rt-32b", env={"AIGW_SERVER__ROUTE_HEADER": "false"})


@case("OP-RT-32b", "op-rt-32b")
def says_nothing_unless_told(env):
    env.script()
    equal(env.ask("tiers").header("x-aigw-target"), None, "x-aigw-target")


@fresh("OP-RT-35")
def forced_target(env):
    """Drained or resting, the target that an admin's key names is asked, and no other; its failure says nothing of its health."""
    force = lambda name, **more: env.ask("draining", headers={"X-Aigw-Force-Target": name, **more})
    admin = {"Authorization": f"Bearer {ADMIN}"}
    env.script()
    response = force("drained")
    equal(response.status, 403, f"status of another key ({response.text[:200]})")
    truth("admin" in response.text, "the scope in the message", response.text)
    equal(env.counts(*SERVERS), [0] * len(SERVERS), "calls")
    for name in ("drained", "drained/m-drained"):
        equal(env.answered(force(name, **admin)), "drained", "served by")
    env.script(drained=Reply(status=500))
    for _ in range(6):
        truth(force("drained", **admin).status >= 500, "its own failure", "an answer")
    equal(env.counts("drained", "b"), [6, 0], "calls")
    equal(env.target("draining", "drained")["circuit"], "closed", "circuit")
    for name in ("nobody", "b/other", "", "b/m-b/x"):
        response = force(name, **admin)
        truth(400 <= response.status < 500 or name == "", f"a refusal of {name!r}", response)
        truth(name == "" or "b/m-b" in response.text, "the targets in the message", response.text)
    equal(env.ask("region", headers={"X-Aigw-Force-Target": "us", "X-Region": "eu", **admin}).status, 503, "tags hold")
    equal(env.counts("us"), [0], "calls of the target without the tag")


@fresh("OP-RT-gauges")
def gauges(env):
    """§6.1: how targets and providers are now; each series once, although a model has two targets at one provider."""
    gate = Gate()
    metric = env.gw.metric
    state = lambda model, provider: (metric("aigw_target_state", model=model, provider=provider),
                                     metric("aigw_target_available", model=model, provider=provider))
    env.script(a=Reply(status=401), slim=Reply(pieces=("x", "y"), gate=gate), narrow=Reply(pieces=("x",), gate=gate))
    equal((state("tiers", "a"), state("draining", "drained")), ((0, 1), (3, 0)), "state, available")
    env.answered(env.ask("tiers"))
    equal(state("tiers", "a"), (2, 0), "state, available of one that rests")
    held, _ = in_parallel(env, 1, lambda _: env.ask("narrow_then"))
    taken, _ = in_parallel(env, 6, lambda _: env.ask("narrow"))  # the queue has room
    until(lambda: metric("aigw_target_queued", provider="narrow") == 2, "two in the queue")
    until(lambda: metric("aigw_target_in_flight", provider="slim") == 1, "one in flight")
    equal([metric("aigw_target_" + name, provider="narrow") for name in ("in_flight", "slots")], [4, 4], "places")
    equal(metric("aigw_target_slots", provider="b"), 0, "places of one without a limit")
    equal(state("narrow_then", "slim"), (0, 0), "state, available of a full one")
    gate.set()
    for thread in held + taken:
        thread.join()
    samples = [line.rpartition(" ")[0] for line in env.gw.metrics().splitlines() if not line.startswith("#")]
    equal([line for line in set(samples) if samples.count(line) > 1], [], "series that are there twice")
    equal(metric("aigw_target_state", model="twice", provider="a"), 0, "the better of two targets at one provider")


@fresh("OP-RT-counters")
def counters(env):
    metric = env.gw.metric
    env.script(a=Reply(status=500), b=Reply(pieces=("1", "2", "3"), usage=(5, 3)))
    equal(env.ask("tiers", stream=True).status, 200, "status")
    equal(metric("aigw_fallbacks_total", model="tiers", **{"from": "a"}, to="b", reason="failures"), 1, "fallbacks")
    equal(metric("aigw_first_token_seconds_count", model="tiers", provider="b"), 1, "first tokens")
    equal(metric("aigw_token_interval_seconds_count", model="tiers", provider="b"), 1, "intervals")
    env.script(a=Reply(status=401))
    for _ in range(2):
        env.answered(env.ask("tiers"))
    equal(metric("aigw_circuit_trips_total", model="tiers", provider="a", reason="account"), 1, "trips")
    equal(metric("aigw_fallbacks_total", model="tiers", reason="account"), 1, "fallbacks after the refusal")
    equal(metric("aigw_fallbacks_total", model="tiers", reason="resting"), 1, "fallbacks without an attempt")
    env.script(a=Reply(status=503))
    env.ask("again")
    truth(metric("aigw_retries_total", model="again", result="granted") >= 1, "retries", "none")
    equal(metric("aigw_first_token_seconds_count", model="tiers"), 1, "whole answers have no first token")


@fresh("OP-RT-health")
def health_of_who_rests(env):
    """GET of `health`, only while a target rests for failures: 5xx lets it rest on, 2xx lets it come back at once."""
    env.script()
    for model in ("checked", "checked_too"):
        equal(env.answered(env.ask(model)), model, "served by")
    equal(env.health.count, 0, "GETs while all are well")
    env.script(checked=Reply(status=500))
    for _ in range(6):
        env.answered(env.ask("checked"))
    truth(env.health.wait(lambda s: s.count >= 2, 10), "GETs while it rests", env.health.count)
    truth(rests_at(env, "checked", "checked") > 40000, "its rest", env.target("checked", "checked"))
    truth(env.gw.metric("aigw_health_probes_total", provider="checked", result="ill") >= 1, "counted", "not")
    env.script()
    env.health.replies = [Reply(body="fine")]
    until(lambda: rests_at(env, "checked", "checked") == 0, "the end of the rest")
    equal(env.counts("checked"), [0], "generations that the gateway asked for by itself")
    equal(env.target("checked", "checked")["circuit"], "open", "circuit before a call came")
    equal(env.answered(env.ask("checked")), "checked", "served by")
    equal(env.target("checked", "checked")["circuit"], "closed", "circuit")
    for seen in env.health.seen:
        equal((seen.method, seen.body, seen.header("authorization")), ("GET", b"", None), "a GET without key and body")
        truth(seen.path.endswith("/health"), "/health", seen.path)
    def says(line):
        return line.get("message") == "health of a resting provider"
    env.gw.wait_line(lambda line: says(line) and line["health"] == "well")
    equal([line["health"] for line in env.gw.lines if says(line)], ["ill", "well"], "lines: one for each change")


@fresh("OP-RT-health-asked")
def health_shortens_no_asked_rest(env):
    """A rest that a server asked for, or a bad key, is none of health's business. The other provider's GETs are the clock."""
    env.health.replies = [Reply(body="fine")]
    env.script(checked=Reply(status=429, headers=(("Retry-After", "500"),)))
    env.answered(env.ask("checked"))
    env.health.replies = [Reply(status=404)]
    env.script(checked_too=Reply(status=500))
    for _ in range(6):
        env.answered(env.ask("checked_too"))
    truth(env.health.wait(lambda s: s.count >= 2, 10), "GETs for the one that failed", env.health.count)
    truth(rests_at(env, "checked", "checked") > 400000, "the rest that was asked for", env.target("checked", "checked"))
    truth(40000 < rests_at(env, "checked_too", "checked_too") <= 66000, "404 says nothing", env.target("checked_too", "checked_too"))
    equal(env.gw.metric("aigw_health_probes_total", provider="checked"), None, "GETs for the one that was asked to rest")
    truth(env.gw.metric("aigw_health_probes_total", provider="checked_too", result="odd") >= 1, "counted as odd", "not")


@fresh("OP-RT-hedge-won")
def second_provider_is_quicker(env):
    """A stream without content for hedge_ms is asked of another provider too; it answers, the first one is let go."""
    gate = Gate()
    env.script(h1=slow(gate, "h1"), h2=Reply(pieces=("h", "2"), usage=(7, 2)))
    start = time.monotonic()
    response = env.ask("hedged1", stream=True)
    truth(0.15 < time.monotonic() - start < 5, "about hedge_ms", time.monotonic() - start)
    equal((response.status, text_of(response)), (200, "h2"), "status and text")
    equal(response.header("x-aigw-target"), "h2/m-h2", "x-aigw-target")
    truth(env.servers["h1"].wait(lambda s: s.seen[0].gone_at is not None), "the first one cancelled", "still open")
    equal(env.counts("h1", "h2"), [1, 1], "calls")
    line = env.access_line(response)
    equal((line["target"], line["attempts"], line["tokens_in"], line["tokens_out"]), ("h2/m-h2", 2, 14, 2), "access line: both prompts")
    equal(env.target("hedged1", "h1")["circuit"], "closed", "circuit of the one that was slow")
    equal([env.target("hedged1", name)["in_flight"] for name in ("h1", "h2")], [0, 0], "in flight afterwards")
    equal(env.gw.metric("aigw_hedges_total", model="hedged1", result="won"), 1, "aigw_hedges_total")
    equal(env.gw.metric("aigw_upstream_attempts_total", provider="h1", result="hedged"), 1, "attempts of the first")
    gate.set()


@fresh("OP-RT-hedge-lost")
def first_provider_is_quicker_after_all(env):
    """Also where the two speak different dialects: the answer is in that of the one that gave it."""
    for model, first, other in (("hedged2", "h1", "h2"), ("hedged_mixed", "h1", "h3"), ("hedged_mixed2", "h3", "h1")):
        gate, never = Gate(), Gate()
        env.script(**{first: slow(gate, first), other: slow(never, "never")})
        threads, results = in_parallel(env, 1, lambda _: env.ask(model, stream=True))
        truth(env.servers[other].wait(lambda s: s.count == 1), "the second one asked", env.counts(first, other))
        gate.set()
        threads[0].join()
        equal((results[0].status, text_of(results[0])), (200, first), f"status and text of {model}")
        truth(env.servers[other].wait(lambda s: s.seen[0].gone_at is not None), "the second one cancelled", "still open")
        equal(env.gw.metric("aigw_hedges_total", model=model, result="lost"), 1, "aigw_hedges_total")
        never.set()


@fresh("OP-RT-hedge-mixed")
def the_other_dialect_wins(env):
    gate = Gate()
    env.script(h1=slow(gate, "h1"))
    response = env.ask("hedged_mixed", stream=True)
    equal((response.status, text_of(response)), (200, "h3"), "status and text")
    gate.set()


@fresh("OP-RT-hedge-fails")
def one_of_two_fails(env):
    """The other goes on; only when both failed the call has."""
    gate = Gate()
    env.script(h1=slow(gate, "h1"), h2=Reply(status=500))
    threads, results = in_parallel(env, 1, lambda _: env.ask("hedged3", stream=True))
    until(lambda: env.gw.metric("aigw_hedges_total", model="hedged3", result="failed") == 1, "the second one's failure")
    gate.set()
    threads[0].join()
    equal((text_of(results[0]), env.counts("h1", "h2")), ("h1", [1, 1]), "text, calls")
    dies, other = Gate(), Gate()
    env.script(h1=Reply(pieces=("", ""), gate=dies, cut_after=2), h2=slow(other, "h2"))
    threads, results = in_parallel(env, 1, lambda _: env.ask("hedged4", stream=True))
    truth(env.servers["h2"].wait(lambda s: s.count == 1), "the second one asked", env.counts("h1", "h2"))
    dies.set()
    until(lambda: (env.gw.metric("aigw_upstream_attempts_total", provider="h1", result="error") or 0) >= 1, "the first one's failure")
    other.set()
    threads[0].join()
    equal((text_of(results[0]), env.counts("h1", "h2")), ("h2", [1, 1]), "text, calls")


@fresh("OP-RT-hedge-budget")
def few_are_hedged(env):
    """The first one, then a twentieth of the streams; whole answers never; a client that leaves ends both."""
    gate = Gate()
    env.script(h1=slow(gate, "h1"), h2=slow(gate, "h2"))
    threads, results = in_parallel(env, 41, lambda _: env.ask("hedged5", stream=True))
    until(lambda: (env.gw.metric("aigw_hedges_total", model="hedged5", result="over_budget") or 0) >= 39, "39 that are not hedged")
    truth(1 <= env.counts("h2")[0] <= 2, "one or two hedges of 41", env.counts("h2"))
    gate.set()
    for thread in threads:
        thread.join()
    equal({r.status for r in results}, {200}, "statuses")
    gate = Gate()
    env.script(h1=slow(gate, "h1"), h2=slow(gate, "h2"))
    conn = env.gw.connect()
    body = json.dumps({"model": "hedged1", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
    conn.send(http.render("POST", PATH, {"Authorization": f"Bearer {KEY}"}, body))
    truth(env.servers["h2"].wait(lambda s: s.count == 1), "the second one asked", env.counts("h1", "h2"))
    conn.close()
    for name in ("h1", "h2"):
        truth(env.servers[name].wait(lambda s: s.seen[0].gone_at is not None), f"{name} cancelled", "still open")
    gate.set()
    env.script(h1=Reply(pieces=("whole",), head_delay=0.5))
    equal(env.answered(env.ask("hedged2")), "whole", "a whole answer")
    equal(env.counts("h2"), [0], "calls of the second for a whole answer")


@fixture("op-rt-hedge-pot")
def small_pot(ctx):
    return Routing(ctx, name="op-rt-hedge-pot", env={"AIGW_UPSTREAM__RETRY_BUDGET": "0"})


@case("OP-RT-hedge-pot", "op-rt-hedge-pot")
def hedges_share_the_pot_of_retries(env):
    """Five models could have one each; three at a time are what the process may do more than once."""
    gate = Gate()
    env.script(h1=slow(gate, "h1"), h2=slow(gate, "h2"))
    threads, results = in_parallel(env, 5, lambda number: env.ask(f"hedged{number + 1}", stream=True))
    until(lambda: env.gw.metric("aigw_hedges_total", result="over_budget") == 2, "two that are not hedged")
    truth(env.servers["h2"].wait(lambda s: s.count == 3), "three that are", env.counts("h2"))
    gate.set()
    for thread in threads:
        thread.join()
    equal({r.status for r in results}, {200}, "statuses")
