"""The chart: the values of GitLab's install page and ours, linted, rendered and packaged by the real helm, and every object
held to the schemas of Kubernetes' API, strictly (a member that the API does not know is a failure)."""
import json
import os
import re
import shlex

from harness.runner import case, equal, fixture, truth

from ._helm import Helm

KUBERNETES = ("1.31", "1.34")  # the schemas and --kube-version
TAG = "image.tag=0.1.0"
# GitLab's own words for the values (the install page), with made-up hosts.
INSTALL_PAGE = ("gitlab.url=https://gitlab.example.com", "gitlab.apiUrl=https://gitlab.example.com/api/v4/",
                "ingress.enabled=true", "ingress.hosts[0].host=ai-gateway.example.com",
                "ingress.hosts[0].paths[0].path=/", "ingress.hosts[0].paths[0].pathType=ImplementationSpecific",
                "ingress.tls[0].secretName=ai-gateway-tls", "ingress.tls[0].hosts[0]=ai-gateway.example.com",
                "ingress.className=nginx", "image.tag=0.1.0")


@fixture("helm")
def helm(ctx):
    return Helm(ctx)


def container(objects):
    return objects["Deployment", "ai-gateway"]["spec"]["template"]["spec"]["containers"][0]


def pod(objects):
    return objects["Deployment", "ai-gateway"]["spec"]["template"]["spec"]


def environment(objects):
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container(objects)["env"]}


@case("S-19 HELM-LINT", "helm")
def lint(env):
    env.run("lint", "--strict", env.chart, "--set", TAG)
    for preset in ("small", "medium", "large"):
        env.run("lint", "--strict", env.chart, "--set", TAG, "-f", os.path.join(env.chart, f"values-{preset}.yaml"))


@case("S-20 S-21 S-22 S-25 OP-INS-03", "helm")
def install_page(env):
    for kube in KUBERNETES:
        objects = env.template(*INSTALL_PAGE, kube=kube)
        env.hold_to_schemas(objects, kube)
    variables = environment(objects)
    equal(variables["AIGW_GITLAB_URL"], "https://gitlab.example.com", "AIGW_GITLAB_URL")
    equal(variables["AIGW_GITLAB_API_URL"], "https://gitlab.example.com/api/v4/", "AIGW_GITLAB_API_URL")
    ingress = objects["Ingress", "ai-gateway"]["spec"]
    equal(ingress["ingressClassName"], "nginx", "class")
    equal(ingress["tls"], [{"secretName": "ai-gateway-tls", "hosts": ["ai-gateway.example.com"]}], "tls")
    rule = ingress["rules"][0]
    equal(rule["host"], "ai-gateway.example.com", "host")
    path = rule["http"]["paths"][0]
    equal((path["path"], path["pathType"]), ("/", "ImplementationSpecific"), "path")
    equal(path["backend"]["service"], {"name": "ai-gateway", "port": {"name": "http"}}, "backend")
    equal(container(objects)["image"], "aigw:0.1.0", "image")
    for (kind, _), item in objects.items():
        truth("namespace" not in item["metadata"], "nothing bound to a namespace", kind)
    newer = env.template(*INSTALL_PAGE, "ingress.gitlabIngressEnabled=false",
                         "duoWorkflowSigningKey.secret=x", "grpc-tls-proxy.enabled=false")
    truth(("Ingress", "ai-gateway") in newer, "an Ingress in the newer form", list(newer))
    off = env.template(*INSTALL_PAGE, "ingress.gitlabIngressEnabled=true")
    truth(("Ingress", "ai-gateway") not in off, "no second Ingress", list(off))


@case("S-23", "helm")
def image_tag(env):
    digest = "0.1.0@sha256:" + "a1" * 32
    equal(container(env.template("image.tag=" + digest))["image"], "aigw:" + digest, "image with a digest")
    objects = env.template(TAG, "image.repository=registry.example.com:5000/ai/aigw", "image.pullPolicy=Always")
    equal(container(objects)["image"], "registry.example.com:5000/ai/aigw:0.1.0", "image")
    equal(container(objects)["imagePullPolicy"], "Always", "pull policy")


@case("S-09 HELM-TAG", "helm")
def tag_must_be_a_version(env):
    path = os.path.join(env.folder, "tag.yaml")
    for value, reason in (("''", "image.tag is empty"), ("' '", "image.tag is empty"), ("null", "image.tag is empty"),
                          ("latest", "another program after the next release"), ("18.10", "17.10 is 17.1")):
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"image: {{ tag: {value} }}\n")
        text = env.run("template", "x", env.chart, "-f", path, good=False)
        truth(reason in text, reason, text)
    truth("image.tag is empty" in env.run("template", "x", env.chart, good=False), "a reason without a tag", "none")


@case("HELM-SCHEMA", "helm")
def values_are_checked(env):
    for value in ("gitlab.ulr=x", "replicaCount=-1", "service.port=70000", "gitlab.url=gitlab.example.com",
                  "ingress.hosts[0].paths[0].pathType=Some", "extraEnvironmentVariables[0].nam=A",
                  "autoscaling.maxReplica=3"):
        text = env.run("template", "x", env.chart, "--set", TAG, "--set", value, good=False)
        truth(value.split(".")[0].split("[")[0].split("=")[0] in text, f"words about {value}", text)
    text = env.run("template", "x", env.chart, "--set", TAG, "--set", "config.a=b", good=False)
    truth("names of conf.d end in .conf" in text, "words about the name", text)


EVERYTHING = r"""
image: { tag: "0.1.0" }
imagePullSecrets: [{ name: registry }]
gitlab: { url: "https://gitlab.example.com/" }
extraEnvironmentVariables:
  - { name: REQUESTS_CA_BUNDLE, value: /certs/ca.pem }
  - { name: OPENAI_API_KEY, valueFrom: { secretKeyRef: { name: keys, key: openai } } }
envFrom: [{ secretRef: { name: more } }]
config: { 90-local.conf: "server: { drain_ms = 20000; };\n" }
plugins:
  enabled: true
  volume: { emptyDir: { sizeLimit: 10Mi } }
  initContainers: [{ name: copy, image: "plugins:1", command: [cp, -r, /from/., /plugins/] }]
aigwSigningKey: { secret: signing, key: pem }
aigwValidationKey: { secret: old, key: pem }
tls: { enabled: true, secretName: gateway-tls }
ingress: { enabled: true, hosts: [{ host: a.example.com }] }
serviceAccount: { annotations: { example.com/role: gateway } }
volumes: [{ name: ca, configMap: { name: ca } }]
volumeMounts: [{ name: ca, mountPath: /certs, readOnly: true }]
podAnnotations: { a: b }
podLabels: { c: d }
resources: { requests: { cpu: "4", memory: 16Gi }, limits: { cpu: "8", memory: 32Gi } }
nodeSelector: { pool: ai }
tolerations: [{ key: ai, operator: Exists, effect: NoSchedule }]
affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: {
  topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app.kubernetes.io/name: ai-gateway } } } }] } }
topologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule,
  labelSelector: { matchLabels: { app.kubernetes.io/name: ai-gateway } } }]
priorityClassName: high
autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 9, targetMemoryUtilizationPercentage: 80,
  targetOpenRequestsPerPod: 200, targetLatencyMilliseconds: 500,
  behavior: { scaleDown: { stabilizationWindowSeconds: 600 } } }
podDisruptionBudget: { maxUnavailable: 1 }
networkPolicy: { enabled: true, from: [{ namespaceSelector: {} }], egressPorts: [443, 8000],
  egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8 } }] }] }
serviceMonitor: { enabled: true, labels: { release: prometheus } }
prometheusRule: { enabled: true }
grafanaDashboard: { enabled: true }
sharedLimits: { url: "valkey://valkey:6379/1", secret: valkey, key: pass }
extraObjects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: extra }, data: { url: "{{ .Values.gitlab.url }}" } }]
"""


@case("S-38 S-43 HELM-VALUES", "helm")
def everything_at_once(env):
    for kube in KUBERNETES:
        objects = env.template(text=EVERYTHING, kube=kube)
        env.hold_to_schemas(objects, kube)
    spec, box, variables = pod(objects), container(objects), environment(objects)
    equal(variables["AIGW_GITLAB_API_URL"], "https://gitlab.example.com/api/v4/", "API URL made of the URL")
    equal(variables["REQUESTS_CA_BUNDLE"], "/certs/ca.pem", "an extra variable")
    equal(variables["AIGW_SELF_SIGNED_JWT__SIGNING_KEY"], {"secretKeyRef": {"name": "signing", "key": "pem"}}, "key")
    equal(variables["AIGW_CONF_DIR"], "/etc/aigw/conf.d:/etc/aigw/chart.d", "folders of conf.d")
    equal(variables["AIGW_PLUGIN_DIR"], "/usr/lib/aigw:/plugins", "folders of plugins")
    equal(variables["AIGW_FASTAPI__TLS__ENABLED"], "true", "TLS")
    equal((variables["AIGW_SHARED__URL"], variables["AIGW_SHARED__REPLICAS"]), ("valkey://valkey:6379/1", "3"), "the store")
    equal(variables["AIGW_SHARED__PASSWORD"], {"secretKeyRef": {"name": "valkey", "key": "pass"}}, "its password")
    equal(box["readinessProbe"]["httpGet"], {"path": "/monitoring/ready", "port": "https", "scheme": "HTTPS"}, "probe")
    equal({item["name"] for item in spec["volumes"]}, {"config", "plugins", "tls", "ca"}, "volumes")
    equal({item["mountPath"] for item in box["volumeMounts"]}, {"/etc/aigw/chart.d", "/plugins", "/etc/aigw/tls",
                                                                "/certs"}, "mounts")
    equal(spec["initContainers"][0]["volumeMounts"], [{"name": "plugins", "mountPath": "/plugins"}], "init container")
    equal((spec["nodeSelector"], spec["priorityClassName"]), ({"pool": "ai"}, "high"), "nodes")
    truth(spec["tolerations"] and spec["affinity"] and spec["topologySpreadConstraints"], "placement", spec)
    equal(box["resources"]["limits"], {"cpu": "8", "memory": "32Gi"}, "limits")
    truth("replicas" not in objects["Deployment", "ai-gateway"]["spec"], "no replicas beside an autoscaler", "some")
    metrics = objects["HorizontalPodAutoscaler", "ai-gateway"]["spec"]["metrics"]
    equal(metrics[0]["resource"], {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}, "CPU")
    equal(objects["HorizontalPodAutoscaler", "ai-gateway"]["spec"]["behavior"]["scaleDown"],
          {"stabilizationWindowSeconds": 600, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}, "down")
    equal([item["pods"]["metric"]["name"] for item in metrics if item["type"] == "Pods"],
          ["aigw_open_requests", "aigw_overhead_p95_seconds"], "our metrics")
    equal(objects["PodDisruptionBudget", "ai-gateway"]["spec"]["maxUnavailable"], 1, "budget")
    equal(objects["ConfigMap", "extra"]["data"]["url"], "https://gitlab.example.com/", "an object of one's own")
    truth(("Secret", "ai-gateway-signing-key") not in objects, "no second key", list(objects))
    monitor = objects["ServiceMonitor", "ai-gateway"]["spec"]
    labels = objects["Service", "ai-gateway-metrics"]["metadata"]["labels"]
    truth(monitor["selector"]["matchLabels"].items() <= labels.items(), "a monitor that finds the service", labels)


@case("HELM-SAFE", "helm")
def hardened_by_default(env):
    objects = env.template(TAG)
    env.hold_to_schemas(objects)
    spec, box = pod(objects), container(objects)
    equal(spec["securityContext"]["runAsNonRoot"], True, "not root")
    truth(isinstance(spec["securityContext"]["runAsUser"], int), "a number, which the kubelet can check", spec)
    equal(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}, "seccomp")
    equal(box["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                   "capabilities": {"drop": ["ALL"]}}, "container")
    equal(spec["automountServiceAccountToken"], False, "token")
    for probe in ("startupProbe", "livenessProbe"):
        equal(box[probe]["httpGet"]["path"], "/monitoring/healthz", probe)
    equal(objects["Deployment", "ai-gateway"]["spec"]["strategy"]["rollingUpdate"],
          {"maxUnavailable": 0, "maxSurge": 1}, "strategy")
    equal(objects["PodDisruptionBudget", "ai-gateway"]["spec"]["maxUnavailable"], 1, "pods that may be away")
    key = objects["Secret", "ai-gateway-signing-key"]["data"]["signing_key"]
    truth(len(key) > 1000, "a signing key that all replicas share", key[:20])


@case("OP-REL-06 HELM-DRAIN", "helm")
def drain(env):
    """The gateway itself waits for balancers; Kubernetes is patient for longer than wait and drain take."""
    for values, wait, limit, grace in (((), "15000", "120000", 150),
                                       (("drain.waitSeconds=5", "drain.drainSeconds=30"), "5000", "30000", 50),
                                       (("drain.waitSeconds=0", "drain.drainSeconds=600",
                                         "terminationGracePeriodSeconds=605"), "0", "600000", 605)):
        objects = env.template(TAG, *values)
        env.hold_to_schemas(objects)
        variables = environment(objects)
        equal((variables["AIGW_SERVER__DRAIN_WAIT_MS"], variables["AIGW_SERVER__DRAIN_MS"]), (wait, limit), "times")
        equal(pod(objects)["terminationGracePeriodSeconds"], grace, "grace")
        truth("lifecycle" not in container(objects), "no hook: there is no sleep in the image", container(objects))
    text = env.run("template", "x", env.chart, "--set", TAG, "--set", "terminationGracePeriodSeconds=139", good=False)
    truth("terminationGracePeriodSeconds is 139" in text and "need 135 and 5 more" in text, "the reason", text)


@case("HELM-EVERY-VALUE", "helm")
def every_value_counts(env):
    """Each value of values.yaml is in the schema, and each but those that are there for GitLab's sake in a template."""
    with open(os.path.join(env.chart, "values.yaml"), encoding="utf-8") as file:
        values = env.yaml.safe_load(file)
    with open(os.path.join(env.chart, "values.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)["properties"]
    text = ""
    for name in os.listdir(os.path.join(env.chart, "templates")):
        with open(os.path.join(env.chart, "templates", name), encoding="utf-8") as file:
            text += file.read()
    equal(sorted(set(values) ^ (set(schema) - {"global"})), [], "values without a schema, or the other way round")
    for name, value in values.items():
        truth(name in text, f"{name} in a template", "none")
        known = schema[name].get("properties")
        if isinstance(value, dict) and known and schema[name].get("additionalProperties") is False:
            equal(sorted(set(value) - set(known)), [], f"members of {name} without a schema")


@case("S-44 HELM-PRESETS", "helm")
def presets(env):
    requests = []
    for preset in ("small", "medium", "large"):
        objects = env.template(TAG, files=[f"values-{preset}.yaml"])
        env.hold_to_schemas(objects)
        requests.append(container(objects)["resources"]["requests"]["cpu"])
    equal(requests, ["100m", "250m", "1"], "CPU of the presets")
    truth(("HorizontalPodAutoscaler", "ai-gateway") in objects, "large to grow by itself", list(objects))


@case("S-26 HELM-PACKAGE", "helm")
def package_and_repository(env):
    folder = os.path.join(env.folder, "repository")
    for version in ("0.1.0", "0.1.1"):
        env.run("package", env.chart, "--version", version, "-d", folder)
    env.run("repo", "index", folder)
    with open(os.path.join(folder, "index.yaml"), encoding="utf-8") as file:
        index = env.yaml.safe_load(file)
    equal([item["version"] for item in index["entries"]["ai-gateway"]], ["0.1.1", "0.1.0"], "versions in the index")
    packed = os.path.join(folder, "ai-gateway-0.1.0.tgz")
    truth(("Deployment", "ai-gateway") in env.template(TAG, chart=packed), "the package to render", "nothing")
    with open(env.ctx.path("CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(aigw VERSION ([0-9.]+)", file.read()).group(1)
    with open(os.path.join(env.chart, "Chart.yaml"), encoding="utf-8") as file:
        equal(env.yaml.safe_load(file)["appVersion"], version, "appVersion")


@case("HELM-KEDA", "helm")
def keda_example(env):
    with open(os.path.join(env.chart, "examples", "keda.yaml"), encoding="utf-8") as file:
        item = env.yaml.safe_load(file)
    equal(item["spec"]["scaleTargetRef"], {"name": "ai-gateway"}, "target")
    truth("aigw_open_requests" in item["spec"]["triggers"][0]["metadata"]["query"], "our metric", item)


@case("DOCS-helm", "helm")
def helm_of_the_pages(env):
    """The commands of docs/install.md: the package is made, and what `upgrade --install` would install is rendered."""
    with open(env.ctx.path("docs", "install.md"), encoding="utf-8") as file:
        text = re.sub(r"\\\n\s*", " ", file.read())
    found = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^    (helm .*)$", text, re.M)]
    equal([words[0] for words in found], ["package", "upgrade"], "commands")
    folder = os.path.join(env.folder, "pages")
    env.run("package", env.ctx.path(found[0][1]), "-d", folder)
    words = found[1]
    name, chart = words[2:4]
    truth(os.path.exists(os.path.join(folder, os.path.basename(chart))), f"{chart} to be what `helm package` made", os.listdir(folder))
    for flag in ("--install", "--create-namespace", "--wait", "--wait-for-jobs"):
        truth(flag in words or flag == "--install", flag, words)
    rest = [word for word in words[4:] if word not in ("--create-namespace", "--wait", "--wait-for-jobs", "--timeout", "300s")]
    out = env.run("template", name, os.path.join(folder, os.path.basename(chart)), *rest)
    objects = {(item["kind"], item["metadata"]["name"]): item for item in env.yaml.safe_load_all(out) if item}
    env.hold_to_schemas(objects)
    equal(objects["Ingress", "ai-gateway"]["spec"]["rules"][0]["host"], "ai-gateway.example.com", "host")
    equal(container(objects)["image"], "registry.example.com/aigw:0.1.0", "image")
    for line in re.findall(r"`-f (values-[a-z]+\.yaml)`", text):
        truth(os.path.exists(os.path.join(env.chart, line)), line, "none")
