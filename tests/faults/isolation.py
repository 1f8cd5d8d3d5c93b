"""ISO rows: plugins that break the rules of their interface, are slow, or never come back (issue: isolation). Each is named
in the log and in the metrics, and harms nobody else; the operator can switch one off while the gateway runs."""
import json
import os
import re
import subprocess
import time

from contract._env import Env, Reply, completion
from harness import http
from harness.command import run
from harness.runner import case, equal, fixture, truth

PATH = "/v2/code/completions"
CONF = """
features: {{ bad: {{ plugin = "hostile_feature"; }}; }};
providers: {{
    bad: {{ plugin = "hostile_provider"; url = "{url}"; }};
    here: {{ plugin = "openai"; base_url = "{here}"; }};
}};
models: {{
    hostile: {{ targets = ( {{ provider = "bad"; model = "h"; }} ); retries = 0; }};
    both: {{ targets = ( {{ provider = "bad"; model = "h"; }}, {{ provider = "here"; model = "mock"; tier = 2; }} ); }};
}};
"""


class Hostile(Env):
    def __init__(self, ctx, name, conf="", **settings):
        def text(env):
            env.refuser = env.models.script(Reply())
            return CONF.format(url=env.refuser.base + "/chat/completions",
                               here=env.models.script(Reply()).base) + conf
        super().__init__(ctx, bypass=True, name=name, conf=text, env=settings,
                         args=("--plugin-dir", ctx.build_dir + "/tests/hostile"))

    def ask(self, what, **kwargs):
        return self.post("/hostile", what, {"Content-Type": "text/plain"}, **kwargs)

    def errors(self, kind, error):
        return self.gw.metric("aigw_plugin_errors_total", group="bad", kind=kind, error=error) or 0

    def line(self, kind, cause, timeout=5):
        return self.gw.wait_line(lambda item: item.get("logger") == "plugin" and cause in str(item.get("cause")) and
                                 item.get("plugin") == f"hostile_{kind}" and item.get("instance") == "bad", timeout)

    def aigw(self, *words):
        command = [self.ctx.binary, *words, "--conf-dir", self.ctx.conf_dir, "--conf-dir", self.gw.conf_dir, "--socket",
                   f"@aigw-{self.gw.port}"]
        return subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60,
                              check=False)

    def status(self, *words):
        settings = {"AIGW_FASTAPI__API_HOST": "127.0.0.1", "AIGW_FASTAPI__METRICS_HOST": "127.0.0.1",
                    "AIGW_FASTAPI__API_PORT": str(self.gw.port), "AIGW_FASTAPI__METRICS_PORT": str(self.gw.metrics_port)}
        return run(self.ctx, *words, env=settings, plugins=False)

    def is_well(self):
        """Everybody else is served, and so is the plugin when it behaves."""
        equal((self.ask("ok").status, self.ask("P:ok").text), (200, "fine"), "the plugin when it behaves")
        equal(self.post(PATH, completion(self.models.script(Reply()))).status, 200, "another feature")


@fixture("hostile", patient=True)
def hostile(ctx):
    return Hostile(ctx, "hostile")


# What the feature does → status of the answer, kind of error, words of the line. None: nothing to say.
FEATURE = {
    "status 77": (500, "status", "run() answered 77"),
    "status -99": (500, "status", "run() answered -99"),
    "respond null body": (500, "size", "respond(): the body is NULL with a length"),
    "respond huge": (500, "size", "respond(): the body is too long"),
    "respond status": (500, "value", "respond(): the status is 42"),
    "respond headers null": (500, "value", "respond(): more than 16 headers"),
    "respond headers many": (500, "value", "respond(): more than 16 headers"),
    "respond header split": (500, "value", "respond(): more than 16 headers, or one with a forbidden character"),
    "respond header null": (500, "value", "respond(): more than 16 headers, or one with a forbidden character"),
    "respond header length": (200, "value", "respond(): the header Content-Length is left out"),
    "respond header chunked": (200, "value", "respond(): the header transfer-encoding is left out"),
    "respond header close": (200, "value", "respond(): the header Connection is left out"),
    "respond header date": (200, "value", "respond(): the header Date is left out"),
    "respond_invalid words": (422, "value", "respond_invalid(): the list is no JSON array"),
    "large body": (500, None, None),
    "large header": (500, None, None),
    "large header of a stream": (500, None, None),
    "large stream": (None, None, None),
    "respond type twice": (200, "value", "respond(): the header Content-Type is left out"),
    "respond type as a header": (200, None, None),
    "stream header length": (200, "value", "stream_begin(): the header Content-Length is left out"),
    "stream 204": (204, None, None),
    "stream 304": (304, None, None),
    "respond type split": (500, "value", "respond(): the content type is no header value"),
    "respond_detail null": (500, "size", "respond_detail(): the format is NULL"),
    "respond_invalid null": (500, "size", "respond_invalid(): the list is NULL with a length"),
    "respond_model_error null": (500, "size", "respond_model_error(): the error's struct_size"),
    "stream_begin status": (500, "value", "stream_begin(): the status is 7"),
    "stream_write null": (None, "size", "stream_write(): the bytes is NULL with a length"),
    "annotate null": (200, "size", "annotate(): the name is NULL"),
    "annotate name": (200, "value", "annotate(): the name is not 1 to 64 letters"),
    "annotate value": (200, "size", "annotate(): the value is NULL with a length"),
    "header null": (200, "size", "header(): the name is NULL"),
    "has_scope null": (200, "size", "has_scope(): the scope is NULL"),
    "setting null": (200, "size", "setting(): the path is NULL"),
    "feature_flags null": (200, "size", "feature_flags(): the count is NULL"),
    "model_names null": (200, "size", "model_names(): the count is NULL"),
    "count unknown": (200, "value", "count(): metric 99, but the plugin has 1"),
    "count no labels": (200, "size", "count() of hostile_total: label value 0 is missing"),
    "count label": (200, "size", "count() of hostile_total: label value 0 is NULL"),
    "count negative": (200, "value", "count() of hostile_total: -1 is nothing"),
    "count nan": (200, "value", "count() of hostile_total: nan is nothing"),
    "log null": (200, "size", "log(): the format is NULL"),
    "log level": (200, "value", "log(): the level is none"),
    "alloc life": (200, "value", "alloc(): life is 7"),
    "alloc huge": (200, "memory", "limits.request_memory_max"),
    "format null": (200, "size", "format(): the format is NULL"),
    "defer null": (200, "size", "defer(): the function is NULL"),
    "random huge": (200, "size", "random(): 1073741824 bytes"),
    "sha256 null": (200, "size", "sha256(): bytes or key are NULL"),
    "sign_token null": (200, "size", "sign_token(): claims is NULL"),
    "emit": (200, "moment", "emit() is for providers"),
    "timer foreign": (200, "ctx", "timer_clear(): that is no timer of this request"),
    "timer foreign set": (200, "ctx", "timer_set(): that is no timer of this request"),
    "timer negative": (200, "value", "timer_set(): the function is NULL"),
    "timer huge": (200, None, None),
    "B:http idle": (200, None, None),
    "O:http idle": (200, None, None),
    "offload null": (200, "size", "offload(): the job lacks"),
    "offload no work": (200, "size", "offload(): the job lacks"),
    "model_cancel foreign": (200, "ctx", "model_cancel(): that is no call of this request"),
    "buf null": (200, None, None),
    "buf_put null": (200, "size", "buf_put(): the bytes are NULL"),
    "buf_json null": (200, "size", "buf_json(): the bytes are NULL"),
    "model_resolve null": (200, "size", "model_resolve(): struct_size"),
    "model_resolve nowhere": (200, "size", "model_resolve(): struct_size"),
    "model_resolve text": (200, "size", "model_resolve(): a text of the need is NULL"),
    "prompt null": (200, "size", "prompt(): struct_size"),
    "prompt vars": (200, "size", "prompt(): 3 variables and no table"),
    "model_call null": (200, "ctx", "model_call(): the model is not one"),
    "model_call forged": (200, "ctx", "model_call(): the model is not one"),
    "model_call options": (200, "size", "model_call(): 5 headers of the answer and no names"),
    "ctx null": (200, "ctx", "respond(): the ctx is NULL"),
    "ctx kept": (200, "ctx", "the ctx is not that of the callback at work"),
    "ctx kept fail": (200, "ctx", "the ctx is"),
    "ctx kept alloc": (200, "ctx", "the ctx is"),
    "ctx elsewhere": (200, "ctx", "the ctx is"),
    "overrun call": (200, "memory", "it wrote behind the"),
    "overrun state": (200, "memory", "it wrote behind the"),
    "alloc for ever": (503, "memory", "limits.request_memory_max"),
    "buf for ever": (500, None, None),
    "B:status": (500, "status", "build() answered 55"),
    "B:cancel": (500, None, None),
    "B:no reason": (422, None, None),
    "B:text": (500, "size", "build(): the request has a text that is NULL"),
    "B:endless": (500, "size", "build(): a message lists do not end"),
    "B:endless parts": (500, "size", "build(): a part lists do not end"),
    "B:deep": (500, "size", "build(): a part lies too deep"),
    "B:part text": (500, "size", "build(): a part has a text that is NULL"),
    "B:part size": (500, "size", "build(): a part has a struct_size"),
    "B:inputs": (500, "size", "build(): inputs have a count, but no table"),
    "B:stop": (500, "size", "build(): stop texts have a count, but no table"),
    "B:nan": (500, "size", "build(): params have a number that is none"),
    "B:raw": (500, "size", "build(): raw names places that are not in its body"),
    "E:status": (500, "status", "event() answered 9"),
}

BODILESS = b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 304 Not Modified\r\n"


def framing_row(what, head, body):
    @case(f"ISO-feature-framing-{what.replace(' ', '-')}", "hostile")
    def check(env):
        """What a feature says of framing, or writes where no body is, never reaches the wire: the next answer of the
        connection is read as it is."""
        conn = env.gw.connect(timeout=5)
        for words in (what, "ok"):
            conn.send(f"POST /hostile HTTP/1.1\r\nHost: x\r\nContent-Length: {len(words)}\r\n\r\n{words}".encode())
        conn.send(b"GET /monitoring/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wire = b"".join(iter(lambda: conn.sock.recv(65536), b""))
        first, rest = wire.split(b"\r\n\r\n", 1)
        truth(first.startswith(head), f"{head}", first)
        names = [line.split(b":")[0].lower() for line in first.split(b"\r\n")[1:]]
        equal(len(names), len(set(names)), f"each header once: {names}")
        truth(not head.startswith(BODILESS) or not {b"content-length", b"transfer-encoding"} & set(names),
              "no framing of a body that is not there", names)
        truth(rest.startswith(body + b"HTTP/1.1 200 OK\r\n"), "the next answer right behind it", rest[:80])
        equal(wire.count(b"HTTP/1.1 "), 3, "answers")


for _what, _head, _body in (("respond header length", b"HTTP/1.1 200 OK\r\n", b"fine"),
                            ("respond header chunked", b"HTTP/1.1 200 OK\r\n", b"fine"),
                            ("respond header date", b"HTTP/1.1 200 OK\r\n", b"fine"),
                            ("respond header close", b"HTTP/1.1 200 OK\r\n", b"fine"),
                            ("respond type twice", b"HTTP/1.1 200 OK\r\n", b"fine"),
                            ("respond type as a header", b"HTTP/1.1 200 OK\r\n", b"fine"),
                            ("stream header length", b"HTTP/1.1 200 OK\r\n", b"4\r\nfine\r\n0\r\n\r\n"),
                            ("stream 204", BODILESS[0], b""), ("stream 304", BODILESS[1], b"")):
    framing_row(_what, _head, _body)


# What the provider does, likewise.
PROVIDER = {
    "request status": (503, "status", "request() answered 66"),
    "request emits": (200, "moment", "emit() works inside frame()"),
    "request responds": (200, "moment", "respond() is for features"),
    "request pends": (503, None, None),
    "framing": (503, "value", "the request's framing is 42"),
    "headers null": (503, "size", "3 header lines, but no table"),
    "headers many": (503, "size", "4000000000 header lines, expected at most 64"),
    "header null": (503, "value", "header line 0 is NULL"),
    "header split": (503, "value", "header line 0 is none"),
    "header none": (503, "value", "header line 0 is none"),
    "body null": (503, "size", "the request's body is NULL with a length"),
    "body huge": (503, "size", "the request's body is too long"),
    "url null": (503, None, None),
    "sign": (503, "size", "the signature: 7 header lines, but no table"),
    "credential null": (422, "size", "credential(): the name is NULL"),
    "credential value": (503, "size", "credential(): the value has 5 bytes at NULL"),
    "credential status": (503, "status", "credential() answered 31"),
    "emit null": (200, "size", "emit(): the event is NULL"),
    "emit size": (200, "size", "emit(): the event, its usage or its error has a struct_size"),
    "emit text": (200, "size", "emit(): a text of event type 1 is NULL with a length"),
    "emit id": (200, "size", "emit(): a text of event type 3 is too long"),
    "emit vector": (200, "size", "emit(): the vector has 9 numbers, but is NULL"),
    "emit choice": (200, "value", "emit(): choice 4294967295"),
    "emit finish": (200, "value", "emit(): finish is 99"),
    "emit usage": (200, "size", "emit(): USAGE without usage"),
    "emit usage size": (200, "size", "emit(): the event, its usage or its error has a struct_size"),
    "emit usage huge": (200, None, None),
    "emit error": (200, "size", "emit(): ERROR without error"),
    "emit error kind": (503, "value", "an error's kind is 999"),
    "emit end": (200, "value", "emit(): events of type 8 are the core's own"),
    "emit kept": (200, "ctx", "emit(): the ctx is not that of the callback at work"),
    "answer_header null": (200, "size", "answer_header(): the name is NULL"),
    "produce status": (503, "status", "produce() answered 88"),
    "produce pends": (503, "status", "produce() answered"),
    "produce pause": (503, "value", "produce() wants a pause of -5 ms"),
    "done status": (503, "status", "done() answered 44"),
    "overrun": (200, "memory", "it wrote behind the"),
    "http status": (503, "status", "frame() answered -77"),
}


def until(condition, what):
    """What is found when a request is forgotten comes a moment after its answer."""
    deadline = time.monotonic() + 10
    while not condition():
        truth(time.monotonic() < deadline, what, "nothing within 10 s")
        time.sleep(0.01)


def row(kind, what, wanted):
    @case(f"ISO-{kind}-{what.replace(' ', '-').replace(':', '-')}", "hostile")
    def check(env):
        status, error, words = wanted
        before = env.errors(kind, error) if error else 0
        answer = env.ask("P:" + what if kind == "provider" else what)
        if status is None:  # it was begun with 200 and broken off
            truth(answer.status == 200 and not answer.is_complete, "an answer that does not look finished", answer.text)
        else:
            equal(answer.status, status, "status")
        if status == 200 and kind == "provider":
            equal(answer.text, "fine", "the answer")
        if error:
            until(lambda: env.errors(kind, error) > before, f"aigw_plugin_errors_total with error={error} to grow")
            line = env.line(kind, words)
            truth(line, f"a line that names the plugin and says {words!r}",
                  [item for item in env.gw.lines if item.get("logger") == "plugin"][-3:])
        env.is_well()


for _what, _wanted in FEATURE.items():
    row("feature", _what, _wanted)
for _what, _wanted in PROVIDER.items():
    row("provider", _what, _wanted)


@case("ISO-feature-large-detail", "hostile")
def large_detail(env):
    """A text that is longer than an answer of the gateway's own may be is cut, and the answer is JSON."""
    answer = env.ask("large detail")
    equal((answer.status, len(json.loads(answer.text)["detail"])), (404, 65536), "status and length of the detail")


# What failure() makes of a refusal: the status of the model server, kind of error, words of the line.
FAILURES = {
    "http failure kind": (500, "value", "an error's kind is 999"),
    "http failure text": (500, "size", "an error's message, code or param is NULL with a length"),
    "http failure wait": (429, "value", "an error's retry_after_ms is -9223372036854775808"),
    "http failure status": (400, "value", "an error's http_status is -5"),
}


def failure_row(what, wanted):
    @case(f"ISO-provider-{what.replace(' ', '-')}", "hostile")
    def check(env):
        upstream, error, words = wanted
        env.refuser.replies[:] = [Reply(status=upstream)]
        before = env.errors("provider", error)
        equal(env.ask("P:" + what).status, {429: 429, 400: 422}.get(upstream, 503), "status")
        until(lambda: env.errors("provider", error) > before, "aigw_plugin_errors_total to grow")
        truth(env.line("provider", words), f"a line with {words!r}", env.gw.raw[-3:])
        env.refuser.replies[:] = [Reply()]
        env.is_well()


for _what, _wanted in FAILURES.items():
    failure_row(_what, _wanted)


# ---- time ----

@fixture("slow-plugin", serial=True)
def slow_fixture(ctx):
    return Hostile(ctx, "slow")


def slow_row(name, what, kind, callback):
    @case(f"ISO-slow-{name}", "slow-plugin")
    def check(env):
        """A callback that holds its worker up for 30 ms is counted each time, and said once a minute."""
        def slow():
            return env.gw.metric("aigw_plugin_slow_callbacks_total", group="bad", kind=kind, callback=callback) or 0

        before = slow()
        for _ in range(3):
            equal(env.ask(what).status, 200, "status")
        until(lambda: slow() - before >= 3, "three slow callbacks to be counted")

        def is_ours(item):
            return (item.get("message") == "a plugin's callback held its worker up" and
                    item["plugin"] == f"hostile_{kind}" and item["callback"] == callback)
        env.gw.wait_line(is_ours)
        lines = [item for item in env.gw.lines if is_ours(item)]
        equal(len(lines), 1, "lines about it")
        truth(20 <= lines[0]["ms"] <= 1000 and lines[0]["instance"] == "bad", "how long, and whose", lines[0])
        truth(env.gw.metric("aigw_plugin_callback_seconds_total", group="bad", callback=callback) >= 0.06,
              "its time in the metrics", env.gw.metrics())


slow_row("run", "slow", "feature", "run")
slow_row("event", "E:late", "feature", "event")
slow_row("produce", "P:slow", "provider", "produce")
slow_row("frame", "P:http slow", "provider", "frame")


@case("ISO-slow-each-its-own", "slow-plugin")
def each_its_own(env):
    """Callbacks nest: what a feature's event() takes is not charged to the provider's produce() around it."""
    def seconds(kind, callback):
        return env.gw.metric("aigw_plugin_callback_seconds_total", group="bad", kind=kind, callback=callback) or 0.0

    event, produce = seconds("feature", "event"), seconds("provider", "produce")
    for _ in range(10):
        equal(env.ask("E:late").status, 200, "status")
    event, produce = seconds("feature", "event") - event, seconds("provider", "produce") - produce
    truth(event > 0.25 and produce < event / 3, "the time to be the feature's", (event, produce))


@case("C-MET-011-lag", "slow-plugin")
def loop_lag(env):
    """A worker that is held up turns late, whoever held it up; how late is in a histogram of all its turns."""
    def late(bound):
        count = env.gw.metric("aigw_loop_lag_seconds_count")
        equal(env.gw.metric("aigw_loop_lag_seconds_bucket", le="+Inf") >= count, True, "all turns in the last bucket")
        return count - env.gw.metric("aigw_loop_lag_seconds_bucket", le=bound)

    before, sum_before = late("0.01"), env.gw.metric("aigw_loop_lag_seconds_sum")
    for _ in range(3):
        equal(env.ask("slow").status, 200, "status")
    until(lambda: late("0.01") - before >= 3, "three turns that were late")
    truth(env.gw.metric("aigw_loop_lag_seconds_sum") - sum_before >= 0.08, "the time that they took", env.gw.metrics())
    buckets = re.findall(r'aigw_loop_lag_seconds_bucket\{le="([^"]+)"\} (\d+)', env.gw.metrics())
    equal([bound for bound, _ in buckets], ["0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "+Inf"], "bounds")
    equal([int(count) for _, count in buckets], sorted(int(count) for _, count in buckets), "counts that add up")


@case("ISO-body-max", "hostile")
def body_max(env):
    """A route that would take bodies without end takes 1 GiB: what is announced as more is refused at once."""
    for length, status in ((1 << 30, 100), ((1 << 30) + 1, 413), ((1 << 63) - 1, 413)):
        with env.gw.connect(timeout=10) as conn:
            conn.send(f"PUT /hostile HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n".encode())
            equal(conn.read_head().status, status, f"status of {length} bytes")


@case("ISO-memory", "hostile")
def memory(env):
    """What a feature may take is limited, whichever way it takes it, and is in the metrics."""
    before = env.gw.rss_kib()
    for _ in range(4):
        env.ask("buf for ever")
        env.ask("alloc for ever")
    truth(env.gw.rss_kib() - before < 300 * 1024, "memory to stay", (before, env.gw.rss_kib()))
    peak = env.gw.metric("aigw_plugin_request_memory_peak_bytes", group="bad", kind="feature")
    truth(60e6 < peak < 80e6, "the limit of a request", peak)
    truth(env.gw.metric("aigw_plugin_instance_memory_bytes", group="bad", kind="provider") > 0, "the state", "none")


# ---- open() ----

def open_row(what, words):
    @case(f"ISO-open-{what}", "opening")
    def check(env):
        """The gateway does not start with it, and a reload does not take it: by name, with file and line."""
        env.gw.write_conf('providers: { worse: { plugin = "hostile_provider"; at_open = "%s"; }; };' % what,
                          "95-worse.conf")
        found = env.aigw("reload")
        equal(found.returncode, 1, "exit status")
        truth("95-worse.conf:1: providers.worse" in found.stdout and words in found.stdout, "file, line, name, reason",
              found.stdout)
        env.is_well()


@fixture("opening", patient=True)
def opening(ctx):
    return Hostile(ctx, "opening")


for _what, _words in {"fail": "it does not want to", "status": 'plugin "hostile_provider" refused it',
                      "greedy": "no memory for it", "respond": 'plugin "hostile_provider" refused it'}.items():
    open_row(_what, _words)


@case("ISO-check-metric", "opening")
def metric_of_the_core(env):
    """What the start would refuse `aigw check` finds: a plugin's metric with a name that is the core's."""
    words = "hostile_taken.so: metric \"aigw_requests_total\": the name belongs to the core"
    for command in ("check", "serve"):
        found = subprocess.run(
            [env.ctx.binary, command, "--conf-dir", env.ctx.conf_dir, "--plugin-dir", env.ctx.plugin_dir, "--plugin-dir",
             env.ctx.build_dir + "/tests/hostile_taken"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
            timeout=60, check=False)
        equal(found.returncode, 1, f"exit status of {command}")
        truth(words in found.stdout + found.stderr, f"{command}: {words}", found.stdout + found.stderr)


# What the trial of a reload finds, and what the process that would have been harmed says of it.
ENDS = {"crash": ("crashed (memory) in open()", "was ended by signal|ended with status [0-9]+ before"),
        "abort": ("aborted in open()", "was ended by signal 6"),
        "exit": ("ended the process in open()", "ended with status 0 before all was open"),
        "vanish": (None, "ended with status 0 before all was open"),
        "abort later": ("aborted in close()", "was ended by signal 6")}


def end_row(what, named, how):
    @case(f"ISO-open-{what.replace(' ', '-')}", "opening")
    def check(env):
        """A plugin that ends the process in its open() or close() is named by `aigw check`, and ends no gateway that serves:
        neither a reload nor a look at what one would change takes it."""
        env.gw.write_conf('providers: { worse: { plugin = "hostile_provider"; at_open = "%s"; }; };' % what,
                          "95-worse.conf")
        for words in (("reload",), ("check", "--diff")):
            found = env.aigw(*words)
            equal(found.returncode, 1, f"exit status of {words}")
            truth(re.search(f"opened this configuration before the gateway would ({how})", found.stdout), how, found.stdout)
            place = "" if what == "abort later" else "95-worse.conf:1: providers.worse: "
            truth(named is None or f'{place}plugin "hostile_provider" (worse) {named}' in found.stdout, named, found.stdout)
        truth(env.gw.wait_line(lambda item: item.get("logger") == "config" and
                               "reload refused, the running configuration stays" in str(item.get("message")), 5), "a line",
              env.gw.raw[-3:])
        alone = subprocess.run(
            [env.ctx.binary, "check", "--conf-dir", env.ctx.conf_dir, "--conf-dir", env.gw.conf_dir, "--plugin-dir",
             env.ctx.plugin_dir, "--plugin-dir", env.ctx.build_dir + "/tests/hostile"], env={"PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60, check=False)
        truth(named is None or named in alone.stderr, "`aigw check` names it", alone.stderr)
        env.gw.write_conf("", "95-worse.conf")
        equal(env.aigw("reload").returncode, 0, "result of the way back")
        env.is_well()


for _what, (_named, _how) in ENDS.items():
    end_row(_what, _named, _how)


def last_words_row(what, code, words):
    @case(f"ISO-end-{what.replace(':', '-')}", "opening")
    def check(env):
        """A plugin that ends the process that serves: the last line says whose code it was."""
        folder = env.ctx.folder("end")
        log, said = os.path.join(folder, "aigw.log"), os.path.join(folder, "stderr")
        with open(os.path.join(folder, "90-local.conf"), "w", encoding="utf-8") as conf:
            conf.write('server: { host = "127.0.0.1"; port = 0; metrics_host = ""; };\nlog: { file = "%s"; };\n' % log +
                       CONF.format(url="http://127.0.0.1:9/v1", here="http://127.0.0.1:9/v1"))
        with open(said, "wb") as out:
            process = subprocess.Popen(
                [env.ctx.binary, "serve", "--conf-dir", env.ctx.conf_dir, "--conf-dir", folder, "--plugin-dir",
                 env.ctx.plugin_dir, "--plugin-dir", env.ctx.build_dir + "/tests/hostile"], stderr=out,
                env={"PATH": "/usr/bin:/bin", "AIGW_AUTH__BYPASS_EXTERNAL": "true"})
        try:
            def ports():
                with open(log, encoding="utf-8") as lines:
                    return [json.loads(line)["port"] for line in lines if '"listening"' in line]
            until(lambda: os.path.exists(log) and ports(), "the start")
            with http.Connection(ports()[0]) as conn:
                conn.send(f"POST /hostile HTTP/1.1\r\nHost: x\r\nContent-Length: {len(what)}\r\n\r\n{what}".encode())
                equal(process.wait(20), 1 if what == "crash" and env.ctx.is_sanitized else code, "how it ended")
        finally:
            process.kill()
            process.wait()
        with open(said, encoding="utf-8") as text:
            last = text.read().splitlines()[-1]
        equal(json.loads(last), {"message": words, "level": "critical", "logger": "plugin"}, "the last line")


for _what, _code, _words in (("crash", -11, 'plugin "hostile_feature" (bad) crashed (memory) in run()'),
                             ("abort", -6, 'plugin "hostile_feature" (bad) aborted in run()'),
                             ("P:abort", -6, 'plugin "hostile_provider" (bad) aborted in produce()'),
                             ("exit", 3, 'plugin "hostile_feature" (bad) ended the process in run()')):
    last_words_row(_what, _code, _words)


# ---- a callback that never comes back ----

def ask_for_nothing(env, what):
    """Ask, and do not wait for the answer; the connection stays open."""
    env.waiting = env.gw.connect(timeout=5)
    env.waiting.send((f"POST /hostile HTTP/1.1\r\nHost: x\r\nContent-Length: {len(what)}\r\n\r\n{what}").encode())


def is_stuck(item):
    return "does not come back" in str(item.get("message"))


@fixture("stuck", patient=True, takes_s=8)
def stuck(ctx):
    env = Hostile(ctx, "stuck", "server: { drain_ms = 500; };\n")
    env.gw._expected_end = True
    return env


@case("ISO-stuck-said", "stuck")
def stuck_is_said(env):
    """One worker of two is held for ever: it is said by name in the log, in the metrics and by the other worker; SIGTERM
    still ends the process."""
    ask_for_nothing(env, "P:stuck")
    line = env.gw.wait_line(is_stuck, 15)
    truth(line, "a line", env.gw.raw[-3:])
    equal((line["level"], line["plugin"], line["instance"], line["callback"]),
          ("critical", "hostile_provider", "bad", "produce"), "what it says")
    equal(env.gw.metric("aigw_plugin_stuck_callbacks", group="bad", kind="provider"), 1, "the gauge")
    ready, deadline = None, time.monotonic() + 30
    while ready is None and time.monotonic() < deadline:
        try:
            ready = env.request("GET", "/monitoring/ready?verbose", timeout=1).json()
        except (OSError, ValueError):
            pass  # a connection of the worker that is held
    truth({"instance": "providers.bad", "plugin": "hostile_provider", "off": False, "stuck": 1}.items()
          <= ready["plugins"][0].items(), "who it is", ready["plugins"])
    env.gw.process.terminate()
    equal(env.gw.process.wait(30), 70, "exit status after SIGTERM")


@fixture("doomed", patient=True, takes_s=4)
def doomed(ctx):
    env = Hostile(ctx, "doomed", "limits: { plugin_stuck_ms = 3000; };\n")
    env.gw._expected_end = True
    return env


@case("ISO-stuck-ends", "doomed")
def stuck_ends_the_process(env):
    """limits.plugin_stuck_ms: the process ends, with status 70 and a last line that says why."""
    ask_for_nothing(env, "stuck")
    equal(env.gw.process.wait(30), 70, "exit status")
    line = env.gw.wait_line(lambda item: "limits.plugin_stuck_ms" in str(item.get("message")), 5)
    truth(line, "the last line", env.gw.raw[-3:])
    equal((line["plugin"], line["instance"], line["callback"]), ("hostile_feature", "bad", "run"), "what it says")


# ---- switching off ----

@fixture("switch", patient=True)
def switch(ctx):
    return Hostile(ctx, "switch")


@case("ISO-off-feature", "switch")
def feature_off(env):
    """Its requests are answered with 503, other features go on; on again it serves."""
    found = env.aigw("plugin", "off", "features.bad")
    equal((found.returncode, found.stderr), (0, ""), "result")
    truth(found.stdout.startswith("features.bad is off until"), "what it says", found.stdout)
    answer = env.ask("ok")
    equal((answer.status, answer.json()["detail"]), (503, "The feature bad is switched off by the operator of this gateway"))
    equal(env.post(PATH, completion(env.models.script(Reply()))).status, 200, "another feature")
    equal(env.gw.metric("aigw_plugin_off", group="bad", kind="feature"), 1, "the gauge")
    truth("off  features.bad (hostile_feature)" in env.aigw("plugin", "list").stdout, "the list", "lacks it")
    equal(env.aigw("plugin", "on", "features.bad").stdout, "features.bad is on\n")
    env.is_well()


@case("ISO-off-provider", "switch")
def provider_off(env):
    """A model without another target says why; one with another goes there. What is under way goes on."""
    equal(env.aigw("plugin", "off", "providers.bad").returncode, 0, "result")
    answer = env.ask("P:ok")
    equal(answer.status, 503, "status")
    truth("its provider is switched off" in answer.text, "why", answer.text)
    equal(env.post("/v2/code/completions", {"prompt_version": 1, "current_file": {
        "file_name": "a.py", "content_above_cursor": "x", "content_below_cursor": ""}}).status in (200, 422, 503), True)
    out = env.status("status").out
    truth("plugin       providers.bad IS SWITCHED OFF" in out, "aigw status", out)
    equal(env.aigw("plugin", "on", "providers.bad").returncode, 0, "result")
    env.is_well()


@case("ISO-off-reload", "switch")
def reload_ends_it(env):
    equal(env.aigw("plugin", "off", "features.bad").returncode, 0, "result")
    equal(env.aigw("reload").returncode, 0, "result of a reload")
    truth(env.gw.wait_line(lambda item: "features.bad is on again" in str(item.get("message")), 5), "a line", "none")
    env.is_well()


@case("ISO-off-names", "switch")
def names(env):
    for words, code, text in ((("off", "bad"), 1, "both providers.bad and features.bad are called so: say which"),
                              (("off", "providers.her"), 1, "did you mean here?"),
                              (("off", "nobody-at-all"), 1, "see `aigw plugin list`"),
                              (("on", "here"), 0, "providers.here was on already")):
        found = env.aigw("plugin", *words)
        equal(found.returncode, code, f"result of {words}")
        truth(text in found.stdout, f"{text!r}", found.stdout)
    for words in ((), ("off",), ("list", "x"), ("away", "x")):
        found = env.aigw("plugin", *words)
        equal(found.returncode, 2, f"result of {words}")
        truth("expected `plugin off NAME`" in found.stderr, "what is expected", found.stderr)


@case("ISO-disabled-provider", "switch")
def disabled(env):
    """enabled = false by a reload: models that name it stay; its calls go to the next target, or are refused with the
    reason; a group whose plugin is not there any more is no mistake."""
    env.gw.write_conf('providers: { bad: { plugin = "hostile_provider"; enabled = false; };\n'
                      '  gone: { plugin = "no_such_plugin"; enabled = false; }; };\n'
                      'models: { more: { targets = ( { provider = "gone"; model = "x"; } ); }; };\n'
                      'routing: { drain = ( "gone" ); };\n', "95-off.conf")
    found = env.aigw("reload")
    equal((found.returncode, found.stdout.endswith("reloaded\n")), (0, True), f"result: {found.stdout}")
    answer = env.ask("P:ok")
    equal(answer.status, 503, "status")
    truth("its provider is switched off (enabled = false)" in answer.text, "why", answer.text)
    equal(env.aigw("plugin", "on", "providers.bad").stdout,
          "providers.bad has enabled = false in conf.d: change that and reload\n")
    explained = subprocess.run(
        [env.ctx.binary, "route", "--request", "-", "--route", "/v1/chat/completions", "--conf-dir", env.ctx.conf_dir,
         "--conf-dir", env.gw.conf_dir, "--plugin-dir", env.ctx.plugin_dir, "--plugin-dir",
         env.ctx.build_dir + "/tests/hostile"], input=json.dumps({"model": "both", "messages": []}),
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False)
    truth("target h at bad: its provider is switched off (enabled = false)" in explained.stdout and
          "mock at here" in explained.stdout, "aigw route", explained.stdout + explained.stderr)
    env.gw.write_conf("", "95-off.conf")
    equal(env.aigw("reload").returncode, 0, "result of the way back")
    env.is_well()
