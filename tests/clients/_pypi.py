"""Packages from PyPI, pinned by files that name all of them, installed once per build directory."""
import os
import shutil
import subprocess
import sys
import threading

from harness.runner import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
_one_at_a_time = threading.Lock()


def installed(ctx, name):
    """The folder with what python_packages/<name>.txt pins, for a child's PYTHONPATH; Skip where that cannot be."""
    with _one_at_a_time:
        return _installed(ctx, os.path.join(HERE, "python_packages", name + ".txt"), "python-" + name)


def _installed(ctx, requirements, name):
    folder = os.path.join(ctx.build_dir, "test-cache", name)
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
    done = subprocess.run(["nice", sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
                           "--no-compile", "--disable-pip-version-check", "--target", folder, "--requirement", requirements],
                          capture_output=True, text=True, timeout=180, check=False)
    if done.returncode != 0:
        raise Skip(f"pip install failed, no package index? {done.stderr.strip()[-300:]}")
    with open(stamp, "w", encoding="utf-8") as out:
        out.write(wanted)
    return folder
