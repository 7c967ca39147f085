#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# dashboard.py - draw the panels of a Grafana dashboard as an SVG, from what a Prometheus answers to their queries
#
# usage: dashboard.py DASHBOARD.json URL SECONDS >dashboard.svg     of the last so many seconds
#
# Places, titles, units, queries and legends are those of the file; Grafana itself draws with more care.
import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from html import escape

COLUMN, ROW, GAP, STEP, HEAD = 50, 26, 8, 2, 44
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"]


def ask(url, query, begin, end):
    query = re.sub(r"\$(job|instance|cgroup)\b", ".*", query).replace("$__rate_interval", "20s")
    form = urllib.parse.urlencode({"query": query, "start": begin, "end": end, "step": STEP})
    with urllib.request.urlopen(f"{url}/api/v1/query_range", form.encode()) as answer:
        return json.load(answer)["data"]["result"]


def short(value, steps, base):
    for step in steps:
        if abs(value) < base or step == steps[-1]:
            return f"{value:.3g} {step}".strip()
        value /= base


def text_of(value, unit):
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "bytes":
        return short(value, ["B", "KiB", "MiB", "GiB"], 1024)
    if unit == "s":
        return f"{value:.3g} s" if value >= 1 or value == 0 else short(value * 1e6, ["µs", "ms"], 1000)
    return f"{value:.3g}" + (" /s" if unit == "ops" else "")


def write(x, y, text, size=11, anchor="start", colour="#444", weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">{escape(text)}</text>'


def points_of(series):
    return [(float(at), float(value)) for at, value in series["values"] if math.isfinite(float(value))]


def name_of(target, labels):
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), target.get("legendFormat", ""))


def nice(most, unit):
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below; of bytes a power of two."""
    if unit == "bytes":
        return 2 ** math.ceil(math.log2(most))
    power = 10 ** math.floor(math.log10(most)) if most > 0 else 1
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= most * 0.999)


def draw_axis(box, most, unit, begin, end):
    x, y, w, h = box
    for i in range(5):
        at = y + h - h * i / 4
        yield f'<path d="M{x},{at:.1f}h{w}" stroke="#e4e4e4"/>'
        yield write(x - 4, at + 4, text_of(most * i / 4, unit), 10, "end")
    for i in range(4):
        yield write(x + w * i / 3, y + h + 13, f"{(begin - end) * (3 - i) / 3:.0f} s" if i < 3 else "now", 10, "middle")


def draw_lines(panel, box, found, begin, end):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    lines = [(name_of(target, series["metric"]), points_of(series)) for target, answer in found for series in answer]
    lines = [(name, points) for name, points in lines if points]
    rows = (len(lines) + 2) // 3
    x, y, w, h = box[0] + 62, box[1] + 6, box[2] - 76, box[3] - 26 - 14 * rows
    most = nice(max((value for _, points in lines for _, value in points), default=1) or 1, unit)
    yield from draw_axis((x, y, w, h), most, unit, begin, end)
    for i, (name, points) in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{x + w * (at - begin) / (end - begin):.1f},{y + h - h * value / most:.1f}" for at, value in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        left, under = box[0] + 12 + (box[2] - 20) / 3 * (i % 3), y + h + 29 + 14 * (i // 3)
        yield f'<path d="M{left:.1f},{under - 4}h12" stroke="{colour}" stroke-width="3"/>'
        yield write(left + 16, under, f"{name if len(name) < 24 else '…' + name[-22:]} {text_of(points[-1][1], unit)}", 10)


def draw_heatmap(_, box, found, begin, end):
    buckets = sorted((float(series["metric"]["le"].replace("+Inf", "inf")), dict(points_of(series))) for series in found[0][1])
    cells, below = {}, {}
    for le, points in buckets:                  # each has those below, too
        for at, value in points.items():
            if value - below.get(at, 0) > 0.5 and at > begin:
                cells[le, at] = value - below.get(at, 0)
        below = {**below, **points}
    rows = sorted({le for le, _ in cells}) or [1.0]
    x, y, w, h = box[0] + 62, box[1] + 6, box[2] - 76, box[3] - 26
    most = max(cells.values(), default=1)
    for i, le in enumerate(rows):
        if i % (len(rows) // 8 + 1) == 0:
            yield write(x - 4, y + h - h * (i + 0.5) / len(rows) + 4, "≤ " + text_of(le, "s"), 10, "end")
    for (le, at), value in cells.items():
        left, high = x + w * (at - STEP - begin) / (end - begin), h / len(rows)
        yield (f'<rect x="{left:.1f}" y="{y + h - high * (rows.index(le) + 1):.1f}" width="{w * STEP / (end - begin) + 0.3:.1f}" '
               f'height="{high + 0.3:.1f}" fill="#d62728" fill-opacity="{0.12 + 0.88 * value / most:.2f}"/>')
    for i in range(4):
        yield write(x + w * i / 3, y + h + 13, f"{(begin - end) * (3 - i) / 3:.0f} s" if i < 3 else "now", 10, "middle")


def draw_stat(panel, box, found, *_):
    points = [point for _, answer in found for series in answer for point in points_of(series)]
    text = text_of(points[-1][1], panel["fieldConfig"]["defaults"]["unit"]) if points else "no data"
    yield write(box[0] + box[2] / 2, box[1] + box[3] / 2 + 10, text, 30, "middle", "#1f77b4", "bold")


def draw_table(_, box, found, *__):
    for i, series in enumerate(found[0][1]):
        labels = ", ".join(f"{name}: {value}" for name, value in series["metric"].items())
        yield write(box[0] + 12, box[1] + 22 + 18 * i, f"{labels}: {float(series['values'][-1][1]):.0f}", 13)


def main(path, url, seconds):
    with open(path, encoding="utf-8") as file:
        board = json.load(file)
    end = time.time()
    begin = end - float(seconds)
    width, height = 24 * COLUMN, HEAD + ROW * max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
    draw = {"timeseries": draw_lines, "heatmap": draw_heatmap, "stat": draw_stat, "table": draw_table}
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="DejaVu Sans, sans-serif">')
    print(f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>')
    print(write(GAP, 18, board["title"], 16, weight="bold", colour="#222"))
    print(write(GAP, 35, f"The panels of {path.rsplit('/', 1)[-1]} with what a Prometheus answered to their queries, of {seconds} s; "
                         "drawn by docs/dashboard.py, not by Grafana"))
    for panel in board["panels"]:
        place = panel["gridPos"]
        x, y = place["x"] * COLUMN + GAP / 2, HEAD + place["y"] * ROW + GAP / 2
        w, h = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        print(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="2" fill="#fff" stroke="#ddd"/>')
        print(write(x + 8, y + 16, panel["title"], 12, weight="bold", colour="#222"))
        found = [(target, ask(url, target["expr"], begin, end)) for target in panel["targets"]]
        print("\n".join(draw[panel["type"]](panel, (x, y + 22, w, h - 26), found, begin, end)))
    print("</svg>")


main(*sys.argv[1:])
