"""How much one gateway bears on 2 CPUs and 512 MB of memory. Started by bench/sizing, which builds the tools; method and
numbers: docs/sizing.md, which --write makes."""
import argparse
import concurrent.futures
import datetime
import json
import os
import resource
import shutil
import sys

import measure
import routes
import sizing_page

sys.path.insert(0, os.path.join(measure.SOURCE, "tests"))
from harness.cgroup import Cgroup  # noqa: E402
from harness.runner import Skip  # noqa: E402

PER_SECOND = 7 / 1000                       # requests of one user, by GitLab's page
PRESETS = (("small", 50), ("medium", 200), ("large", 1000))
HURRY = 20                                  # times the pace of the presets, so that there is something to count
MIX = {"completions": 5, "generations": 1, "chat": 1}  # of seven requests
AT_ONCE = (40, 160)
STREAMS = 5000
EVENTS_PER_S = 2                            # of each stream
MEMORY = 512 << 20
CPUS = 2
SLOW_US = 500_000                           # GitLab's page scales out beyond this
CONNECTIONS = {"completions": 256, "generations": 512, "chat": 512}  # for an open loop: one more than are ever needed
RATES = (1, 2, 4, 8, 16, 24, 32, 48, 64)    # × 500 a second


class Gateway:
    """A fresh one within its limits; says what it took of them."""

    def __init__(self, bench):
        try:
            self.group = Cgroup(memory=MEMORY)
            self.limit = f"control groups, version {self.group.version}"
        except Skip as err:
            self.group, self.limit = None, f"not limited ({err})"
        command, env = bench.command("aigw", bench.port(), bench.quick)
        env.pop("WEB_CONCURRENCY")  # its own idea of the machine
        join = "".join(f"echo $$ >{path}/cgroup.procs && " for path in (self.group.folders if self.group else ()))
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0))[:CPUS])
        self.server = measure.Server("aigw", ["taskset", "-c", cpus, "sh", "-c", join + 'exec "$@"', "sh", *command],
                                     int(env["AIGW_FASTAPI__API_PORT"]), env, os.path.join(bench.work, "aigw.log"))
        self.port = self.server.port

    def memory(self):
        """Bytes at most since the start, the kernel's buffers included where it counts them; without a group, RSS."""
        if self.group:
            return self.group.peak() or 0
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))

    def stop(self):
        is_alive = self.server.process.poll() is None
        self.server.stop()
        if self.group:
            self.group.close()
        return is_alive


class Sizing(measure.Bench):
    def __init__(self, options):
        super().__init__(options)
        self.quick = self.upstream(100)
        self.slow = self.upstream(50, "--events", "20", "--begin", routes.TEXT_BEGINS)  # a second of words
        self.endless = self.upstream(1000 // EVENTS_PER_S, "--begin", routes.TEXT_BEGINS)
        source = self.source_text()

        def of(kind, port):
            every = getattr(routes, kind)(source, f"http://127.0.0.1:{port}/v1")
            return {route.name: route for route in every}
        self.kinds = {"completions": of("calls", self.quick)["v2 completions"],
                      "generations": of("streams", self.slow)["v2 generations"],
                      "chat": of("streams", self.slow)["v2 chat"]}
        self.stream = of("streams", self.endless)["v2 completions"]

    @staticmethod
    def port():
        return measure.free_port()

    def mixed_load(self, gateway, connections=None, rate=None, seconds=None):
        """The mix, in a closed loop of so many connections or begun at that rate; one generator for each kind."""
        seconds = seconds or self.options.seconds
        total = sum(MIX.values())

        def run(kind):
            share = MIX[kind] / total
            more = ["--seconds", str(seconds), "--pids", gateway.server.pids()]
            if rate:
                more += ["--connections", str(CONNECTIONS[kind]), "--rate", str(rate * share)]
            else:
                more += ["--connections", str(max(1, round(connections * share)))]
            return self.run_load("json", gateway.port, *self.route_request(self.kinds[kind]), *more)

        with concurrent.futures.ThreadPoolExecutor(len(MIX)) as pool:
            found = dict(zip(MIX, pool.map(run, MIX)))
        count, seen = sum(item["count"] for item in found.values()), found["completions"]
        return {"rate": rate, "connections": connections, "per_second": count / seconds, "count": count,
                "p50_us": seen["p50_us"], "p99_us": seen["p99_us"],
                "failed": sum(item["errors"] + item["broken"] for item in found.values()),
                "cpu_share": seen["cpu_s"] / seen["seconds"] / CPUS, "cpu_us": seen["cpu_s"] / max(1, count) * 1e6,
                "memory": gateway.memory()}

    def in_turn(self, **load):
        gateway = Gateway(self)
        row = self.mixed_load(gateway, **load)
        row["is_alive"] = gateway.stop()
        return row

    def streams(self, count):
        gateway = Gateway(self)
        base = gateway.memory()
        result = self.run_load("stream", gateway.port, *self.route_request(self.stream), "--connections", str(count),
                               "--seconds", str(self.options.seconds), "--pids", gateway.server.pids())
        row = {"streams": count, "is_up": result["is_up"], "failed": result["errors"] + result["broken"],
               "events_per_second": result["count"] / max(0.001, result["seconds"]), "p50_us": result["p50_us"],
               "p99_us": result["p99_us"], "cpu_share": result["cpu_s"] / max(0.001, result["seconds"]) / CPUS,
               "memory": gateway.memory(), "per_stream": (gateway.memory() - base) / count}
        row["is_alive"] = gateway.stop()
        row["gives"] = "it was killed" if not row["is_alive"] else "" if row["is_up"] and not row["failed"] else (
            f"{row['failed']} failed" if row["failed"] else "not all were open within a minute")
        return row

    def until_it_gives(self):
        """Rates, each higher than the last, on one gateway; the last row is where something gave."""
        gateway = Gateway(self)
        rows = []
        for step in RATES[:3] if self.options.quick else RATES:
            row = self.mixed_load(gateway, rate=500 * step, seconds=max(2, self.options.seconds / 2))
            rows.append({**row, "gives": what_gives(row)})
            measure.note(f"{500 * step} a second: {rows[-1]}")
            if rows[-1]["gives"]:
                break
        gateway.stop()
        return rows

    def more_streams(self):
        """Up to what the limit of open files lets one process have: two for each stream, more while it is read."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        rows = []
        for count in sorted({STREAMS, 7000, min(12000, int(files * 0.45))}):
            if count < STREAMS or count * 2 > files:
                continue
            rows.append(self.streams(count))
            measure.note(f"{count} streams: {rows[-1]}")
            if rows[-1]["gives"] or self.options.quick:
                break
        return rows

    def conditions(self):
        gateway = Gateway(self)
        limit = gateway.limit
        gateway.stop()
        with open("/proc/loadavg", encoding="ascii") as file:
            load = float(file.read().split()[0])
        return {"date": datetime.date.today().isoformat(), "cpus": os.cpu_count(), "memory_limit": limit,
                "load_before": load, "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
                "seconds": self.options.seconds, "kernel": os.uname().release.split("-")[0]}


def what_gives(row):
    """Why a row is beyond what the gateway bears, "" when it is not."""
    if not row.get("is_alive", True):
        return "it was killed"
    if row["failed"]:
        return f"{row['failed']} requests failed"
    if row["per_second"] < 0.95 * row["rate"]:
        return "the CPUs are full"
    if row["p99_us"] > SLOW_US:
        return "one completion of a hundred takes longer than 500 ms"
    return ""


def main():
    parser = argparse.ArgumentParser(prog="bench/sizing", description=__doc__)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=8, help="length of one measured window")
    parser.add_argument("--quick", action="store_true", help="a glance: short windows, few steps")
    parser.add_argument("--redraw", action="store_true", help="measure nothing: make both of the last run's numbers")
    parser.add_argument("--write", action="store_true", help="make docs/sizing.md and docs/sizing.svg anew")
    options = parser.parse_args()
    last = os.path.join(options.build, "sizing.json")
    if options.redraw:
        with open(last, encoding="utf-8") as file:
            return sizing_page.write(json.load(file), os.path.join(measure.SOURCE, "docs"))
    if options.quick:
        options.seconds = 2
    bench = Sizing(options)
    try:
        result = {"conditions": bench.conditions(), "presets": [], "at_once": []}
        for name, users in PRESETS:
            rate = users * PER_SECOND
            result["presets"].append({"name": name, "users": users, "page_rate": rate, **bench.in_turn(rate=rate * HURRY)})
        for count in AT_ONCE:
            result["at_once"].append(bench.in_turn(connections=count))
        result["streams"] = bench.more_streams()
        result["rates"] = bench.until_it_gives()
    finally:
        bench.close()
    with open(last, "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
    print(sizing_page.tables(result))
    if options.write:
        sizing_page.write(result, os.path.join(measure.SOURCE, "docs"))
    shutil.rmtree(bench.work)
    bad = [row for row in result["presets"] + result["at_once"] + result["streams"][:1]
           if row["failed"] or not row["is_alive"] or row.get("gives")]
    if bad:
        sys.exit(f"what must hold did not: {bad}")
    return None


if __name__ == "__main__":
    main()
