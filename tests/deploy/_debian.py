"""A small Debian of its own in a folder, with the package to install in it."""
import glob
import os
import shutil
import subprocess
import tempfile

from harness.runner import Failure, Skip

# /proc is mounted in a name space that goes with the command.
INSIDE = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
SHIPPED, OURS, ENV = "/usr/share/aigw/conf.d/10-server.conf", "/etc/aigw/conf.d/90-local.conf", "/etc/aigw/env"


class Debian:
    """deb: the package; newer: the same as a later version, with a line more in a shipped file."""

    def __init__(self, ctx):
        base = os.path.join(os.path.dirname(ctx.work_dir), "debian12.tar")
        found = sorted(glob.glob(os.path.join(os.path.dirname(ctx.work_dir), "package", "aigw_*.deb")))
        if os.getuid() != 0 or not os.path.exists(base) or not found:
            raise Skip("needs root, a Debian to install in and the package: see scripts/deploy")
        self.ctx = ctx
        self.root = tempfile.mkdtemp(prefix="aigw-debian-")
        os.chmod(self.root, 0o755)
        subprocess.run(["tar", "-x", "-f", base, "-C", self.root], check=True)
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            if os.path.exists(name):
                shutil.copy(name, self.root + name)
        self.deb = "/srv/" + os.path.basename(found[-1])
        shutil.copy(found[-1], self.root + self.deb)
        self.newer = self._newer(found[-1])
        self.run("apt-get", "update", "-qq")

    def _newer(self, deb):
        tree = os.path.join(self.root, "tmp", "newer")
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        control = os.path.join(tree, "DEBIAN", "control")
        with open(control, encoding="utf-8") as file:
            text = file.read()
        with open(control, "w", encoding="utf-8") as out:
            out.write("".join(line if not line.startswith("Version:") else line.rstrip() + "+newer\n"
                              for line in text.splitlines(True)))
        with open(tree + SHIPPED, "a", encoding="utf-8") as out:
            out.write("// newer\n")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, self.root + "/srv/newer.deb"], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)
        return "/srv/newer.deb"  # a boot empties /tmp

    def command(self, *args):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, self.root, "/usr/bin/env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive", "LANG=C.UTF-8",
                *args]

    def run(self, *args, good=True):
        """Standard input is closed: a question of dpkg's would be an error."""
        done = subprocess.run(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=240, check=False)
        if good is not None and (done.returncode == 0) != good:
            raise Failure(f"`{' '.join(args)}` to {'work' if good else 'fail'}", done.stdout[-1500:])
        return done.stdout

    def install(self, deb):
        return self.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", deb)

    def there(self, path):
        return os.path.exists(self.root + path)

    def read(self, path):
        with open(self.root + path, encoding="utf-8") as file:
            return file.read()

    def append(self, path, text):
        with open(self.root + path, "a", encoding="utf-8") as out:
            out.write(text)

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)
