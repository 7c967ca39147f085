#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# field-kill.py - kill -9 at random moments: the owner of a probe, who stops one, `cgtune run`, the servers; TAP
#
# usage: field-kill.py CGTUNE ROUNDS SEED BPFFS GROUP-OF-A-QUOTA-OR-""
#
# Whatever the moment was: counts go on where a probe was published, and what is left goes by `cgtune probe stop` and
# `cgtune run --gc`. The moment is a share, by the seed, of how long the victim took when it was not killed; which
# instruction that hits is up to the machine, and nothing here depends on it. No test waits for a time, but for what
# must come, two minutes at most.
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time

cgtune, rounds, seed, bpffs, group = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
chance = random.Random(seed)
me = f"cgtune-field-{os.getpid()}"
tests = 0


def ok(name, right, why=""):
    global tests
    tests += 1
    print(f"{'ok' if right else 'not ok'} {tests} - {name}", flush=True)
    if not right:
        print(f"# seed {seed}: {why}", flush=True)
        sys.exit(1)


def eventually(condition, what):
    end = time.monotonic() + 120
    while not (value := condition()):
        if time.monotonic() > end:
            ok(what, False, "not within two minutes")
        time.sleep(0.02)
    return value


def call(*arguments):
    return subprocess.run([cgtune, *arguments], capture_output=True, text=True, check=False, timeout=300)


def start(*arguments, **more):
    return subprocess.Popen([cgtune, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more)


def kill_sometime(victim, usual, begun=None):
    """By SIGKILL, at some moment from before its first instruction to after its last; or once it has begun something."""
    if begun and chance.random() < 0.5:
        while not begun() and victim.poll() is None:
            pass
        usual = 0.005
    time.sleep(chance.random() * 1.2 * usual)
    victim.kill()
    return victim.wait()


def took(*arguments):
    begin = time.monotonic()
    done = call(*arguments)
    return done, time.monotonic() - begin


def throttles():
    for entry in json.loads(call("stalls", "--json", "--bpffs", bpffs).stdout)["groups"]:
        if (entry["path"] or "").endswith("/" + os.path.basename(group)):    # null: it is removed
            return entry["throttles"] or 0
    return 0


class Probe:
    def __init__(self):
        done, self.usual = took("probe", "start", "--bpffs", bpffs)
        self.why = "" if done.returncode == 0 else done.stderr.strip()
        if not self.why:
            self.stop_usual = took("probe", "stop", "--bpffs", bpffs)[1]
        self.published = self.left_over = 0

    @staticmethod
    def half_way():
        return any(re.match("cgtune-.*-(new|old)-", name) for name in os.listdir(bpffs))

    def round(self):
        victim = start("probe", "start", "--bpffs", bpffs)
        if self.published == 0:
            # One at least is to go on: that is looked at.
            eventually(lambda: os.path.exists(f"{bpffs}/cgtune-1"), "probe start publishes")
            victim.kill()
            status = victim.wait()
        else:
            status = kill_sometime(victim, self.usual, self.half_way)
        if os.path.exists(f"{bpffs}/cgtune-1"):
            self.published += 1
            said = call("probe", "status", "--bpffs", bpffs)
            ok("probe start killed: it was published whole", said.returncode == 0 and "counts no longer" not in said.stdout,
               said.stdout + said.stderr)
            if group and self.published % 5 == 1:
                before = throttles()
                eventually(lambda: throttles() > before, "probe start killed: counts go on")
                ok("probe start killed: counts go on", True)
            kill_sometime(start("probe", "stop", "--bpffs", bpffs), self.stop_usual, self.half_way)
        else:
            ok("probe start killed: nothing was published", status != 0, "it ended well, and nothing is there")
        self.left_over += self.half_way()
        call("probe", "stop", "--bpffs", bpffs)
        left = [name for name in os.listdir(bpffs) if name.startswith("cgtune")]
        ok("probe killed: stop leaves nothing", not left, str(left))


class Run:
    why = ""

    def __init__(self):
        done, self.usual = took("run", "--cpus", "0.5", "--name", me, "true")
        if done.returncode:
            self.why = done.stderr.strip().splitlines()[0]

    @staticmethod
    def left():
        found = subprocess.run(["find", "/sys/fs/cgroup", "-type", "d", "-name", me + "*"], capture_output=True, text=True,
                               check=False).stdout.split()
        return found + [name for name in os.listdir("/run/cgtune") if name.startswith(me)]

    def round(self):
        # Whoever comes of the victim has the pipe: that it ends says that all of them have.
        ours, theirs = os.pipe()
        command = chance.choice([["sleep", "1000"], ["true"], ["sh", "-c", "sleep 1000 & sleep 1000"]])
        victim = start("run", "--cpus", "0.5", "--memory", "64M", "--name", me, *command, pass_fds=[theirs])
        os.close(theirs)
        kill_sometime(victim, self.usual)
        call("run", "--gc")
        while not select.select([ours], [], [], 0.02)[0]:
            for path in self.left():
                if path.startswith("/"):
                    self.kill_all(path)
        os.close(ours)
        # A process that has ended leaves its cgroup a moment later.
        eventually(lambda: call("run", "--gc").returncode == 0 and not self.left(), "run killed: --gc leaves nothing")
        ok("run killed: --gc leaves nothing", True)

    @staticmethod
    def kill_all(path):
        try:
            with open(path + "/cgroup.procs", encoding="ascii") as file:
                for pid in file.read().split():
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass


class Server:
    """Of one that listens: its port is free at once, and the next one answers."""
    def __init__(self, *arguments):
        self.arguments, self.why = list(arguments), ""
        done = call(arguments[0], "--help")
        if done.returncode:
            self.why = f"cgtune has no {arguments[0]}"
            return
        begin = time.monotonic()
        server, self.port = self.listening("127.0.0.1:0")
        self.usual = 1.5 * (time.monotonic() - begin)
        server.kill()
        server.wait()

    def listening(self, address):
        server = start(*self.arguments, "--listen", address)
        line = server.stdout.readline().decode()
        found = re.search(r":(\d+)", line)
        ok(f"{self.arguments[0]} listens", found, f"it said {line!r}")
        return server, int(found[1])

    def round(self):
        kill_sometime(start(*self.arguments, "--listen", f"127.0.0.1:{self.port}"), self.usual)
        server, _ = self.listening(f"127.0.0.1:{self.port}")
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as s:
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = s.recv(100)
        ok(f"{self.arguments[0]} killed: the next one answers", answer != b"", "it said nothing")
        server.kill()
        server.wait()


def main():
    print(f"# seed {seed}, {rounds} rounds")
    victims = []
    for name, make in (("probe", Probe), ("run", Run), ("agent", lambda: Server("agent")), ("export", lambda: Server("export"))):
        victim = make()
        if victim.why:
            ok(f"{name} killed # SKIP {victim.why}", True)
        else:
            victims.append(victim)
    for i in range(rounds):
        victims[i % len(victims)].round()
    for victim in victims:
        if isinstance(victim, Probe):
            print(f"# {victim.published} probes were published, {victim.left_over} times something was left half-way")
    print(f"1..{tests}")


main()
