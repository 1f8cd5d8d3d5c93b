"""docs/sizing.md and its picture, made of what bench/sizing measured."""
import html
import math
import os

import draw

HEAD = """# Sizing

How much one gateway bears on 2 CPUs with 512 MB of memory, the smallest machine of GitLab's install page. Made by `bench/sizing
--write`, which any machine can run: {minutes} minutes, as root. Numbers of one run on one machine; read them as ratios and
headroom. They promise nothing about yours, which is why the command is there.

![Headroom](sizing.svg)

## In short

{short}

## Conditions

| | |
|---|---|
| machine | {cpus} virtual CPUs, Linux {kernel}, {date}; load average {load:.1f} when it began{busy} |
| gateway | release build, {used} of the CPUs, as many workers; 512 MB: {memory_limit}; {descriptors:,} descriptors |
| beside it, on the same CPUs | load generators and the mock model: what they take is missing to the gateway |
| mix | of seven requests five completions, whole, one generation and one chat, streamed in twenty pieces within a second. The page states 7 requests a second per 1,000 users and no shares: completions are by far the most |
| each request | an RS256 token that is verified, a body of 1.3 kB, a prompt, a call to the model over kept connections; no TLS, no access log |
| latency | of completions, of a model that answers at once: it is what the gateway and a full machine add |
| windows | {seconds:g} s each, a fresh gateway for each row of the first three tables |
"""

TAIL = """
## From that to your site

| Ask | Take |
|---|---|
| CPU | requests per second = users × 0.007; by the last table, with room for a peak of three times as much |
| memory | 30 MB, and what one stream took above, times the streams at one time: users who chat at once, and whoever waits for a model |
| replicas | two, for a machine that fails; not for load: one bears many times what `values-large.yaml` is for |
| descriptors | three for each stream: `LimitNOFILE`, `--ulimit nofile` |
| what really limits | the models. Ten GPUs serve hundreds of streams, one gateway thousands |

The presets of the chart (`values-small.yaml`, `-medium`, `-large`) ask for less than 2 CPUs and 512 MB; where memory or CPU is
limited, the gateway's defaults follow ([operating.md](operating.md)).
"""


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def ms(value_us):
    return f"{value_us / 1000:.1f}" if value_us < 100000 else f"{value_us / 1000:,.0f}"


def share(value):
    return f"{value * 100:.1f} %" if value < 0.1 else f"{value * 100:.0f} %"


def about(value):
    """Two digits: more would be a promise."""
    digits = max(0, math.floor(math.log10(value)) - 1) if value >= 1 else 0
    return f"{round(value, -digits):,.0f}"


def mb(value):
    return f"{value / 1e6:.0f} MB"


def borne(result):
    """Requests per second of the last step that nothing gave at; what was served where the first one did."""
    good = [row for row in result["rates"] if not row["gives"]]
    return good[-1]["per_second"] if good else result["rates"][0]["per_second"]


def stream_cells(row):
    measured = [f"{row['events_per_second']:,.0f}", f"{ms(row['p50_us'])} / {ms(row['p99_us'])}", share(row["cpu_share"])]
    memory = [mb(row["memory"]), share(row["memory"] / (512 << 20)), f"{row['per_stream'] / 1000:.0f} kB"]
    if not row["is_up"]:
        measured, memory[2] = ["–"] * 3, "–"
    return [f"{row['streams']:,}", row["failed"], *measured, *memory, row["gives"] or "–"]


def tables(result):
    most = borne(result)
    parts = ["## At the pace of the presets\n",
             "Twenty times as fast as the page says, so that there is something to count; CPU and headroom are for the pace "
             "itself.\n",
             table(["preset", "users", "requests/s by the page", "sent at", "failed", "completions p50 / p99 ms",
                    "CPU of both at the page's pace", "memory at most", "headroom"],
                   [[row["name"], f"{row['users']:,}", f"{row['page_rate']:.2f}", f"{row['rate']:.0f}/s", row["failed"],
                     f"{ms(row['p50_us'])} / {ms(row['p99_us'])}", share(row["cpu_share"] * row["page_rate"] / row["rate"]),
                     mb(row["memory"]), f"{about(most / row['page_rate'])} ×"] for row in result["presets"]]),
             "## 40 and 160 requests at a time\n",
             "The page's numbers for machines of 2 and of 8 CPUs; here as fast as that many connections go, on 2.\n",
             table(["at a time", "requests/s", "failed", "completions p50 / p99 ms", "CPU of both", "memory at most",
                    "as many users, by the page"],
                   [[row["connections"], f"{row['per_second']:,.0f}", row["failed"],
                     f"{ms(row['p50_us'])} / {ms(row['p99_us'])}", share(row["cpu_share"]), mb(row["memory"]),
                     about(row["per_second"] / 0.007)] for row in result["at_once"]]),
             "## Streams\n",
             "Completions that never end, two events a second each; more of them as far as the limit of open files goes.\n",
             table(["streams", "failed", "events/s", "age of an event p50 / p99 ms", "CPU of both", "memory at most",
                    "of 512 MB", "per stream", "gives"],
                   [stream_cells(row) for row in result["streams"]]),
             "## More, until something gives\n",
             "The mix at a pace that grows, whatever the gateway does.\n",
             table(["sent at", "served", "as many users, by the page", "completions p50 / p99 ms", "CPU of both", "CPU per request",
                    "memory at most", "gives"],
                   [[f"{row['rate']:,}/s", f"{row['per_second']:,.0f}/s", about(row["per_second"] / 0.007),
                     f"{ms(row['p50_us'])} / {ms(row['p99_us'])}", share(row["cpu_share"]), f"{row['cpu_us']:.0f} µs",
                     mb(row["memory"]), row["gives"] or "–"] for row in result["rates"]])]
    return "\n".join(parts)


def in_short(result):
    good = [row for row in result["streams"] if not row["gives"]]
    most = borne(result)
    first = result["streams"][0]
    lines = [f"* 1,000 users ask for 7 requests a second; this bears {about(most)} of the mix, {about(most / 7)} times as many.",
             f"* 40 and 160 requests at a time: {sum(row['failed'] for row in result['at_once'])} failed, at most "
             f"{mb(max(row['memory'] for row in result['at_once']))}.",
             f"* {first['streams']:,} streams take {mb(first['memory'])}, {share(first['memory'] / (512 << 20))} of the memory; "
             f"most that were open at once: {max((row['streams'] for row in good), default=0):,}.",
             f"* What gives first: {result['rates'][-1]['gives'] or 'nothing in this run'}."]
    return "\n".join(lines)


def bars(result):
    """Label, what is asked, what is borne, of one unit each."""
    most = borne(result)
    streams = max((row["streams"] for row in result["streams"] if not row["gives"]), default=0)
    memory = result["streams"][0]["memory"]
    for row in result["presets"]:
        yield f"requests/s, {row['name']} ({row['users']:,} users)", row["page_rate"], most, "/s"
    for row in result["at_once"]:
        yield f"requests at a time: {row['connections']}", row["connections"], streams, "streams"
    yield "memory of 5,000 streams, MB", memory / 1e6, (512 << 20) / 1e6, "MB"


def picture(result):
    rows = list(bars(result))
    left, plot, row_height, top = 270, 360, 34, 78
    width, height = left + plot + 250, top + row_height * len(rows) + 20
    decades = max(1, math.ceil(max(math.log10(max(1.0, most / asked)) for _, asked, most, _ in rows)))

    def x_of(ratio):
        return left + math.log10(max(1.0, ratio)) / decades * plot

    out = [f'<text class="title" x="20" y="24">What one gateway bears on 2 CPUs and 512 MB</text>',
           '<text class="soft" x="20" y="44">as a multiple of what is asked of it; each line is ten times the one before</text>']
    for step in range(decades + 1):
        x = x_of(10 ** step)
        out.append(f'<line class="{"one" if step == 0 else "grid"}" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 6}" '
                   f'y2="{height - 16}"/>')
        out.append(f'<text class="soft" text-anchor="middle" x="{x:.1f}" y="{top - 12}">{10 ** step:,} ×</text>')
    for place, (label, asked, most, unit) in enumerate(rows):
        y = top + place * row_height
        ratio = most / asked if asked else 1
        out.append(f'<text text-anchor="end" x="{left - 10}" y="{y + 17}">{html.escape(label)}</text>')
        out.append(f'<rect class="after" x="{left}" y="{y + 5}" width="{max(1, x_of(ratio) - left):.1f}" height="16" rx="2"/>')
        asked_text = f"{asked:,.2f}" if asked < 10 else f"{asked:,.0f}"
        out.append(f'<text class="soft" x="{x_of(ratio) + 8:.1f}" y="{y + 17}"><tspan font-weight="600">{about(ratio)} ×</tspan> '
                   f'({about(most)} {unit} for {asked_text})</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img">\n<title>Headroom of one gateway</title>\n<style>{draw.style()}</style>\n'
            f'<rect class="back" width="{width}" height="{height}"/>\n' + "\n".join(out) + "\n</svg>\n")


def page(result):
    found = result["conditions"]
    busy = ("" if found["load_before"] < 0.5 else
            ": **the machine was busy with other work**, so CPU was short and times are longer than they would be")
    head = HEAD.format(short=in_short(result), busy=busy, load=found["load_before"], used=min(2, found["cpus"]),
                       minutes="three to five", **{key: found[key] for key in ("cpus", "kernel", "date", "memory_limit",
                                                                      "descriptors", "seconds")})
    return head + "\n" + tables(result) + TAIL


def write(result, folder):
    for name, text in (("sizing.md", page(result)), ("sizing.svg", picture(result))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(text)
