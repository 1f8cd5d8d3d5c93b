"""Alerts and dashboard: promtool's checks and unit tests, and every series they name in a scrape of the real gateway."""
import json
import os
import re
import shutil
import subprocess
import tempfile

from contract._env import completion
from fakes import clients
from fakes import gitlab as gl
from fakes import pki
from fakes.models import FakeModels, Reply
from fakes.store import NonsenseStore, empty_store
from harness.gateway import Context, Gateway
from harness.runner import Failure, Skip, case, equal, fixture, truth

from . import _tools

FILES = ("deploy", "helm", "ai-gateway", "files")
LIMITS = """
prices: { table = ( { model = "codestral-*"; input = 1.0; output = 2.0; } ); };
quotas: { gitlabs: { per = "instance"; requests = 5; window = "day"; }; };
keys: { ends: { hash = ( "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" ); expires = "2199-12-31"; }; };
"""
WORD = re.compile(r"\b(?:aigw|http|model|inference|process|code)_[a-z0-9_]+\b")
LABELS = {"model_name", "model_engine"}
MADE_BY_RULES = re.compile(r"record: (\S+)")


class Monitoring:
    def __init__(self, ctx):
        if not ctx.build_dir:
            raise Skip("no build of the gateway: --build")
        self.ctx = ctx
        self.promtool = _tools.debian("promtool", "prometheus")
        self.folder = tempfile.mkdtemp(prefix="aigw-rules-")
        with open(ctx.path(*FILES, "rules.yaml"), encoding="utf-8") as file:
            self.rules = file.read()
        with open(ctx.path(*FILES, "dashboard.json"), encoding="utf-8") as file:
            self.dashboard = json.load(file)
        self.context = Context(ctx.build_dir, ctx.source_dir, os.path.join(self.folder, "run"))
        self.scrape = self._scrape()
        self.tls_scrape = self._tls_scrape()

    def _scrape(self):
        """What /metrics has after a request of each kind: served, without a price, without usage, failed, refused. The store
        of shared limits answers once."""
        gitlab, models = gl.FakeGitLab(), FakeModels()
        store = NonsenseStore(lambda words: empty_store(words) if store.asked == 1 else b":5\r\n")
        conf = f'''providers: {{ lost: {{ plugin = "openai"; base_url = "http://127.0.0.1:1/v1"; }};
                              there: {{ plugin = "openai"; base_url = "{models.script(Reply()).base}"; }}; }};
                  models: {{ coder: {{ targets = ( {{ provider = "lost"; model = "m"; }}, {{ provider = "there"; model = "m"; tier = 2; }} ); }}; }};
                  features: {{ code_suggestions: {{ plugin = "code_suggestions"; model = "coder"; }}; }};
                  {LIMITS}'''
        gateway = Gateway(self.context, {"AIGW_GITLAB_URL": gitlab.url, "AIGW_SHARED__URL": store.url()}, conf, name="scrape")
        try:
            truth(store.wait(1), "the store to be asked", store.asked)
            rails = clients.Rails(gateway.port, gitlab.token())
            for reply, model in ((Reply(usage=(12, 5)), "codestral-22b"), (Reply(), "nobody-knows"), (Reply(status=500, body="no"), "codestral-22b")):
                rails.call("/v2/code/completions", completion(models.script(reply), model_identifier="custom_openai/" + model))
            rails.call("/v2/code/completions", completion(models.script(Reply(pieces=("a", "b", "c"))), stream=True))
            ours = {key: value for key, value in completion(models.script(Reply())).items() if not key.startswith("model_")}
            for _ in range(2):
                rails.call("/v2/code/completions", ours)  # falls back; is beyond the quota
            clients.Rails(gateway.port, "").call("/v2/code/completions", completion(models.script(Reply())))
            return gateway.metrics()
        finally:
            gateway.close()
            models.close()
            gitlab.close()
            store.close()

    def _tls_scrape(self):
        """What only a gateway with a certificate has."""
        cert, key = pki.CA(self.context.folder("ca"), "Scrape CA").issue()
        gateway = Gateway(self.context, {"AIGW_GITLAB_URL": "http://127.0.0.1:1", "AIGW_FASTAPI__TLS__ENABLED": "true",
                                         "AIGW_FASTAPI__TLS__CERT_FILE": cert, "AIGW_FASTAPI__TLS__KEY_FILE": key}, name="tls")
        try:
            return gateway.metrics()
        finally:
            gateway.close()

    def promtool_says(self, *args):
        done = subprocess.run([self.promtool, *args], cwd=self.folder, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != 0:
            raise Failure(f"promtool {' '.join(args)} to be content", done.stdout + done.stderr)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
            out.write(text)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


@fixture("monitoring")
def monitoring(ctx):
    return Monitoring(ctx)


def queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for item in dashboard["annotations"]["list"]:
        yield item["name"], item["expr"]


def series_of(text):
    return {name for name in WORD.findall(text) if name not in LABELS}


def there(scrape):
    return {re.split(r"[{ ]", line)[0] for line in scrape.splitlines() if line and not line.startswith("#")}


@case("S-41 MON-RULES", "monitoring")
def rules_fire_for_what_they_are_for(env):
    env.write("rules.yaml", env.rules)
    env.promtool_says("check", "rules", "rules.yaml")
    shutil.copy(env.ctx.path("tests", "deploy", "rules_test.yaml"), env.folder)
    env.promtool_says("test", "rules", "rules_test.yaml")


@case("OP-OBS-03 MON-SERIES", "monitoring")
def every_series_exists(env):
    found = there(env.scrape) | there(env.tls_scrape) | set(MADE_BY_RULES.findall(env.rules))
    expressions = "\n".join(line for line in env.rules.splitlines()
                            if not re.match(r"\s*(description|summary|#|- alert)", line))
    equal(sorted(series_of(expressions) - found), [], "series of the rules that no scrape has")
    for title, query in queries(env.dashboard):
        equal(sorted(series_of(query) - found), [], f"series of panel {title} that no scrape has")


@case("MON-METRICS", "monitoring")
def scrape_is_clean(env):
    done = subprocess.run([env.promtool, "check", "metrics"], input=env.scrape, capture_output=True, text=True,
                          timeout=60, check=False)
    # 1 is an error of the format; 3 are opinions on names, which are the original's.
    truth(done.returncode in (0, 3), "a scrape that Prometheus reads", done.stderr)


@case("MON-DASHBOARD", "monitoring")
def dashboard_is_well_made(env):
    wanted = env.dashboard
    ids = [panel["id"] for panel in wanted["panels"]]
    equal(len(ids), len(set(ids)), "distinct ids")
    truth(wanted["title"] and wanted["uid"] and wanted["schemaVersion"] >= 36, "a dashboard of Grafana", wanted.keys())
    names = {item["name"] for item in wanted["templating"]["list"]}
    records = []
    for title, query in queries(wanted):
        used = set(re.findall(r"\$([a-z]+)", query))
        truth(used <= names | {"__rate_interval"}, f"known variables in {title}", used)
        query = query.replace("$__rate_interval", "5m").replace("$job", ".*")
        records.append(f"      - {{ record: q{len(records)}, expr: {json.dumps(query)} }}\n")
    truth(len(records) > 20, "queries", len(records))
    env.write("queries.yaml", "groups:\n  - name: q\n    rules:\n" + "".join(records))
    env.promtool_says("check", "rules", "queries.yaml")
