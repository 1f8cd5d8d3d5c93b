"""OP-RT: routing as operating-models.md promises it, its cases by their numbers. What depends on time alone is in the unit
tests of core/models (circuits, shares, slow start, hours)."""
import json
import os
import time

from contract._env import Reply
from fakes.net import Gate
from harness import http
from harness.runner import case, equal, fixture, truth

from ._routing import (KEY, PATH, SERVERS, Routing, fresh, in_parallel, open_circuit, quickly_back, rests_at, slow, text_of,
                       until)
from .reload import reload


@fresh("OP-RT-01")
def lower_tier_first(env):
    env.script()
    for _ in range(1000):
        equal(env.answered(env.ask("tiers")), "a", "served by")
    equal(env.counts("a", "b"), [1000, 0], "calls")


@fresh("OP-RT-02")
def refused_connection(env):
    env.script(a=Reply(raw=b""))
    for model in ("closed", "tiers"):  # nobody listens; somebody who hangs up
        start = time.monotonic()
        equal(env.answered(env.ask(model)), "b", "served by")
        truth(time.monotonic() - start < 2, "the other target at once", time.monotonic() - start)


@fresh("OP-RT-03")
def unknown_host(env):
    env.script()
    start = time.monotonic()
    equal(env.answered(env.ask("lost")), "b", "served by")
    truth(time.monotonic() - start < 6, "within connect_ms", time.monotonic() - start)


@fresh("OP-RT-04")
def rate_limited_rests(env):
    env.script(a=Reply(status=429))
    equal(env.answered(env.ask("tiers")), "b", "served by")
    equal(env.answered(env.ask("tiers")), "b", "served by")
    equal(env.counts("a", "b"), [1, 2], "calls")
    truth(env.target("tiers", "a")["rests_ms"] > 1000, "a rest of about 2 s", env.target("tiers", "a"))


@fresh("OP-RT-05")
def retry_after_is_kept(env):
    env.script(a=Reply(status=429, headers=(("Retry-After", "30"),)))
    equal(env.answered(env.ask("tiers")), "b", "served by")
    truth(25000 < env.target("tiers", "a")["rests_ms"] <= 30000, "a rest of 30 s", env.target("tiers", "a"))
    # Two calls are under way; the one that is answered later asks for less.
    on_c = next(key for key in map(str, range(100)) if env.answered(env.ask("sticky", headers={"X-Session-Id": key})) == "c")
    gates = [Gate(), Gate()]
    env.script(c=[Reply(status=429, headers=(("Retry-After", "30"),), gate=gates[0]), Reply(status=429, gate=gates[1])])
    threads, results = in_parallel(env, 2, lambda _: env.ask("sticky", headers={"X-Session-Id": on_c}))
    truth(env.servers["c"].wait(lambda s: s.count == 2), "two calls of c", env.counts("c"))
    gates[0].set()
    until(lambda: len([r for r in results if r is not None]) == 1, "the first one's answer, from elsewhere")
    gates[1].set()
    for thread in threads:
        thread.join()
    truth(25000 < env.target("sticky", "c")["rests_ms"] <= 30000, "never less", env.target("sticky", "c"))


RESETS = (  # what a 429 says instead of Retry-After, and the rest in seconds
    ((("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "40s"), ("X-RateLimit-Reset-Tokens", "6m0s"),
      ("x-ratelimit-remaining-tokens", "100")), 40),
    ((("x-ratelimit-reset-requests", "7m"), ("x-ratelimit-reset-tokens", "30.5s")), 30.5),
    ((("X-RateLimit-Reset", "25"),), 25),
    ((("x-ratelimit-reset", "@50"),), 50),  # 50 s from now, as a time
    ((("x-ratelimit-reset", "1h1m"), ("retry-after-ms", "20500")), 20.5),
    ((("x-ratelimit-reset", "soon"), ("x-ratelimit-reset-", "1x")), 2),
)


@fresh("OP-RT-05b")
def reset_of_a_rate_limit(env):
    for (headers, seconds), (model, provider) in zip(RESETS, (("hedged1", "h1"), ("hedged1", "h2"), ("credit", "h3"), ("tiers", "a"),
                                                              ("checked", "checked"), ("checked_too", "checked_too"))):
        headers = tuple((name, str(int(time.time()) + int(value[1:])) if value[0] == "@" else value) for name, value in headers)
        env.script(**{provider: Reply(status=429, headers=headers)})
        while not rests_at(env, model, provider):
            env.ask(model)
        rest = rests_at(env, model, provider) / 1000
        truth(seconds - 3 < rest <= seconds + 1, f"a rest of {seconds} s after {headers}", rest)


@fresh("OP-RT-05c")
def said_again_it_is_no_longer(env):
    """A server that names its time is rested for that, however often it does so; only what names none is doubled."""
    env.script(a=Reply(status=429, headers=(("retry-after-ms", "600"),)))
    for _ in range(4):
        equal(env.answered(env.ask("tiers")), "b", "served by")
        truth(0 < rests_at(env, "tiers", "a") <= 600, "a rest of 600 ms", env.target("tiers", "a"))
        until(lambda: not rests_at(env, "tiers", "a"), "the end of the rest")
    equal(env.counts("a"), [4], "calls of the limited one")


@fresh("OP-RT-06")
def shares(env):
    env.script()
    for _ in range(400):
        env.answered(env.ask("shares"))
    a, b = env.counts("a", "b")
    truth(15 <= b <= 70, "about a tenth at b", (a, b))  # 400 calls: 40, with a deviation of 6


@fresh("OP-RT-07")
def dead_share_goes_to_the_others(env):
    env.script(b=Reply(raw=b""))
    for _ in range(150):
        equal(env.answered(env.ask("shares")), "a", "served by")


@fresh("OP-RT-08")
def weight_zero_everywhere(env):
    env.script()
    equal(env.answered(env.ask("nobody_first")), "a", "served by")
    env.script(a=Reply(status=500))
    equal(env.answered(env.ask("nobody_first")), "b", "served by")


@fresh("OP-RT-09")
def no_target_with_the_tag(env):
    env.script()
    response = env.ask("region", headers={"X-Region": "eu"})
    equal(response.status, 503, "status")
    truth('"eu"' in response.json()["error"]["message"], "the tag in the message", response.text)
    equal(env.counts(*SERVERS), [0] * len(SERVERS), "calls")


@fresh("OP-RT-10")
def tag_holds_for_fallback(env):
    env.script(eu=Reply(status=500))
    response = env.ask("regions", headers={"X-Region": "eu"})
    truth(response.status >= 500, "a failure", response)
    equal(env.counts("us", "eu"), [0, 1], "calls")
    env.script(eu=Reply(raw=b""))
    for _ in range(6):  # it fails, then it rests
        truth(env.ask("regions", headers={"X-Region": "eu"}).status in (502, 503), "no answer", "one")
    equal(env.counts("us"), [0], "calls")


@fresh("OP-RT-11")
def drained_gets_nothing_new(env):
    """Draining begins with a stream on the server, which ends whole; without the line it serves again."""
    env.script()
    for _ in range(20):
        equal(env.answered(env.ask("draining")), "b", "served by")
    equal(env.target("draining", "drained")["drained"], True, "in ready")
    with open(os.path.join(env.gw.conf_dir, "99-drain.conf"), "w", encoding="utf-8") as file:
        file.write('routing: { drain = ( ); };\n')
    gate = Gate()
    reload(env, "reloaded")
    env.script(drained=Reply(pieces=("one", "two"), gate=gate))
    threads, results = in_parallel(env, 50, lambda _: env.ask("draining", stream=True))
    truth(env.servers["drained"].wait(lambda s: s.count + env.servers["b"].count == 50, 20), "50 calls", "fewer")
    running = env.counts("drained")[0]
    truth(running >= 25, "most of them at the one that will be drained", running)
    os.remove(os.path.join(env.gw.conf_dir, "99-drain.conf"))
    reload(env, "reloaded")
    for _ in range(20):
        equal(env.answered(env.ask("draining")), "b", "served by")
    state = env.target("draining", "drained")
    equal((state["drained"], state["in_flight"]), (True, running), "drained, and the count that is left, in ready")
    gate.set()
    for thread in threads:
        thread.join()
    for result in results:
        truth(result.text.rstrip().endswith("data: [DONE]"), "the whole stream", result.text)
    with open(os.path.join(env.gw.conf_dir, "99-drain.conf"), "w", encoding="utf-8") as file:
        file.write('routing: { drain = ( ); };\n')
    reload(env, "reloaded")
    env.script()
    truth("drained" in {env.answered(env.ask("draining")) for _ in range(20)}, "it serves again", env.counts("drained", "b"))


@fresh("OP-RT-12")
def aliases(env):
    env.script()
    listed = env.request("GET", "/v1/models", {"Authorization": f"Bearer {KEY}"}).json()
    truth("gpt-4o-mini" in [item["id"] for item in listed["data"]], "the alias in the list", listed)
    for name in ("gpt-4o-mini", "codestral-latest"):
        for stream in (False, True):
            response = env.ask(name, stream=stream)
            equal(response.status, 200, "status")
            truth(f'"model":"{name}"' in response.text.replace(" ", ""), f"model {name} in the answer", response.text)
    equal(env.servers["a"].seen[-1].json()["model"], "m-a", "model at the server")


@fresh("OP-RT-13")
def sticky_sessions(env):
    env.script()
    keys = [f"session-{number}" for number in range(300)]
    first = {key: env.answered(env.ask("sticky", headers={"X-Session-Id": key})) for key in keys}
    again = {key: env.answered(env.ask("sticky", headers={"X-Session-Id": key})) for key in keys}
    equal(again, first, "targets of the second turn")
    shares = [list(first.values()).count(name) for name in "abc"]
    truth(min(shares) > 60, "about a third each", shares)
    other = Routing(env.ctx, name="op-rt-13-again")
    try:
        equal({key: other.answered(other.ask("sticky", headers={"X-Session-Id": key})) for key in keys[:60]},
              {key: first[key] for key in keys[:60]}, "targets in another process")
    finally:
        other.close()
    env.script(a=Reply(raw=b""))
    moved = {key: env.answered(env.ask("sticky", headers={"X-Session-Id": key})) for key in keys}
    equal({key: moved[key] for key in keys if first[key] != "a"},
          {key: first[key] for key in keys if first[key] != "a"}, "sessions of the targets that live")


@fresh("OP-RT-14")
def small_window_is_passed_by(env):
    env.script(a=Reply(raw=b""))
    response = env.ask("windows", content="word " * 200)
    truth(response.status >= 500, "a failure", response)
    equal(env.counts("b"), [0], "calls of the small window")
    env.script()
    truth("b" in {env.answered(env.ask("windows", content="x")) for _ in range(5)}, "b, for a short prompt", "only a")


@fresh("OP-RT-15")
def no_token_in_time(env):
    gate = Gate()
    env.script(a=slow(gate, "late"))  # its headers come at once
    start = time.monotonic()
    response = env.ask("quick", stream=True)
    gate.set()
    equal(response.status, 200, "status")
    truth('"content":"b"' in response.text.replace(" ", ""), "b's text", response.text)
    truth(0.4 < time.monotonic() - start < 5, "about half a second", time.monotonic() - start)
    equal(response.text.replace(" ", "").count('"role":"assistant"'), 1, "beginnings of an answer")


@fresh("OP-RT-16")
def error_in_a_200(env):
    env.script(a=Reply(pieces=(), cut_after=0, error_event={"error": {"message": "engine died", "code": 500}}))
    response = env.ask("tiers", stream=True)
    equal(response.status, 200, "status")
    truth('"content":"b"' in response.text.replace(" ", ""), "b's text", response.text)
    truth("engine died" not in response.text, "no error for the client", response.text)


@fresh("OP-RT-17")
def never_spliced(env):
    env.script(a=Reply(pieces=("1", "2", "3", "4", "5", "6"), cut_after=5))
    response = env.ask("tiers", stream=True)
    truth("error" in response.text or not response.is_complete, "an error that the client sees", response.text)
    equal(env.counts("a", "b"), [1, 0], "calls")
    for _ in range(9):  # ten that began well and broke off: half of them failed
        env.ask("tiers", stream=True)
    equal(env.target("tiers", "a")["circuit"], "open", "circuit: failures are counted")


@fresh("OP-RT-18")
def bad_requests_count_nothing(env):
    env.script(a=Reply(status=400))
    for _ in range(1000):
        equal(env.ask("tiers").status, 400, "status")
    equal(env.target("tiers", "a")["circuit"], "closed", "circuit")
    equal(env.counts("a", "b"), [1000, 0], "calls")


@fresh("OP-RT-19")
def bad_key_rests(env):
    env.script(a=Reply(status=401))
    equal([env.answered(env.ask("tiers")) for _ in range(3)], ["b", "b", "b"], "served by")
    equal(env.counts("a"), [1], "calls")
    truth(env.target("tiers", "a")["rests_ms"] > 40000, "a long rest", env.target("tiers", "a"))
    equal(env.gw.metric("aigw_target_resting", provider="a", model="m-a"), 1.0, "aigw_target_resting")
    empty = {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API."}}
    env.script(h3=Reply(status=400, body=empty))
    equal([env.answered(env.ask("credit")) for _ in range(3)], ["b", "b", "b"], "served by, with an empty account")
    equal(env.counts("h3"), [1], "calls of the empty account")
    truth(env.target("credit", "h3")["rests_ms"] > 40000, "a long rest", env.target("credit", "h3"))


@fresh("OP-RT-20")
def one_probe(env):
    """A rest that is asked before its end (the lone target, on_exhausted = "try") lets one through."""
    env.script(a=[Reply(status=500)] * 5 + [Reply(pieces=("x", "y"), gate=Gate())])
    gate = env.servers["a"].replies[-1].gate
    for _ in range(5):
        env.ask("one")
    equal(env.target("one", "a")["circuit"], "open", "circuit")
    threads, results = in_parallel(env, 1, lambda _: env.ask("one"))
    truth(env.servers["a"].wait(lambda s: s.count == 6), "the probe", env.servers["a"].count)
    equal({env.ask("one").status for _ in range(20)}, {503}, "status beside the probe")
    equal(env.counts("a"), [6], "calls")
    gate.set()
    for thread in threads:
        thread.join()
    equal(results[0].status, 200, "status of the probe")
    equal(env.target("one", "a")["circuit"], "closed", "circuit")


@quickly_back("OP-RT-20b")
def one_probe_after_the_rest(env):
    gate = Gate()
    env.script(a=[Reply(status=500)] * 5 + [slow(gate, "a")])
    open_circuit(env, "tiers", "a")
    until(lambda: rests_at(env, "tiers", "a") == 0, "the end of the rest")
    threads, results = in_parallel(env, 100, lambda _: env.ask("tiers", stream=True))
    until(lambda: len([r for r in results if r is not None]) == 99, "99 answers", 30)
    equal(env.counts("a"), [6], "calls of a: five failures and one probe")
    gate.set()
    for thread in threads:
        thread.join()
    equal(sorted(text_of(r) for r in results), ["a"] + ["b"] * 99, "served by")
    equal(env.target("tiers", "a")["circuit"], "closed", "circuit")


@fresh("OP-RT-21")
def a_stream_of_before_says_nothing(env):
    gate = Gate()
    env.script(a=[Reply(pieces=("1", "2"), gate=gate)] + [Reply(status=500)] * 5)
    with http.Connection(env.gw.port) as conn:
        body = {"model": "tiers", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        conn.send(http.render("POST", PATH, {"Authorization": f"Bearer {KEY}"}, json.dumps(body)))
        response = conn.read_head()  # it comes with the first piece, by which the target is judged
        open_circuit(env, "tiers", "a")
        gate.set()
        equal(text_of(conn.read_body(response)), "12", "the whole stream")
    equal(env.target("tiers", "a")["circuit"], "open", "circuit")
    equal(env.answered(env.ask("tiers")), "b", "served by")


@quickly_back("OP-RT-22", AIGW_UPSTREAM__SLOW_START_MS="600000")
def slow_start(env):
    """A tenth of its share at first (how it rises: unit.circuit), and nothing of the kind at the process's start."""
    env.script()
    names = [env.answered(env.ask("pair")) for _ in range(200)]
    truth(60 <= names.count("a") <= 140, "half of the calls at a, from the start", names.count("a"))
    env.script(a=[Reply(status=500)] * 5 + [Reply(pieces=("a",))])
    open_circuit(env, "tiers", "a")
    until(lambda: rests_at(env, "tiers", "a") == 0, "the end of the rest")
    equal(env.answered(env.ask("tiers")), "a", "the probe's answer")
    names = [env.answered(env.ask("pair")) for _ in range(200)]
    truth(3 <= names.count("a") <= 45, "about a tenth of its share", names.count("a"))  # 200 / 11: 18, deviation 4


@fixture("op-rt-23")
def eight_workers(ctx):
    return Routing(ctx, name="op-rt-23", env={"WEB_CONCURRENCY": "8"})


@case("OP-RT-23", "op-rt-23")
def places(env):
    gate = Gate()
    env.script(narrow=Reply(pieces=("x", "y"), gate=gate), slim=Reply(pieces=("x", "y"), gate=gate))
    threads, results = in_parallel(env, 100, lambda _: env.ask("narrow"))
    until(lambda: len([r for r in results if r is not None]) == 86, "86 refusals", 30)  # 4 in flight, 10 wait
    equal(env.counts("narrow"), [4], "calls while the places are taken")
    state = env.target("narrow", "narrow")
    equal((state["places_taken"], state["waiting"]), (4, 10), "places taken, waiting")
    gate.set()
    for thread in threads:
        thread.join()
    equal(sorted(r.status for r in results), [200] * 14 + [503] * 86, "statuses")
    equal(env.counts("narrow"), [14], "calls")
    equal(env.target("narrow", "narrow")["places_taken"], 0, "places taken afterwards")


@fresh("OP-RT-23b")
def full_goes_to_the_next_tier(env):
    gate = Gate()
    env.script(slim=Reply(pieces=("x", "y"), gate=gate))
    threads, results = in_parallel(env, 1, lambda _: env.ask("narrow_then"))
    truth(env.servers["slim"].wait(lambda s: s.count == 1), "the first call", env.servers["slim"].count)
    equal(env.answered(env.ask("narrow_then")), "b", "served by")
    gate.set()
    for thread in threads:
        thread.join()
    equal(results[0].status, 200, "status")


@fresh("OP-RT-23c")
def waits_before_the_next_tier(env):
    """on_busy = "wait": the queue first; the next tier when it is full, or when queue_ms are over."""
    gate = Gate()
    env.script(patient=Reply(pieces=("patient",), gate=gate), brief=Reply(pieces=("x", "y"), gate=gate))
    first, early = in_parallel(env, 1, lambda _: env.ask("patient"))
    truth(env.servers["patient"].wait(lambda s: s.count == 1), "the first call", env.servers["patient"].count)
    threads, late = in_parallel(env, 2, lambda _: env.ask("patient"))
    until(lambda: env.target("patient", "patient")["waiting"] == 2, "two waiting")
    equal(env.answered(env.ask("patient")), "b", "served by, with the queue full")
    held, _ = in_parallel(env, 1, lambda _: env.ask("brief"))
    truth(env.servers["brief"].wait(lambda s: s.count == 1), "the first call", env.servers["brief"].count)
    start = time.monotonic()
    equal(env.answered(env.ask("brief")), "b", "served by, after queue_ms")
    truth(0.25 < time.monotonic() - start < 5, "about 300 ms", time.monotonic() - start)
    gate.set()
    for thread in first + threads + held:
        thread.join()
    equal([env.answered(r) for r in early + late], ["patient"] * 3, "served by, after waiting")
    equal(env.counts("patient", "brief"), [3, 1], "calls")
    equal(env.gw.metric("aigw_queue_wait_seconds_count", provider="patient"), 2.0, "aigw_queue_wait_seconds")


@quickly_back("OP-RT-23d", AIGW_UPSTREAM__CIRCUIT_REST_MS="1500")
def who_waits_takes_what_comes_first(env):
    """In the queue of a full server, while another one rests: when that is back it serves, without its turn in the queue."""
    gate = Gate()
    env.script(a=[Reply(status=500)] * 5 + [Reply(pieces=("a",))], patient=Reply(pieces=("x", "y"), gate=gate))
    held, _ = in_parallel(env, 1, lambda _: env.ask("patient"))
    truth(env.servers["patient"].wait(lambda s: s.count == 1), "the first call", env.servers["patient"].count)
    open_circuit(env, "tiers", "a")
    start = time.monotonic()
    equal(env.answered(env.ask("either")), "a", "served by")
    truth(time.monotonic() - start < 10, "the end of the rest", time.monotonic() - start)
    equal(env.target("either", "patient")["waiting"], 0, "waiting")
    gate.set()
    held[0].join()


@fresh("OP-RT-24")
def who_waits_may_leave(env):
    gate = Gate()
    env.script(narrow=Reply(pieces=("x", "y"), gate=gate))
    threads, results = in_parallel(env, 4, lambda _: env.ask("narrow"))
    truth(env.servers["narrow"].wait(lambda s: s.count == 4), "four calls", env.servers["narrow"].count)
    conn = env.gw.connect()
    body = json.dumps({"model": "narrow", "messages": [{"role": "user", "content": "hi"}]})
    conn.send(http.render("POST", PATH, {"Authorization": f"Bearer {KEY}"}, body))
    until(lambda: env.target("narrow", "narrow")["waiting"] == 1, "one waiting")
    conn.close()
    until(lambda: env.target("narrow", "narrow")["waiting"] == 0, "none waiting")
    gate.set()
    for thread in threads:
        thread.join()
    equal([r.status for r in results], [200] * 4, "statuses")
    equal(env.counts("narrow"), [4], "calls")


@fixture("op-rt-25")
def without_circuits(ctx):
    return Routing(ctx, name="op-rt-25", env={"AIGW_UPSTREAM__CIRCUIT_FAILURES": "0"})


@case("OP-RT-25", "op-rt-25")
def retries_have_a_budget(env):
    env.script(a=Reply(status=503))
    equal(env.ask("again").status, 503, "status")
    equal(env.counts("a"), [4], "calls of one alone")
    env.script(a=Reply(status=503))
    threads, results = in_parallel(env, 200, lambda _: env.ask("again"))
    for thread in threads:
        thread.join()
    equal({r.status for r in results}, {503}, "statuses")
    # A fifth of those under way at a time, three always; each may ask three times more.
    truth(env.counts("a")[0] <= 200 + 3 * (40 + 3), "few further attempts", env.counts("a"))
    granted = env.gw.metric("aigw_retries_total", result="granted")
    truth(env.gw.metric("aigw_retries_total", result="over_budget") > 0, "some over budget", granted)


@fresh("OP-RT-26")
def clients_patience(env):
    env.script(a=Reply(hang=True))
    start = time.monotonic()
    response = env.ask("one", headers={"X-Stainless-Read-Timeout": "2"})
    truth(response.status >= 500, "a failure", response)
    ended = time.monotonic()
    truth(1.5 < ended - start < 6, "about 2 s", ended - start)
    truth(env.servers["a"].wait(lambda s: s.seen[0].gone_at is not None), "the call to be cancelled", "still open")
    truth(env.servers["a"].seen[0].gone_at - ended < 1, "at once", env.servers["a"].seen[0].gone_at - ended)


@fresh("OP-RT-27")
def all_rest(env):
    env.script(a=Reply(status=500))
    for _ in range(5):
        env.ask("refusing")
    equal(env.counts("a"), [5], "calls")
    response = env.ask("refusing")
    equal((response.status, env.counts("a")), (503, [5]), "status and calls of refuse")
    equal(response.header("retry-after") in ("1", "2"), True, "Retry-After")  # a lone target rests 2 s at most
    env.script()
    equal(env.answered(env.ask("one")), "a", "served by, with try")
    env.script(a=Reply(status=429, headers=(("Retry-After", "50"),)), b=Reply(status=429, headers=(("Retry-After", "20"),)))
    while not (rests_at(env, "pair", "a") and rests_at(env, "pair", "b")):
        equal(env.ask("pair").status, 429, "status")
    response = env.ask("pair_refusing")
    equal(response.status, 503, "status of refuse")
    truth(15 <= int(response.header("retry-after")) <= 20, "the shorter rest", response.header("retry-after"))
    env.script()
    equal(env.answered(env.ask("pair")), "b", "the soonest to recover")


@fresh("OP-RT-28")
def gitlabs_endpoint_falls_back(env):
    env.script(a=Reply(status=500))
    body = {"prompt_version": 1, "current_file": {"file_name": "a.py", "content_above_cursor": "x",
                                                  "content_below_cursor": ""},
            "model_provider": "litellm", "model_name": "codestral", "model_endpoint": "http://moved.invalid/v1",
            "model_identifier": "custom_openai/x", "model_api_key": "k"}
    response = env.post("/v2/code/completions", body, env.auth(env.token(["code_suggestions", "complete_code"])))
    equal(response.status, 200, f"status ({response.text[:300]})")
    equal(env.counts("a", "b"), [1, 1], "calls")


@fresh("OP-RT-can")
def abilities(env):
    env.script()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    equal({env.answered(env.ask("able", tools=tools)) for _ in range(5)}, {"b"}, "served by")
    truth("a" in {env.answered(env.ask("able")) for _ in range(5)}, "a, without tools", env.counts("a", "b"))


@fresh("OP-RT-busy")
def least_busy(env):
    gate = Gate()
    env.script(a=Reply(pieces=("x", "y"), gate=gate), b=Reply(pieces=("x", "y"), gate=gate))
    threads, results = in_parallel(env, 20, lambda _: env.ask("busy"))
    truth(env.servers["a"].wait(lambda s: s.count + env.servers["b"].count == 20, 10), "20 calls", env.counts("a", "b"))
    a, b = env.counts("a", "b")
    truth(abs(a - b) <= 10, "both in use", (a, b))
    gate.set()
    for thread in threads:
        thread.join()
    equal({r.status for r in results}, {200}, "statuses")
