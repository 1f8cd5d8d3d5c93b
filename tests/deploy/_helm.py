"""The real helm on our chart, and the schemas of Kubernetes' API."""
import os
import shutil
import subprocess
import tempfile

from harness.runner import Failure

from . import _tools

CUSTOM = ("ServiceMonitor", "PrometheusRule", "ScaledObject")  # kinds that Kubernetes itself has no schema of


class Helm:
    def __init__(self, ctx):
        self.ctx = ctx
        self.helm = _tools.helm(ctx)
        self.yaml, self.schemas = _tools.python_packages(ctx)
        self.chart = ctx.path("deploy", "helm", "ai-gateway")
        self.folder = tempfile.mkdtemp(prefix="aigw-helm-")

    def run(self, *args, good=True):
        done = subprocess.run([self.helm, *args], capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "HELM_CACHE_HOME": self.folder, "HELM_CONFIG_HOME": self.folder,
                                   "HELM_DATA_HOME": self.folder})
        if (done.returncode == 0) != good:
            raise Failure(f"helm {' '.join(args)} to {'work' if good else 'fail'}", done.stdout[-500:] + done.stderr)
        return done.stdout if good else done.stderr

    def template(self, *values, files=(), kube="1.31", chart=None, text=None):
        """The objects, by kind and name. values: name=value; text: a values file."""
        args = ["template", "ai-gateway", chart or self.chart, "--namespace", "ai-gateway", "--kube-version", kube]
        if text:
            path = os.path.join(self.folder, "values.yaml")
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            args += ["-f", path]
        for name in files:
            args += ["-f", os.path.join(self.chart, name)]
        for value in values:
            args += ["--set", value]
        found = {}
        for item in self.yaml.safe_load_all(self.run(*args)):
            if item:
                found[item["kind"], item["metadata"]["name"]] = item
        return found

    def hold_to_schemas(self, objects, kube="1.31"):
        for (kind, name), item in objects.items():
            if kind in CUSTOM:
                continue
            try:
                self.schemas.validate(item, kube, strict=True)
            except Exception as err:
                raise Failure(f"{kind} {name} to fit Kubernetes {kube}", str(err)[:600]) from err

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
