#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# metrics.py - ask an exporter for its metrics in a format, hold that to the format's rules, and print the samples
#
# usage: metrics.py [-f text|openmetrics|protobuf] [-n] URL|unix:PATH|FILE
#        metrics.py --await SECONDS NAME 'LABEL="VALUE"' OPERATOR NUMBER URL|...
#
#   -n       only names and labels, a series a line
#   --await  until the sum of such samples fulfils it; prints it. Exit status 1: it does not in time
#
# A line each: NAME{LABELS} VALUE, with labels by name, by which formats can be compared.
import argparse
import http.client
import operator
import re
import socket
import struct
import sys
import time
import urllib.parse

ACCEPT = {
    "text": "text/plain;version=0.0.4",
    "openmetrics": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,*/*;q=0.1",
}
TYPES = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "protobuf": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
}
SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
SUFFIXES = {
    "text": {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]},
    "openmetrics": {"counter": ["_total", "_created"], "gauge": [""], "info": ["_info"],
                    "histogram": ["_bucket", "_sum", "_count", "_created"]},
}


class Broken(Exception):
    pass


def claim(holds, what):
    if not holds:
        raise Broken(what)


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def fetch(where, form):
    if where.startswith("unix:"):
        connection, path = Unix(where[5:]), "/metrics"
    elif "://" in where:
        url = urllib.parse.urlsplit(where)
        connection = http.client.HTTPConnection(url.netloc, timeout=60)
        path = url.path + ("?" + url.query if url.query else "")
    else:
        with open(where, "rb") as file:
            return file.read()
    connection.request("GET", path, headers={"Accept": ACCEPT[form]})
    answer = connection.getresponse()
    body = answer.read()
    claim(answer.status == 200, f"status {answer.status}: {body[:200]!r}")
    claim(answer.headers["Content-Type"] == TYPES[form], f"Content-Type: {answer.headers['Content-Type']}")
    return body


def series(name, labels):
    """One text for one series, whatever the order of its labels."""
    names = [n for n, _ in labels]
    claim(len(set(names)) == len(names), f"{name}: a label twice")
    return name + "{" + ",".join(f'{n}="{v}"' for n, v in sorted(labels)) + "}"


def parse_labels(text):
    labels, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        claim(match, f"labels: {text}")
        labels.append(match.groups())
        at = match.end()
    return labels


def parse_text(body, form):
    text = body.decode("utf-8")
    claim(text.endswith("\n"), "no line feed at the end")
    lines = text.split("\n")[:-1]
    if form == "openmetrics":
        claim(lines.pop() == "# EOF", "no # EOF")
    samples, family, kind, seen = {}, None, None, set()
    for line in lines:
        if line.startswith("# "):
            words = line.split(" ", 3)
            claim(words[1] in ("HELP", "TYPE", "UNIT") and len(words) == 4, line)
            if words[2] != family:
                claim(words[2] not in seen, f"{words[2]}: in two places")
                family, kind = words[2], None
                seen.add(family)
            if words[1] == "TYPE":
                kind = words[3]
            if words[1] == "UNIT":
                claim(form == "openmetrics" and family.endswith("_" + words[3]), line)
            continue
        match = SAMPLE.fullmatch(line)
        claim(match, f"no sample: {line}")
        name, labels, value = match.groups()
        claim(kind and name in [family + s for s in SUFFIXES[form][kind]], f"{name} among {family} {kind}")
        key = series(name, parse_labels(labels or ""))
        claim(key not in samples, f"{key}: twice")
        samples[key] = float(value)
    return samples


def varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return n, at


def fields(data):
    """(number, value) of each field of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        else:
            claim(key & 7 == 2, f"wire type {key & 7}")
            n, at = varint(data, at)
            claim(at + n <= len(data), "a message longer than the one it is in")
            value, at = data[at:at + n], at + n
        yield key >> 3, value


def zigzag(n):
    return n >> 1 ^ -(n & 1)


def native(message):
    """{upper bound as a power of two: count} of the native buckets."""
    buckets, offset, length, deltas = {}, 0, 0, []
    for number, value in fields(message):
        if number == 5:
            claim(zigzag(value) == 0, "schema")
        elif number == 12:
            claim(not length, "two spans")
            span = dict(fields(value))
            offset, length = zigzag(span.get(1, 0)), span[2]
        elif number == 13:
            at = 0
            while at < len(value):
                delta, at = varint(value, at)
                deltas.append(zigzag(delta))
    claim(len(deltas) == length, "spans and deltas")
    count = 0
    for i, delta in enumerate(deltas):
        count += delta
        buckets[offset + i] = count
    return buckets


def parse_histogram(name, labels, message, samples):
    values = [(n, v) for n, v in fields(message)]
    total = dict(values)[1]
    for number, value in values:
        if number == 3:
            bucket = dict(fields(value))
            samples[series(name + "_bucket", labels + [("le", repr(bucket[2]))])] = float(bucket[1])
    samples[series(name + "_bucket", labels + [("le", "+Inf")])] = float(total)
    samples[series(name + "_count", labels)] = float(total)
    samples[series(name + "_sum", labels)] = dict(values)[2]
    claim(sum(native(message).values()) == total, f"{name}: the native buckets have another sum")


def parse_protobuf(body):
    samples, at, seen = {}, 0, set()
    while at < len(body):
        n, at = varint(body, at)
        claim(at + n <= len(body), "a family longer than the body")
        family = list(fields(body[at:at + n]))
        at += n
        name, kind = dict(family)[1].decode(), dict(family)[3]
        claim(name not in seen, f"{name}: in two places")
        seen.add(name)
        for number, metric in family:
            if number != 4:
                continue
            parts = list(fields(metric))
            pairs = [dict(fields(value)) for number, value in parts if number == 1]
            labels = [(pair[1].decode(), pair[2].decode().replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
                      for pair in pairs]
            value = dict(parts)[{0: 3, 1: 2, 4: 7}[kind]]
            if kind == 4:
                parse_histogram(name, labels, value, samples)
            else:
                samples[series(name, labels)] = dict(fields(value))[1]
    return samples


def read(where, form):
    body = fetch(where, form)
    return parse_protobuf(body) if form == "protobuf" else parse_text(body, form)


def wait(options, name, label, sign, number, where):
    compare = {"==": operator.eq, ">=": operator.ge, "<=": operator.le, ">": operator.gt}[sign]
    until = time.monotonic() + options.wait
    while True:
        found = [v for k, v in read(where, options.format).items() if k.startswith(name + "{") and label in k]
        if found and compare(sum(found), float(number)):
            print(f"{sum(found):.10g}")
            return 0
        if time.monotonic() > until:
            print(f"{name} {label}: {found}, which is not {sign} {number}", file=sys.stderr)
            return 1
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-f", "--format", choices=ACCEPT, default="text")
    parser.add_argument("-n", "--names", action="store_true")
    parser.add_argument("--await", dest="wait", type=float)
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    if options.wait is not None:
        return wait(options, *options.words)
    for key, value in sorted(read(options.words[0], options.format).items()):
        print(key if options.names else f"{key} {value:.15g}")
    return 0


try:
    sys.exit(main())
except (Broken, OSError, http.client.HTTPException) as error:
    print(f"metrics.py: {error}", file=sys.stderr)
    sys.exit(1)
