"""Tools that others made: found on this machine, or installed once below the work folder; Skip where neither can be."""
import importlib
import os
import shutil
import subprocess
import sys

from harness.runner import Skip

HELM = "helm.sh/helm/v3/cmd/helm@v3.19.0"


def helm(ctx):
    """The path of the real helm: what PATH has, else built by Go from its module."""
    found = shutil.which("helm")
    if found:
        return found
    path = os.path.join(ctx.tools_dir, "helm")
    if os.access(path, os.X_OK):
        return path
    if not shutil.which("go"):
        raise Skip("there is no helm and no go to build it with")
    os.makedirs(ctx.tools_dir, exist_ok=True)
    done = subprocess.run(["nice", "go", "install", HELM], env={**os.environ, "GOBIN": ctx.tools_dir},
                          capture_output=True, text=True, timeout=580, check=False)
    if done.returncode != 0:
        raise Skip(f"helm could not be built by go: {done.stderr.strip()[-300:]}")
    return path


def python_packages(ctx):
    """Make what packages.txt pins importable."""
    pins = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packages.txt")
    folder = os.path.join(ctx.tools_dir, f"python{sys.version_info.major}.{sys.version_info.minor}")
    stamp = os.path.join(folder, "installed.txt")
    with open(pins, encoding="utf-8") as file:
        wanted = file.read()
    if not os.path.exists(stamp) or open(stamp, encoding="utf-8").read() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
                               "--disable-pip-version-check", "--target", folder, "--requirement", pins],
                              capture_output=True, text=True, timeout=180, check=False)
        if done.returncode != 0:
            raise Skip(f"pip install failed, no package index? {done.stderr.strip()[-300:]}")
        with open(stamp, "w", encoding="utf-8") as out:
            out.write(wanted)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("yaml"), importlib.import_module("kubernetes_validate")


def debian(name, package):
    found = shutil.which(name)
    if not found:
        raise Skip(f"{name} is missing (Debian: {package})")
    return found
