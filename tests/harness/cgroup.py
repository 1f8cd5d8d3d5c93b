"""A control group of one's own: limits of memory and CPU as a container or a service has them, version 1 or 2, whichever
this machine has. Needs root."""
import itertools
import os

from harness.runner import Skip

ROOT = "/sys/fs/cgroup"
_numbers = itertools.count()


def _own(controller):
    """This process's group in the tree of a controller, "" for version 2's."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        for line in file:
            _, names, path = line.rstrip("\n").split(":", 2)
            if controller in names.split(","):
                return path.rstrip("/")
    return None


class Cgroup:
    """memory: bytes; cpus: quota. enter() is for preexec_fn. Skip, with the reason, where none can be made."""

    def __init__(self, memory=None, cpus=None):
        self.folders = []
        name = f"aigw-test-{os.getpid()}-{next(_numbers)}"
        try:
            if os.path.exists(os.path.join(ROOT, "cgroup.controllers")):
                self.version = 2
                self._version_2(name, memory, cpus)
            else:
                self.version = 1
                self._version_1(name, memory, cpus)
        except OSError as err:
            self.close()
            raise Skip(f"no control group can be made here: {err}") from err

    def _make(self, *parts):
        path = os.path.join(ROOT, *parts)
        os.mkdir(path)
        self.folders.append(path)
        return path

    @staticmethod
    def _write(path, name, value):
        with open(os.path.join(path, name), "w", encoding="ascii") as out:
            out.write(str(value))

    def _version_2(self, name, memory, cpus):
        """Below the root, whose own processes are no hindrance; a folder elsewhere may not have them and children."""
        wanted = [word for word, value in (("memory", memory), ("cpu", cpus)) if value]
        self._write(ROOT, "cgroup.subtree_control", " ".join("+" + word for word in wanted))
        path = self._make(name)
        if memory:
            self._write(path, "memory.max", memory)
        if cpus:
            self._write(path, "cpu.max", f"{int(cpus * 100000)} 100000")

    def _version_1(self, name, memory, cpus):
        if memory:
            self._write(self._make("memory", (_own("memory") or "").lstrip("/"), name), "memory.limit_in_bytes", memory)
        if cpus:
            path = self._make("cpu", (_own("cpu") or "").lstrip("/"), name)
            self._write(path, "cpu.cfs_period_us", 100000)
            self._write(path, "cpu.cfs_quota_us", int(cpus * 100000))

    def enter(self):
        for path in self.folders:
            self._write(path, "cgroup.procs", os.getpid())

    def add(self, pid):
        for path in self.folders:
            self._write(path, "cgroup.procs", pid)

    def peak(self):
        """Most memory that was in use, bytes; None where the kernel does not say."""
        for path in self.folders:
            for name in ("memory.peak", "memory.max_usage_in_bytes"):
                try:
                    with open(os.path.join(path, name), encoding="ascii") as file:
                        return int(file.read())
                except OSError:
                    continue
        return None

    def close(self):
        """When nothing runs in it any more."""
        for path in reversed(self.folders):
            try:
                os.rmdir(path)
            except OSError:
                pass
        self.folders = []
