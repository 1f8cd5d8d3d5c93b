"""What the chart renders, run: podman starts the rendered Deployment, ConfigMap and Secret, this module does what kubelet,
kube-proxy and the Deployment's controller would: probes, endpoints, a rolling replacement."""
import datetime
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time

from fakes import clients
from fakes import gitlab as gl
from fakes.models import FakeModels, Reply
from harness import http
from harness.runner import Skip, case, equal, fixture, truth

from ._containers import Engine
from ._helm import Helm

COMPLETIONS = "/v2/code/completions"
KEY = "gateway-key"


class Service:
    """A port of this machine; each connection goes to the next endpoint."""

    def __init__(self):
        self.endpoints = []
        self._next = 0
        self._lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self._next += 1
                address = self.endpoints[self._next % len(self.endpoints)]
            threading.Thread(target=self._serve, args=(client, address), daemon=True).start()

    @staticmethod
    def _serve(client, address):
        try:
            server = socket.create_connection((address, 5052), timeout=10)
            server.settimeout(60)
            thread = threading.Thread(target=Service._pump, args=(client, server), daemon=True)
            thread.start()
            Service._pump(server, client)
            thread.join()
            server.close()
        except OSError:
            pass  # the client sees a closed connection, as from kube-proxy
        client.close()

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def set(self, *endpoints):
        with self._lock:
            self.endpoints = list(endpoints)

    def close(self):
        self.listener.close()


class Pod:
    def __init__(self, cluster, name, **values):
        self.cluster = cluster
        self.name = name
        self.file = os.path.join(cluster.folder, name + ".yaml")
        self.probes = cluster.render(name, self.file, values)
        started = time.monotonic()
        cluster.engine.run("play", "kube", "--network", "bridge", self.file)
        found = json.loads(cluster.engine.run("inspect", f"{name}-pod-0-ai-gateway").stdout)[0]
        self.address = self._address(found)
        self.wait_ready(started)
        self.ready_after = time.time() - self._begun(found)

    def _address(self, found):
        ids = [item["Id"] for item in json.loads(
            self.cluster.engine.run("pod", "inspect", found["Pod"]).stdout)["Containers"]]
        for ident in ids:
            networks = json.loads(self.cluster.engine.run("inspect", ident).stdout)[0]["NetworkSettings"]["Networks"]
            for network in (networks or {}).values():
                if network.get("IPAddress"):
                    return network["IPAddress"]
        raise AssertionError("no container of the pod has an address")

    def probe(self, name):
        """As kubelet: a GET on the probe's path; its status, 0 without an answer."""
        wanted = self.probes[name]["httpGet"]
        try:
            with http.Connection(5052, host=self.address, timeout=2) as conn:
                conn.send(http.render("GET", wanted["path"], {"user-agent": "kube-probe/1.31"}))
                return conn.read_response().status
        except (OSError, http.HttpError):
            return 0

    def wait_ready(self, started, limit=30):
        while self.probe("readinessProbe") != 200:
            truth(time.monotonic() - started < limit, f"{self.name} to be ready within {limit} s", self.logs())
            time.sleep(0.05)

    @staticmethod
    def _begun(found):
        """When the container's process was started, seconds since 1970."""
        text = re.sub(r"(\.\d{6})\d*", r"\1", found["State"]["StartedAt"]).replace("Z", "+00:00")
        return datetime.datetime.fromisoformat(text).timestamp()

    def wait_unready(self, limit=10):
        deadline = time.monotonic() + limit
        while self.probe("readinessProbe") != 503:
            truth(time.monotonic() < deadline, f"{self.name} to say within {limit} s that it goes", self.logs())
            time.sleep(0.02)

    def logs(self):
        done = self.cluster.engine.run("logs", f"{self.name}-pod-0-ai-gateway", good=None)
        return (done.stdout + done.stderr)[-1500:]

    def told_to_go(self):
        """As kubelet: SIGTERM, and SIGKILL a minute later; the thread ends with the container."""
        name = f"{self.name}-pod-0-ai-gateway"
        thread = threading.Thread(target=self.cluster.engine.run, args=("stop", "-t", "60", name))
        thread.start()
        return thread

    def close(self):
        self.cluster.engine.run("play", "kube", "--down", self.file, good=None)


class Cluster:
    def __init__(self, ctx):
        if not ctx.engine or "podman" not in ctx.engine[0]:
            raise Skip("no podman: see scripts/image --test")
        self.ctx = ctx
        self.engine = Engine(ctx)
        self.helm = Helm(ctx)
        self.folder = tempfile.mkdtemp(prefix="aigw-kube-")
        self.open = []
        self._make_key()
        # The network's address on this machine is known when the first pod runs.
        first = self.pod("first")
        self.address = self.engine.bridge_address(self._infra(first))
        self.gitlab = self.keep(gl.FakeGitLab(host=self.address))
        self.models = self.keep(FakeModels(host=self.address))

    def _infra(self, pod):
        found = json.loads(self.engine.run("inspect", f"{pod.name}-pod-0-ai-gateway").stdout)[0]
        return json.loads(self.engine.run("pod", "inspect", found["Pod"]).stdout)["InfraContainerID"]

    def _make_key(self):
        """The Secret that the chart makes. This podman wants its members as JSON; it reads references to them itself."""
        secret = self.helm.template("image.tag=0.1.0")["Secret", "ai-gateway-signing-key"]
        path = os.path.join(self.folder, "key.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(secret["data"], out)
        self.engine.run("secret", "rm", KEY, good=None)
        self.engine.run("secret", "create", KEY, path)

    def render(self, name, path, values):
        """One pod's objects into a file, without what podman does otherwise than Kubernetes: probes (it runs curl inside
        the container), ports (it takes them on the host). The probes are handed back."""
        repository, _, tag = self.ctx.image.partition(":")
        settings = {"fullnameOverride": name, "replicaCount": 1, "image.repository": repository, "image.tag": "0.1.0",
                    "aigwSigningKey.secret": KEY, "drain.waitSeconds": 3, "drain.drainSeconds": 20, **values}
        objects = self.helm.template(*[f"{key}={value}" for key, value in settings.items()], kube="1.29",
                                     text="config: { 90-test.conf: 'limits: { idle_ms = 110000; };' }")
        kept = [objects["ConfigMap", name], objects["Deployment", name]]
        box = kept[1]["spec"]["template"]["spec"]["containers"][0]
        box["image"] = f"{repository}:{tag or 'latest'}"
        probes = {probe: box.pop(probe) for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        box.pop("ports")
        with open(path, "w", encoding="utf-8") as out:
            self.helm.yaml.safe_dump_all(kept, out)
        return probes

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def pod(self, name, **values):
        return self.keep(Pod(self, name, **values))

    def served(self, name):
        return self.pod(name, **{"gitlab.url": self.gitlab.url})

    def close(self):
        for thing in reversed(self.open):
            thing.close()
        self.engine.run("secret", "rm", KEY, good=None)
        self.helm.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@fixture("kube", serial=True)
def kube(ctx):
    return Cluster(ctx)


class Load:
    """Users that ask without a pause, every other one for a stream; what went wrong."""

    def __init__(self, env, port, users=8):
        script = env.models.script(Reply(pieces=("word ",) * 5, piece_delay=0.02))
        self.body = clients.Admin.end_to_end_body(script.base)
        self.rails = clients.Rails(port, env.gitlab.token())
        self.served, self.failures = 0, []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._user, args=(number % 2 == 1,)) for number in range(users)]
        for thread in self.threads:
            thread.start()

    def _user(self, stream):
        while not self._stop.is_set():
            try:
                response = self.rails.call(COMPLETIONS, dict(self.body, stream=stream), stream=stream)
                fine = response.status == 200 and response.is_complete and response.text.count("word ") == 5
                what = repr(response)
            except Exception as err:
                fine, what = False, repr(err)
            with self._lock:
                self.served += fine
                if not fine:
                    self.failures.append(what)

    def wait_served(self, count, limit=30):
        deadline, goal = time.monotonic() + limit, self.served + count
        while self.served < goal and time.monotonic() < deadline and not self.failures:
            time.sleep(0.02)

    def end(self):
        self._stop.set()
        for thread in self.threads:
            thread.join()
        return self.failures


@case("S-24 KUBE-PROBES", "kube")
def probes_are_answered(env):
    pod = env.served("probed")
    env.ctx.note(f"kube: ready {pod.ready_after:.2f} s after the container's start")
    truth(pod.ready_after < 5, "readiness within 5 s of the start, which satisfies --wait", pod.ready_after)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        equal(pod.probe(probe), 200, probe)
    found = json.loads(env.engine.run("inspect", "probed-pod-0-ai-gateway").stdout)[0]
    equal(found["Config"]["User"], "1001:0", "user")
    equal(found["HostConfig"]["ReadonlyRootfs"], True, "read-only root")
    equal(found["EffectiveCaps"] or [], [], "capabilities")
    pod.close()


@case("S-42 KUBE-ROLL", "kube")
def rolling_replacement_under_load(env):
    """Two replicas; each is replaced as maxSurge 1, maxUnavailable 0 says: a new one is ready before an old one goes.
    Kubernetes takes a pod out of the endpoints in its own time: here when its readiness is seen to be gone."""
    pods = [env.served("old-a"), env.served("old-b")]
    service = env.keep(Service())
    service.set(*[pod.address for pod in pods])
    load = Load(env, service.port)
    load.wait_served(50)
    for name in ("new-a", "new-b"):
        pods.append(env.served(name))
        leaving = pods.pop(0)
        service.set(leaving.address, *[pod.address for pod in pods])
        thread = leaving.told_to_go()
        leaving.wait_unready()
        load.wait_served(30)
        service.set(*[pod.address for pod in pods])
        thread.join()
        leaving.close()
        load.wait_served(30)
    failures = load.end()
    env.ctx.note(f"kube: {load.served} requests during a rolling replacement of two pods, {len(failures)} failed")
    equal(failures, [], "failed requests")
    truth(load.served >= 150, "requests all along", load.served)


@case("S-42 KUBE-TOKENS", "kube")
def one_replicas_token_counts_at_the_other(env):
    first, second = env.served("token-a"), env.served("token-b")
    service = env.keep(Service())
    service.set(first.address)
    rails = clients.Rails(service.port, env.gitlab.token())
    status, document = clients.LanguageServer(service.port, rails).direct_access()
    equal(status, 201, f"status of a user's token ({document})")
    service.set(second.address)
    script = env.models.script(Reply(pieces=("x = 1",)))
    body = clients.Admin.end_to_end_body(script.base)
    headers = {**document["headers"], "Authorization": "Bearer " + document["token"]}
    response = http.request(service.port, "POST", "/v2/completions", headers, body)
    equal(response.status, 200, f"status at the other replica ({response.text[:200]})")
