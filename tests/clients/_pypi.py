"""Packages from PyPI, pinned by files that name all of them, installed once."""
import os
import shutil
import subprocess
import sys

from harness.runner import Skip

from . import _cache

HERE = os.path.dirname(os.path.abspath(__file__))


def installed(ctx, name, limit_s=180):
    """The folder with what python_packages/<name>.txt pins, for a child's PYTHONPATH; Skip where that cannot be."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _cache.folder(ctx, f"python{version}-{name}")
    with _cache.one_at_a_time(folder):
        return _installed(os.path.join(HERE, "python_packages", name + ".txt"), folder, limit_s)


def _installed(requirements, folder, limit_s):
    stamp = os.path.join(folder, "installed.txt")
    with open(requirements, encoding="utf-8") as pins:
        wanted = pins.read()
    try:
        with open(stamp, encoding="utf-8") as old:
            if old.read() == wanted:
                return folder
    except OSError:
        pass
    shutil.rmtree(folder, ignore_errors=True)
    command = ["nice", sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
               "--no-compile", "--disable-pip-version-check", "--target", folder, "--requirement", requirements]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as late:
        raise Skip(f"pip install was not done within {limit_s} s") from late
    if done.returncode != 0:
        raise Skip(f"pip install failed, no package index? {done.stderr.strip()[-300:]}")
    with open(stamp, "w", encoding="utf-8") as out:
        out.write(wanted)
    return folder
