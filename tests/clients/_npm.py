"""Packages from npm, pinned by a package.json and package-lock.json, installed once."""
import os
import shutil
import subprocess

from harness.runner import Skip

from . import _cache


def installed(ctx, packages, name, limit_s=120):
    """The folder with node_modules for the package files in `packages`; Skip where that cannot be."""
    folder = _cache.folder(ctx, name)
    with _cache.one_at_a_time(folder):
        return _installed(packages, folder, limit_s)


def node_version():
    """The major one; Skip where there is none."""
    if shutil.which("node") is None:
        raise Skip("node is not installed")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    return int(said.lstrip("v").split(".", maxsplit=1)[0])


def _installed(packages, folder, limit_s):
    os.makedirs(folder, exist_ok=True)
    stamp = os.path.join(folder, "installed.lock")
    with open(os.path.join(packages, "package-lock.json"), encoding="utf-8") as lock:
        wanted = lock.read()
    try:
        with open(stamp, encoding="utf-8") as old:
            if old.read() == wanted:
                return folder
    except OSError:
        pass
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Skip("node and npm are not installed")
    for file in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(packages, file), folder)
    try:
        done = subprocess.run(["nice", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                              capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as late:
        raise Skip(f"npm ci was not done within {limit_s} s") from late
    if done.returncode != 0:
        raise Skip(f"npm ci failed, no package registry? {done.stderr.strip()[-300:]}")
    with open(stamp, "w", encoding="utf-8") as out:
        out.write(wanted)
    return folder
