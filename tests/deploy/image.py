"""The image, run as GitLab's install page says (gitlab-client.md §5) and as careful operators do."""
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from fakes import clients, pki
from fakes import gitlab as gl
from fakes.gitlab_requests import Model
from fakes.models import FakeModels, Reply
from harness import http
from harness.runner import Skip, case, equal, fixture, truth

from ._containers import LIMITS, Container, Engine, free_port

MAX_COMPRESSED = 12_000_000
PROGRAM, HELPER = "usr/bin/aigw", "usr/libexec/aigw/docs-index"
COMPLETIONS = "/v2/code/completions"


class Files:
    """What is in an image, unpacked."""

    def __init__(self, engine, image):
        self.archive = engine.export(image)
        self.root = tempfile.mkdtemp(prefix="aigw-image-")
        with tarfile.open(self.archive) as tar:
            self.members = {member.name.lstrip("./"): member for member in tar.getmembers()}
        subprocess.run(["tar", "-x", "--no-same-owner", "-f", self.archive, "-C", self.root], check=True)

    def compressed(self):
        with open(self.archive, "rb") as tar:
            return len(gzip.compress(tar.read(), 6))

    def elf(self):
        """Paths of programs and libraries."""
        for name, member in self.members.items():
            if member.isfile():
                with open(os.path.join(self.root, name), "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield name

    def close(self):
        os.unlink(self.archive)
        shutil.rmtree(self.root, ignore_errors=True)


class Env:
    """One engine; fakes on the address by which containers see this machine; everything made is removed."""

    def __init__(self, ctx):
        if not ctx.engine:
            raise Skip("no container engine: see scripts/image --test")
        self.ctx = ctx
        self.engine = Engine(ctx)
        self.open = []
        self.files = self.keep(Files(self.engine, ctx.image))
        # The first container brings up the network and stays, so that the address stays.
        self.first = self.container({"AIGW_GITLAB_URL": "https://gitlab.example.com"})
        self.address = self.engine.bridge_address(self.first.name)
        self.models = self.keep(FakeModels(host=self.address))

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def container(self, env=None, args=(), **kwargs):
        return self.keep(Container(self.engine, env, args, **kwargs))

    def gitlab(self, tls=None):
        return self.keep(gl.FakeGitLab(host=self.address, tls=tls))

    def served(self, args=(), gitlab=None, **env):
        """A container with the two variables of the install page."""
        gitlab = gitlab or self.gitlab()
        container = self.container({"AIGW_GITLAB_URL": gitlab.url, "AIGW_GITLAB_API_URL": gitlab.url + "/api/v4/",
                                    **env}, args)
        return gitlab, container

    def model(self, *replies):
        script = self.models.script(*(replies or (Reply(pieces=("def hello_world\n", "  puts 1\nend")),)))
        return script, Model(script.base, "sk-model", "codestral", "custom_openai/codestral")

    def close(self):
        for thing in reversed(self.open):
            thing.close()


@fixture("image", serial=True)
def image(ctx):
    return Env(ctx)


def probes_pass(env, gitlab, container):
    """GitLab's health check, every probe, the rake task's step and "Test connection"."""
    admin = clients.Admin(container.port, gitlab.token(), tls=container.tls)
    _, model = env.model()
    for verdict in admin.health_check(model):
        truth(verdict["success"], f"{verdict['name']} to pass", verdict["message"])
    script, _ = env.model(Reply(pieces=("ok",)))
    verdict = admin.model_check({"name": "mistral", "endpoint": script.base, "api_key": "sk", "provider": "openai",
                                 "identifier": "custom_openai/x"})
    truth(verdict["success"], "Test connection to pass", verdict["message"])


def complete(env, container, token=None):
    script, _ = env.model()
    body = clients.Admin.end_to_end_body(script.base)
    if token:
        return clients.Rails(container.port, token, tls=container.tls).call(COMPLETIONS, body)
    return container.request("POST", COMPLETIONS, (), body)


# ---- what is in it ----

@case("S-04 IMG-SIZE", "image")
def small(env):
    size, raw = env.files.compressed(), os.path.getsize(env.files.archive)
    env.ctx.note(f"image: {size / 1e6:.1f} MB compressed (gzip -6), {raw / 1e6:.1f} MB unpacked; limit "
                 f"{MAX_COMPRESSED / 1e6:.0f} MB, the original about 340 MB")
    truth(size <= MAX_COMPRESSED, f"at most {MAX_COMPRESSED} bytes compressed", size)


@case("S-03 IMG-FILES", "image")
def nothing_but_the_gateway(env):
    programs = [name for name, member in env.files.members.items()
                if member.isfile() and member.mode & 0o111 and "/lib/" not in "/" + name]
    equal(sorted(programs), [PROGRAM, HELPER], "programs")
    equal([name for name in env.files.members if name.startswith("etc/aigw/") and not name.startswith("etc/aigw/conf.d")],
          [], "files of the Debian package")
    for name, member in env.files.members.items():
        if name.split("/")[0] in ("dev", "proc", "sys", "run") or name in ("etc/hosts", "etc/hostname",
                                                                           "etc/resolv.conf"):
            continue  # the engine's own
        truth(not member.mode & 0o6000, "no setuid or setgid file", name)
        truth(member.issym() or not member.mode & 0o022, "nothing that others may write", f"{name} {member.mode:o}")
        equal((member.uid, member.gid), (0, 0), f"owner of {name}")


@case("OP-INS-02 IMG-LIBRARIES", "image")
def every_library_is_in_it_and_none_more(env):
    needed = {"libgcc_s.so.1"}
    for name in env.files.elf():
        out = subprocess.run(["readelf", "-d", os.path.join(env.files.root, name)], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        libraries = set(re.findall(r"\(NEEDED\).*\[(.*)\]", out))
        if name == PROGRAM:  # core/base/number.h, core/docs/docs.h
            equal([item for item in libraries if item.startswith(("libm.", "libsqlite3."))], [],
                  "libraries that would be half a megabyte of every gateway")
        needed |= libraries
    there = {os.path.basename(name) for name in env.files.elf() if ".so" in name and "/aigw/" not in name}
    equal(sorted(needed - there), [], "libraries that are needed and missing")
    equal(sorted(item for item in there - needed if not item.startswith("ld-linux")), [], "libraries nobody needs")
    for path in ("etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Europe/Berlin", "usr/share/zoneinfo/UTC"):
        truth(os.path.getsize(os.path.join(env.files.root, path)) > 0, path, "an empty file")


@case("IMG-CONFIG", "image")
def what_the_engine_is_told(env):
    found = env.engine.inspect(env.ctx.image)
    config = found["Config"]
    equal(config["User"], "1001:0", "user")
    equal(config["Entrypoint"], ["/usr/bin/aigw"], "entry point")
    equal(config["Cmd"], ["serve"], "command")
    equal(set(config["ExposedPorts"]), {"5052/tcp", "8082/tcp"}, "ports")
    check = config.get("Healthcheck") or found.get("Healthcheck") or found.get("HealthCheck") or {}
    equal(check.get("Test"), ["CMD", "/usr/bin/aigw", "health"], "health check")
    for label in ("title", "version", "revision", "created", "licenses"):
        truth(config["Labels"].get("org.opencontainers.image." + label), f"label {label}", config["Labels"])


@case("P-22 IMG-SBOM", "image")
def bill_of_materials(env):
    with open(os.path.join(env.files.root, "usr/share/doc/aigw/sbom.spdx.json"), encoding="utf-8") as file:
        bill = json.load(file)
    equal(bill["spdxVersion"], "SPDX-2.3", "version")
    packages = {item["name"]: item for item in bill["packages"]}
    records = set(os.listdir(os.path.join(env.files.root, "var/lib/dpkg/status.d")))
    equal(set(packages) - {"aigw"}, records, "packages of both bills")
    for name in ("libc6", "libgnutls30", "libcurl3-gnutls", "ca-certificates", "tzdata", "libgcc-s1"):
        truth(name in packages, f"{name} in the bill", sorted(packages))
    for name, item in packages.items():
        truth(re.match(r"^[0-9]", item["versionInfo"]), f"a version of {name}", item["versionInfo"])
        truth(item["externalRefs"][0]["referenceLocator"].startswith("pkg:"), f"a purl of {name}", item)
        truth(os.path.getsize(os.path.join(env.files.root, f"usr/share/doc/{name}/copyright")) > 0,
              f"copyright of {name}", "nothing")
    ids = [item["SPDXID"] for item in bill["packages"]]
    equal(len(ids), len(set(ids)), "distinct ids")
    for relation in bill["relationships"]:
        truth(relation["relatedSpdxElement"] in ids, "relations between what is there", relation)


# ---- the install page's commands ----

@case("S-01 S-10 S-11 S-29 S-30 S-32", "image")
def two_variables_serve_a_gitlab(env):
    gitlab, container = env.served()
    env.ctx.note(f"container: healthy {container.after_s * 1000:.0f} ms after `run` returned")
    probes_pass(env, gitlab, container)
    equal(json.loads(container.request("GET", "/").text)["error"], "No authorization header presented", "GET /")


@case("S-12", "image")
def docs_in_a_browser(env):
    response = env.first.request("GET", "/docs")
    equal(response.status, 200, "status")
    truth("text/html" in response.header("content-type"), "a page", response.header("content-type"))
    equal(env.first.request("GET", "/openapi.json").status, 200, "status of /openapi.json")


@case("S-17 S-18", "image")
def bypass_variable(env):
    gitlab, container = env.served()
    equal(complete(env, container).status, 401, "status without a token")
    _, container = env.served(gitlab=gitlab, AIGW_AUTH__BYPASS_EXTERNAL="true")
    equal(complete(env, container).status, 200, "status with the bypass")
    truth("Auth is disabled" in container.logs(), "a loud line", container.logs()[-600:])


@case("S-14 S-15 S-16", "image")
def private_authority(env):
    ca = pki.CA(tempfile.mkdtemp(prefix="aigw-ca-"))
    os.chmod(ca.folder, 0o755)
    gitlab = env.gitlab(tls=ca.server_context(names=(env.address,)))
    models = env.keep(FakeModels(tls=ca.server_context(names=(env.address,)), host=env.address))
    mount = ("-v", f"{ca.file}:/certs/bundle.pem:ro")
    body = clients.Admin.end_to_end_body(models.script(Reply(pieces=("1",))).base)
    _, container = env.served(mount, gitlab)
    refused = clients.Rails(container.port, gitlab.token()).call(COMPLETIONS, body)
    equal(refused.status, 503, "status without the variable")
    truth("certificate" in refused.text, "the reason", refused.text)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        _, container = env.served(mount, gitlab, **{variable: "/certs/bundle.pem"})
        answer = clients.Rails(container.port, gitlab.token()).call(COMPLETIONS, body)
        equal(answer.status, 200, f"status with {variable} ({answer.text[:200]})")
    shutil.rmtree(ca.folder)


@case("S-27 S-28", "image")
def stop_remove_run_again(env):
    gitlab = env.gitlab()
    settings = {"AIGW_GITLAB_URL": gitlab.url, "AIGW_GITLAB_API_URL": gitlab.url + "/api/v4/"}
    for _ in range(2):
        container = env.container(settings, name="gitlab-aigw")
        probes_pass(env, gitlab, container)
        started = time.monotonic()
        equal(container.stop(), 0, "exit code after stop")
        truth(time.monotonic() - started < 10, "an end within 10 s", time.monotonic() - started)
        env.engine.run("rm", "gitlab-aigw")


# ---- careful operators ----

@case("P-17 OP-INS-01", "image")
def any_user_read_only_root(env):
    hard = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    for user in ("100000:0", "100000:100000", "1001:0"):
        gitlab, container = env.served((*hard, "--user", user))
        truth(container.after_s < 1, "healthy within 1 s", container.after_s)
        probes_pass(env, gitlab, container)
        container.close()


@case("IMG-HEALTH", "image")
def health_command(env):
    ca = pki.CA(tempfile.mkdtemp(prefix="aigw-ca-"))
    cert, key = ca.issue()
    os.chmod(ca.folder, 0o755)
    os.chmod(key, 0o644)
    tls = {"AIGW_FASTAPI__TLS__ENABLED": "true", "AIGW_FASTAPI__TLS__CERT_FILE": "/tls/cert.pem",
           "AIGW_FASTAPI__TLS__KEY_FILE": "/tls/key.pem"}
    mounts = ("-v", f"{cert}:/tls/cert.pem:ro", "-v", f"{key}:/tls/key.pem:ro")
    gitlab = env.gitlab()
    for settings, args, context in (({}, (), None), (tls, mounts, ca.client_context()),
                                    ({"AIGW_FASTAPI__API_HOST": "::"}, (), None)):
        container = env.container({"AIGW_GITLAB_URL": gitlab.url, **settings}, args, tls=context)
        truth("ok" in container.exec("/usr/bin/aigw", "health").stdout, "ok", "other words")
        container.exec("aigw", "health", "--ready")
        container.close()
    wrong = env.first.engine.run("exec", "-e", "AIGW_FASTAPI__API_PORT=5053", env.first.name, "aigw", "health",
                                 good=False)
    truth("127.0.0.1:5053" in wrong.stderr + wrong.stdout, "what did not answer", wrong.stderr)
    shutil.rmtree(ca.folder)


def load(env, gitlab, container, streams):
    """That many streams at a time, each of ten pieces; how many were whole."""
    script, _ = env.model(Reply(pieces=("x" * 20,) * 10, piece_delay=0.05))
    body = dict(clients.Admin.end_to_end_body(script.base), stream=True)
    token = gitlab.token()

    def one(_):
        response = clients.Rails(container.port, token).call(COMPLETIONS, body, stream=True)
        return response.status == 200 and response.is_complete and response.text.count("x") == 200
    with ThreadPoolExecutor(streams) as pool:
        return sum(pool.map(one, range(streams)))


@case("S-05 S-40", "image")
def little_memory(env):
    for limit, streams in (("512m", 160), ("64m", 40)):
        gitlab, container = env.served(("-m", limit))
        probes_pass(env, gitlab, container)
        equal(load(env, gitlab, container, streams), streams, f"whole streams with -m {limit}")
        metrics = container.exec("aigw", "health").returncode
        equal(metrics, 0, "health after the load")
        truth(not container.state().get("OOMKilled"), "no end for want of memory", "one")
        container.close()


@case("IMG-LIMITS", "image")
def limits_of_the_container(env):
    """`-m` and `--cpus` are read at the start: as many workers as CPUs, defaults that fit, and doctor knows both."""
    _, container = env.served(("-m", "64m", "--cpus", "0.5"))
    line = next(json.loads(text) for text in container.logs().splitlines() if '"listening"' in text)
    equal(line["workers"], 1, "workers on half a CPU")
    said = container.exec("aigw", "check").stdout
    truth("limits.connections_max: is 1535 instead of 20000: this process may use 64 MiB" in said, "a default that fits", said)
    report = json.loads(container.exec("aigw", "doctor", "--json", good=None).stdout)
    found = {item["check"]: item for item in report["checks"]}
    equal((found["memory"]["result"], found["memory"]["found"]), ("ok", "the limit is 64 MiB"), "memory, by doctor")
    equal((found["cpu"]["result"], found["cpu"]["found"]), ("ok", "1 workers"), "CPU, by doctor")
    container.close()
    _, container = env.served()
    line = next(json.loads(text) for text in container.logs().splitlines() if '"listening"' in text)
    equal(line["workers"], len(os.sched_getaffinity(0)), "workers without a limit")
    container.close()


@case("S-34 IMG-OFFLINE", "image")
def starts_without_a_network(env):
    name = f"aigw-offline-{os.getpid()}"
    try:
        env.engine.run("run", "-d", "--name", name, "--network", "none", *LIMITS, "-e",
                       "AIGW_GITLAB_URL=https://gitlab.example.com", env.ctx.image)
        deadline = time.monotonic() + 5
        while env.engine.run("exec", name, "aigw", "health", good=None).returncode != 0:
            truth(time.monotonic() < deadline, "health within 5 s", env.engine.run("logs", name).stderr[-600:])
    finally:
        env.engine.run("rm", "-f", name, good=None)


@case("P-16 IMG-ARM64", "image")
def arm64(env):
    name = env.ctx.image.replace("localhost/aigw", "localhost/aigw-arm64")
    equal(env.engine.inspect(name)["Architecture"], "arm64", "architecture")
    files = env.keep(Files(env.engine, name))
    truth(files.compressed() <= MAX_COMPRESSED, f"at most {MAX_COMPRESSED} bytes compressed", files.compressed())
    if not shutil.which("qemu-aarch64"):
        raise Skip("qemu-aarch64 (Debian: qemu-user) is missing to run it with")
    for command, expected in (("version", "serves GitLab"), ("check", "0 errors")):
        done = subprocess.run(["qemu-aarch64", "-L", files.root, os.path.join(files.root, PROGRAM), command],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                              env={"AIGW_CONF_DIR": os.path.join(files.root, "etc/aigw/conf.d"),
                                   "AIGW_PLUGIN_DIR": os.path.join(files.root, "usr/lib/aigw")})
        truth(expected in done.stdout, f"{expected} from `{command}`", done.stdout[-600:])


@case("IMG-SDK", "image")
def plugins_are_built_in_the_sdk_image(env):
    script = ("set -e; aigw-plugin new provider mine /tmp/p; cmake -S /tmp/p -B /tmp/b -G Ninja >/dev/null;"
              " cmake --build /tmp/b; ctest --test-dir /tmp/b --output-on-failure")
    done = env.engine.run("run", "--rm", *LIMITS, "localhost/aigw-sdk", "sh", "-c", script,
                          timeout=300)
    truth("100% tests passed" in done.stdout, "the template's tests to pass", done.stdout[-800:])


# ---- the documentation ----

def docker_commands(text):
    """Commands of docker on a page, indented ones and spans; those that belong together as one list of commands."""
    text = re.sub(r"\\\n\s*", " ", text)
    found = re.findall(r"^    (docker [^#\n]*)", text, re.M) + re.findall(r"`(docker (?:run|exec|stop|inspect) [^`]*)`", text)
    for line in found:
        yield [shlex.split(part)[1:] for part in line.split("&&")]


class Documented:
    """A page's `docker` with this engine and image. What the page leaves out ("…") is what its first command has."""

    name = "gitlab-aigw"

    def __init__(self, env, gitlab):
        self.env, self.port = env, free_port()
        self.values = {"5052:5052": f"127.0.0.1:{self.port}:5052", "https://gitlab.example.com": gitlab.url}

    def _run(self, words):
        """`run`, in the background unless it is for one command, with what the page leaves out."""
        is_once, has_rest = "--rm" in words, "…" in words
        words = [word for word in words if word != "…" and not (is_once and word == "-v")]
        more = [] if is_once else [option for option in ("-d",) if option not in words]
        more += [] if is_once or "--name" in words else ["--name", self.name]
        if has_rest and not is_once:
            more += ["-p", "5052:5052", "-e", "AIGW_GITLAB_URL=https://gitlab.example.com"]
        if not any(re.match(r"aigw(:|$)", word) for word in words):
            words.append("aigw:0.1.0")
        words = [words[0], *LIMITS, *more, *(re.sub(r"^aigw(:\S+)?$", self.env.ctx.image, word) for word in words[1:])]
        for old, new in self.values.items():
            words = [word.replace(old, new) for word in words]
        self.env.engine.run(*words, timeout=180)
        if not is_once:
            self._served()

    def _served(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                equal(http.request(self.port, "GET", "/monitoring/healthz").status, 200, "health")
                return
            except (OSError, http.HttpError):
                truth(time.monotonic() < deadline, "health within 30 s",
                      self.env.engine.run("logs", self.name, good=None).stderr[-600:])
                time.sleep(0.05)

    def run(self, group):
        self.gone()
        if group[0][0] != "run":
            self._run(["run", "…"])
        for words in group:
            if words[0] == "run":
                self._run(words)
            elif words[0] == "cp":
                with tempfile.TemporaryDirectory(prefix="aigw-cp-") as folder:
                    self.env.engine.run(*words[:-1], folder)
                    equal(os.listdir(folder), [os.path.basename(words[1])], f"what `docker {' '.join(words)}` brings")
            else:
                self.env.engine.run(*words, *([] if self.name in words else [self.name]))

    def gone(self):
        self.env.engine.run("rm", "-f", self.name, good=None)


@case("DOCS-docker", "image")
def docker_of_the_pages(env):
    """docs/install.md and README.md: each `docker run` serves, each `exec`, `inspect` and `stop` works on what runs then."""
    gitlab, ran = env.gitlab(), []
    place = Documented(env, gitlab)
    try:
        for name in ("README.md", os.path.join("docs", "install.md")):
            with open(env.ctx.path(name), encoding="utf-8") as file:
                groups = list(docker_commands(file.read()))
            for group in groups:
                if group[0][0] == "build" or group[0][-1] in ("sh", "env"):
                    continue  # the suite's first step; what the original has and this has not
                place.run(group)
                ran += [words[0] for words in group]
    finally:
        place.gone()
    for word, least in (("run", 5), ("exec", 1), ("inspect", 1), ("stop", 2), ("rm", 1), ("cp", 1)):
        truth(ran.count(word) >= least, f"`docker {word}` {least} times at least", ran)
