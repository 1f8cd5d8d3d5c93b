"""Where what is installed from registries is kept: beside the build directories of this source tree, for all of them,
or in a build directory that lies elsewhere."""
import contextlib
import fcntl
import os


def folder(ctx, name):
    beside = os.path.dirname(ctx.build_dir)
    is_ours = os.path.realpath(beside) == os.path.realpath(os.path.join(ctx.source_dir, "build"))
    return os.path.join(beside if is_ours else ctx.build_dir, "test-cache", name)


@contextlib.contextmanager
def one_at_a_time(path):
    """Nobody else installs there, whether in this run or another."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
