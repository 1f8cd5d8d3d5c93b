"""Tables of what measure.py measured: medians of the rounds, aigw beside nginx."""
import statistics


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def ratio(value, base):
    return f"{value / base:.2f}" if base else "-"


def table(head, lines):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(line) + " |")
    print()


def short_calls(rows, idle):
    base = rows.get("nginx")
    direct = rows["direct"]
    lines = []
    for name, row in rows.items():
        lines.append([name, f"{median(row, 'rps'):,.0f}", ratio(median(row, "rps"), base and median(base, "rps")),
                      f"{median(row, 'cpu_us'):.1f}" if name != "direct" else "-",
                      ratio(median(row, "cpu_us"), base and median(base, "cpu_us")) if name != "direct" else "-",
                      f"{median(row, 'p50') - median(direct, 'p50'):.0f}",
                      f"{median(row, 'p99') - median(direct, 'p99'):.0f}",
                      f"{median(row, 'p50'):.0f} / {median(row, 'p99'):.0f}",
                      f"{idle[name]['rss_kb'] / 1024:.1f} / {idle[name]['pss_kb'] / 1024:.1f}"
                      if name in idle else "-"])
    print("Short JSON calls, 64 connections; latency with one connection\n")
    table(["server", "req/s", "× nginx", "CPU µs/req", "× nginx", "added p50 µs", "added p99 µs", "p50 / p99 µs",
           "idle RSS / PSS MB"], lines)


def streams(count, rows):
    base = rows.get("nginx")
    lines = []
    for name, row in rows.items():
        is_server = name != "direct"
        lines.append([name, f"{median(row, 'eps'):,.0f}", f"{median(row, 'cpu_us'):.1f}" if is_server else "-",
                      ratio(median(row, "cpu_us"), base and median(base, "cpu_us")) if is_server else "-",
                      f"{median(row, 'p50'):.0f} / {median(row, 'p99'):.0f}",
                      f"{median(row, 'pss_kb'):.1f}" if is_server else "-",
                      f"{median(row, 'rss_kb'):.1f}" if is_server else "-"])
    print(f"{count:,} streams\n")
    table(["server", "events/s", "CPU µs/event", "× nginx", "event age p50 / p99 µs", "PSS kB/stream",
           "RSS kB/stream"], lines)


def bursts(rows, at_once, flood):
    base = rows.get("nginx")
    print(f"{at_once:,} streams that begin at once; {flood['connections']} streams of {flood['events']} events as fast as they "
          "are read, their calls included\n")
    table(["server", "first event p50 / p99 µs", "p99 × nginx", "events/s", "CPU µs/event", "× nginx"],
          [[name, f"{median(row, 'first_p50'):,.0f} / {median(row, 'first_p99'):,.0f}",
            ratio(median(row, "first_p99"), base and median(base, "first_p99")), f"{median(row, 'eps'):,.0f}",
            f"{median(row, 'cpu_us'):.2f}", ratio(median(row, "cpu_us"), base and median(base, "cpu_us"))]
           for name, row in rows.items()])


def both(title, calls, events, mixed, count):
    """p99 and CPU under TLS on both sides and under a mixed load, nginx beside aigw."""
    lines = []

    def add(load, rows, rate, p50, p99, cpu=None, unit=""):
        base = rows.get("nginx" if "nginx" in rows else "nginx+tls-both")
        for name, row in rows.items():
            lines.append([load, name.split("+")[0], f"{median(row, rate):,.0f}",
                          f"{median(row, p50):,.0f} / {median(row, p99):,.0f}",
                          ratio(median(row, p99), base and median(base, p99)),
                          f"{median(row, cpu):.1f} {unit}" if cpu else "-",
                          ratio(median(row, cpu), base and median(base, cpu)) if cpu else "-"])

    if calls:
        add("TLS, calls, 64 connections", calls, "rps", "busy_p50", "busy_p99", "cpu_us", "µs/call")
        add("TLS, calls, one connection", calls, "rps", "p50", "p99")
        for line in lines[-len(calls):]:
            line[2] = "-"
    if events:
        add(f"TLS, {count:,} streams, events", events, "eps", "p50", "p99", "cpu_us", "µs/event")
    for name, rows in mixed.items():
        add(f"{name}, calls", rows, "rps", "p50", "p99", "cpu_percent", "% of a CPU")
        add(f"{name}, events", rows, "eps", "event_p50", "event_p99")
    print(title + "\n")
    table(["load", "server", "per s", "p50 / p99 µs", "p99 × nginx", "CPU", "CPU × nginx"], lines)


def routes(calls, events, count):
    rows, about = calls["rows"], calls["about"]
    first = {}
    for name in rows:
        first.setdefault(about[name]["way"], name)
    lines = []
    for name, row in rows.items():
        cpu, way = median(row, "cpu_us"), about[name]["way"]
        is_like = way != "no model"
        lines.append([name, way, f"{about[name]['bytes']:,}", f"{median(row, 'rps'):,.0f}", f"{cpu:.1f}",
                      ratio(cpu, is_like and median(rows[first["whole"]], "cpu_us")),
                      ratio(cpu, is_like and median(rows[first[way]], "cpu_us"))])
    print("Routes, 64 connections; the model's answer is the same text, whole or in ten events at once\n")
    table(["route", "model's answer", "body, bytes", "req/s", "CPU µs/call", f"× {first['whole']}",
           "× completions, same way"], lines)
    if calls["skipped"]:
        print(f"Skipped, not served by this build (404): {', '.join(calls['skipped'])}\n")
    base = median(next(iter(events.values())), "cpu_us")
    print(f"Routes, {count:,} streams\n")
    table(["route", "events/s", "CPU µs/event", "× v2 completions", "event age p50 / p99 µs"],
          [[name, f"{median(row, 'eps'):,.0f}", f"{median(row, 'cpu_us'):.1f}", ratio(median(row, "cpu_us"), base),
            f"{median(row, 'p50'):.0f} / {median(row, 'p99'):.0f}"] for name, row in events.items()])
