#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# dashboard.py - hold a Grafana dashboard to what Grafana imports, and print its queries, one a line, variables filled in
#
# usage: dashboard.py FILE [NAME=VALUE...]
import json
import re
import sys


def claim(holds, what):
    if not holds:
        sys.exit(f"dashboard.py: {what}")


def check_panel(panel, ids, places):
    title = panel.get("title")
    claim(isinstance(title, str) and title, "a panel without a title")
    claim(isinstance(panel.get("id"), int) and panel["id"] not in ids, f"{title}: its id")
    ids.add(panel["id"])
    place = panel.get("gridPos", {})
    claim(set(place) == {"h", "w", "x", "y"} and all(isinstance(n, int) for n in place.values()), f"{title}: gridPos")
    claim(place["w"] > 0 and place["h"] > 0 and place["x"] >= 0 and place["x"] + place["w"] <= 24, f"{title}: beyond the grid")
    cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
    claim(not cells & places, f"{title}: over another panel")
    places |= cells
    claim(panel.get("type") in ("timeseries", "stat", "heatmap", "table", "gauge", "bargauge"), f"{title}: its type")
    source = panel.get("datasource", {})
    claim(source == {"type": "prometheus", "uid": "${datasource}"}, f"{title}: its datasource is not the variable")
    claim(panel.get("targets") and panel.get("description"), f"{title}: no target, or no description")
    refs = [target.get("refId") for target in panel["targets"]]
    claim(all(refs) and len(set(refs)) == len(refs), f"{title}: refId")
    for target in panel["targets"]:
        claim(isinstance(target.get("expr"), str) and target["expr"], f"{title}: expr")
        claim(target.get("format", "time_series") in ("time_series", "table", "heatmap"), f"{title}: format")
    claim("unit" in panel.get("fieldConfig", {}).get("defaults", {}), f"{title}: no unit")


def check(board):
    for key, kind in {"title": str, "uid": str, "schemaVersion": int, "version": int, "panels": list, "templating": dict,
                      "time": dict, "tags": list, "editable": bool, "refresh": str, "annotations": dict}.items():
        claim(isinstance(board.get(key), kind), f"{key} is no {kind.__name__}")
    claim(board.get("id") is None, "an id of somebody's own Grafana")
    claim(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", board["uid"]), "uid")
    claim(board["schemaVersion"] >= 36, "schemaVersion of before Grafana 9")
    ids, places = set(), set()
    for panel in board["panels"]:
        check_panel(panel, ids, places)
    for variable in board["templating"]["list"]:
        claim(variable.get("type") in ("datasource", "query") and variable.get("name"), "a variable")


def queries(board):
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.*), *(\w+)\)", variable["query"]["query"])
            claim(match and variable["definition"] == variable["query"]["query"], f"{variable['name']}: its query")
            yield f"count by ({match[2]}) ({match[1]})"


with open(sys.argv[1], encoding="utf-8") as file:
    dashboard = json.load(file)
check(dashboard)
values = dict(word.split("=", 1) for word in sys.argv[2:])
for query in queries(dashboard):
    filled = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: values[m[1] or m[2]], query)
    claim("\n" not in filled, "a query of two lines")
    print(filled)
