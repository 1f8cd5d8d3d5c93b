#!/usr/bin/env python3
"""guide_test.py <build folder> <docs/plugin-authors.md> <work folder> <generator> - do what the guide says, step by step, as somebody
who has nothing but an installed SDK and gateway, with a clock: from nothing to a provider and a feature that answer, in less
than the fifteen minutes it promises. Ports are free ones instead of the guide's."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

PROMISE_S = 15 * 60

# What must have come of the steps of a section: texts in their output.
EXPECTED = {
    "2": ["a provider named shout", "100% tests passed, 0 tests failed out of 2", "framing   NDJSON", '"content":"hello,world"',
          "shout.case: ok"],
    "3": ["a feature named greet", "100% tests passed, 0 tests failed out of 2", "Hello from the mock model"],
    "4": ["Hello from the mock model", "feature greet 0.1.0", "## provider `shout` 0.1.0",
          "`base_url`"],
}


def free_ports():
    """Two, not the same."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1]), str(two.getsockname()[1])


def sections(text):
    """Number of a section -> its indented blocks."""
    for match in re.finditer(r"^## (\d+)\. .*?$(.*?)(?=^## |\Z)", text, re.S | re.M):
        blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", match.group(2), re.M)
        yield match.group(1), ["\n".join(line[4:] for line in block.strip("\n").split("\n")) for block in blocks]


class Shell:
    """A terminal: what one step sets, the next one has."""

    def __init__(self, home, environment):
        self.home, self.log, self.script = home, "", ""
        self.environment = environment

    def run(self, block):
        """Run a block behind all that came before it; only its own commands are run, folder and variables are kept."""
        state = self.home / "state"
        load = f". {state}\n" if state.exists() else ""
        save = f"\n{{ export -p; declare -p home dirs 2>/dev/null || true; echo cd \"'$PWD'\"; }} >{state}\n"
        done = subprocess.run(["bash", "-ec", load + block + save], cwd=self.home, env=self.environment, text=True,
                              capture_output=True, timeout=PROMISE_S, check=False)
        self.log += done.stdout
        if done.returncode != 0:
            sys.exit(f"the guide says:\n{block}\nand that failed:\n{done.stdout}{done.stderr}")

    def start(self, line):
        """Run the last line of a block for as long as the test takes; answers when the gateway listens."""
        line = line.replace("$home/bin/aigw serve", "exec $home/bin/aigw serve")
        process = subprocess.Popen(["bash", "-ec", f". {self.home / 'state'}\n{line}"], cwd=self.home, text=True,
                                   env=self.environment, stderr=subprocess.PIPE)
        said = ""
        for entry in process.stderr:
            said += entry
            if '"message":"listening"' in entry:
                return process
        process.wait()
        sys.exit(f"the gateway did not come up:\n{said}")


def step(shell, block):
    """One block of the guide. Answers the process that it leaves running."""
    if block.startswith("providers:"):  # not a command: a file, as the text above it says
        shell.run(f"mkdir -p {shell.home}/try && cat >{shell.home}/try/90-try.conf <<'END'\n{block}\nEND")
        return None
    *lines, last = block.split("\n")
    if " serve " not in last:
        shell.run(block)
        return None
    shell.run("\n".join(lines))
    return shell.start(last)


def follow(shell, number, blocks):
    """All steps of a section, with the clock."""
    running, before = [], len(shell.log)
    try:
        for block in blocks:
            begin = time.monotonic()
            process = step(shell, block)
            running += [process] if process else []
            first = block.split("\n")[0]
            print(f"§{number} {time.monotonic() - begin:5.1f} s  {first}")
        if number == "4":
            shell.run("$home/bin/aigw plugins --plugin-dir greet/build/lib/aigw")
            shell.run("$home/bin/aigw config --plugin-dir shout/build/lib/aigw")
    finally:
        for process in running:
            process.terminate()
            process.communicate()
    for text in EXPECTED[number]:
        if text not in shell.log[before:]:
            sys.exit(f"§{number}: expected \"{text}\", found:\n{shell.log[before:]}")


def main():
    build, guide, work, generator = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]
    if not shutil.which("curl"):
        print("curl is not installed: the guide was not tried")
        sys.exit(77)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    begin = time.monotonic()
    for component in ("sdk", "runtime"):
        subprocess.run(["cmake", "--install", build, "--prefix", work / "aigw-sdk", "--component", component], check=True,
                       stdout=subprocess.DEVNULL)
    pc = next((work / "aigw-sdk").rglob("aigw.pc"))
    first, second = free_ports()
    text = guide.read_text(encoding="utf-8").replace("15052", first).replace("15053", second)
    text = text.replace("$home/lib/aigw", str(pc.parent.parent / "aigw"))
    keep = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    shell = Shell(work, {**keep, "HOME": str(work), "CMAKE_GENERATOR": generator, "PKG_CONFIG_PATH": str(pc.parent)})
    found = dict(sections(text))
    for number in EXPECTED:
        follow(shell, number, found[number])
    took = time.monotonic() - begin
    print(f"{took:.0f} s in all, promised: {PROMISE_S}")
    if took > PROMISE_S:
        sys.exit("the guide promises less")


main()
