#!/usr/bin/env python3
"""Draw results of bench/run (--json FILE) as one SVG: aigw relative to nginx, and routes relative to completions.

    bench/draw.py after.json -o bench/results.svg
    bench/draw.py before.json after.json -o bench/results.svg     # a pale bar for before
"""
import argparse
import collections
import html
import json

from report import median

Bar = collections.namedtuple("Bar", "panel label ratio text")  # panel: index of PANELS
PANELS = (
    ("aigw beside nginx", "nginx = 1, shorter is better; in brackets aigw / nginx; bars end at 4", None),
    ("Routes, CPU per call", "v2 completions answered whole = 1; limit 1.3", 1.3),
    ("Routes, CPU per event of a stream", "v2 completions = 1; limit for chat 1.1", 1.1),
)
LABEL_WIDTH, PLOT_WIDTH, TEXT_WIDTH, MARGIN = 290, 340, 260, 20
BAR, GAP, HEAD = 12, 10, 62
RATIO_MAX = 4.0  # longer bars are cut; their number says how long they are
INK = {  # class: what it colours, in light mode, in dark mode
    "text": ("fill", "#1f2328", "#e6edf3"), ".soft": ("fill", "#59636e", "#9198a1"),
    ".back": ("fill", "#ffffff", "#0d1117"), ".after": ("fill", "#1f6feb", "#4493f8"),
    ".before": ("fill", "#a5c8f5", "#2c4a73"), ".one": ("stroke", "#59636e", "#9198a1"),
    ".grid": ("stroke", "#d1d9e0", "#3d444d"), ".limit": ("stroke", "#bc4c00", "#f0883e"),
}


def style():
    light, dark = ("\n".join(f"{name} {{ {what}: {colours[at]}; }}" for name, (what, *colours) in INK.items())
                   for at in (0, 1))
    return f"""
text {{ font: 13px system-ui, sans-serif; }}
.title {{ font-weight: 600; font-size: 15px; }}
.soft {{ font-size: 12px; }}
.limit {{ stroke-dasharray: 4 3; }}
{light}
@media (prefers-color-scheme: dark) {{
{dark}
}}
"""


def beside_nginx(rows, label, key, unit, suffix="", less=0):
    """One bar from rows of both servers, none when one of them was not measured. `less` is taken off both."""
    if not rows or not rows.get("aigw" + suffix) or not rows.get("nginx" + suffix):
        return
    own, other = (median(rows[name + suffix], key) - less for name in ("aigw", "nginx"))
    if own > 0 and other > 0:
        yield Bar(0, label, own / other, f"{number(own)} / {number(other)} {unit}")


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def routes(panel, rows):
    base = None
    for name, row in rows.items():
        cpu = median(row, "cpu_us")
        base = base or cpu
        yield Bar(panel, name, cpu / base, f"{number(cpu)} µs")


def bars(result):
    """Bars of a file of results, by panel and label; older files have fewer parts."""
    found = []
    short = result.get("short", {})
    direct = median(short["direct"], "p50") if "direct" in short else 0
    found += beside_nginx(short, "calls per second (longer is better)", "rps", "/s")
    found += beside_nginx(short, "CPU per call", "cpu_us", "µs")
    found += beside_nginx(short, "added latency, p50, one client", "p50", "µs", less=direct)
    for key in sorted((key for key in result if key.startswith("streams_")), key=lambda key: int(key[8:])):
        count = f"{int(key[8:]):,} streams"
        found += beside_nginx(result[key], f"CPU per event, {count}", "cpu_us", "µs")
        found += beside_nginx(result[key], f"memory per stream, {count}", "pss_kb", "kB")
    start = {name: [{"ms": value}] for name, value in result.get("start_ms", {}).items()}
    found += beside_nginx(start, "start", "ms", "ms")
    both = "+tls-both"
    found += beside_nginx(result.get("tls_short"), "TLS both sides, CPU per call", "cpu_us", "µs", both)
    found += beside_nginx(result.get("tls_short"), "TLS both sides, p99 of calls, 64 clients", "busy_p99", "µs", both)
    found += beside_nginx(result.get("tls_streams"), "TLS both sides, CPU per event", "cpu_us", "µs", both)
    found += beside_nginx(result.get("tls_streams"), "TLS both sides, p99 age of events", "p99", "µs", both)
    for name, rows in result.get("mixed", {}).items():
        suffix = both if "TLS" in name else ""
        found += beside_nginx(rows, f"{name}: CPU", "cpu_percent", "% of a CPU", suffix)
        found += beside_nginx(rows, f"{name}: p99 of calls", "p99", "µs", suffix)
        found += beside_nginx(rows, f"{name}: p99 age of events", "event_p99", "µs", suffix)
    calls = result.get("routes", {"rows": {}, "about": {}})
    found += routes(1, {name: rows for name, rows in calls["rows"].items()
                        if calls["about"][name]["way"] != "no model"})
    found += routes(2, result.get("route_streams", {}))
    return {(bar.panel, bar.label): bar for bar in found}


def draw_panel(index, pairs, y, has_before):
    """Lines of SVG for (before or None, after or None) pairs, and where the next panel begins."""
    title, scale, limit = PANELS[index]
    row = BAR * (2 if has_before else 1) + GAP
    longest = max(min(bar.ratio, RATIO_MAX) for pair in pairs for bar in pair if bar)
    end = max(longest, limit or 0, 1.25) * 1.02
    bottom = y + HEAD + row * len(pairs)
    left = MARGIN + LABEL_WIDTH

    def x_of(ratio):
        return left + min(ratio, RATIO_MAX) / end * PLOT_WIDTH

    def line(ratio, kind):
        return f'<line class="{kind}" x1="{x_of(ratio):.1f}" x2="{x_of(ratio):.1f}" y1="{y + HEAD - 4}" y2="{bottom}"/>'

    out = [f'<text class="title" x="{MARGIN}" y="{y + 18}">{html.escape(title)}</text>',
           f'<text class="soft" x="{MARGIN}" y="{y + 37}">{html.escape(scale)}</text>']
    out += [line(step / 2, "grid") for step in range(0, int(end * 2) + 1) if step != 2] + [line(1, "one")]
    for step in range(0, int(end) + 1):
        out.append(f'<text class="soft" text-anchor="middle" x="{x_of(step):.1f}" y="{y + HEAD - 9}">{step}</text>')
    at = y + HEAD
    for pair in pairs:
        label = next(bar for bar in pair if bar).label
        middle = at + (row - GAP) / 2 + 4.5
        out.append(f'<text text-anchor="end" x="{left - 10}" y="{middle:.1f}">{html.escape(label)}</text>')
        present = [(bar, kind) for bar, kind in zip(pair, ("before", "after")) if bar]
        top = middle - 4.5 - BAR * len(present) / 2
        for place, (bar, kind) in enumerate(present):
            out.append(f'<rect class="{kind}" x="{left}" y="{top + BAR * place}" '
                       f'width="{x_of(bar.ratio) - left:.1f}" height="{BAR - 1}" rx="2"/>')
        text = " → ".join(f"{bar.ratio:.2f}" for bar in pair if bar)
        newest = pair[1] or pair[0]
        out.append(f'<text class="soft" x="{left + PLOT_WIDTH + 12}" y="{middle:.1f}"><tspan font-weight="600">{text}'
                   f'</tspan> ({html.escape(newest.text)})</text>')
        at += row
    if limit:
        out.append(line(limit, "limit"))
    return out, bottom + 24


def draw(before, after):
    width = 2 * MARGIN + LABEL_WIDTH + PLOT_WIDTH + TEXT_WIDTH
    out, y = [], MARGIN
    if before:
        out += [f'<rect class="before" x="{MARGIN}" y="{y}" width="24" height="{BAR}" rx="2"/>',
                f'<text x="{MARGIN + 32}" y="{y + 11}">before</text>',
                f'<rect class="after" x="{MARGIN + 110}" y="{y}" width="24" height="{BAR}" rx="2"/>',
                f'<text x="{MARGIN + 142}" y="{y + 11}">after</text>']
        y += 36
    for index in range(len(PANELS)):
        keys = [key for key in {**after, **before} if key[0] == index]
        if keys:
            lines, y = draw_panel(index, [(before.get(key), after.get(key)) for key in keys], y, bool(before))
            out += lines
    size = f'viewBox="0 0 {width} {y}" width="{width}" height="{y}"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n'
            f"<title>Measurements of aigw: bars relative to nginx, and routes relative to completions</title>\n"
            f"<style>{style()}</style>\n<rect class=\"back\" width=\"{width}\" height=\"{y}\"/>\n"
            + "\n".join(out) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(prog="bench/draw.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", metavar="FILE", help="a result, or two: before and after")
    parser.add_argument("-o", "--output", required=True, help="the SVG to write")
    options = parser.parse_args()
    if len(options.results) > 2:
        parser.error("at most two files: before and after")
    found = []
    for path in options.results:
        with open(path, encoding="utf-8") as file:
            found.append(bars(json.load(file)))
    before, after = found if len(found) == 2 else ({}, found[0])
    if not before and not after:
        parser.error("nothing to draw in these files")
    with open(options.output, "w", encoding="utf-8") as out:
        out.write(draw(before, after))


if __name__ == "__main__":
    main()
