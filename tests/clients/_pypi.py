"""Packages from PyPI, pinned by a requirements.txt that names all of them, installed once per build directory."""
import os
import shutil
import subprocess
import sys

from harness.runner import Skip


def installed(ctx, requirements, name):
    """The folder to put on a child's PYTHONPATH; Skip where that cannot be."""
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
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
                           "--disable-pip-version-check", "--target", folder, "--requirement", requirements],
                          capture_output=True, text=True, timeout=180, check=False)
    if done.returncode != 0:
        raise Skip(f"pip install failed, no package index? {done.stderr.strip()[-300:]}")
    with open(stamp, "w", encoding="utf-8") as out:
        out.write(wanted)
    return folder
