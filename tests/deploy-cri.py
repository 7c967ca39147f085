#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""deploy-cri.py - a pod of one container by the interface that the kubelet has to containerd and CRI-O (CRI v1), with curl

    deploy-cri.py SOCKET HANDLER CGROUP LOGS COMMAND...   what the command says; it ends with the line "end". The container
                                                          has half a CPU and 128 MiB; the pod is default/web of HANDLER,
                                                          "" for the runtime's default, on the host's network
"""
import os
import subprocess
import sys
import tempfile
import time

socket, handler, cgroup, logs = sys.argv[1:5]


def varint(number):
    more = number >> 7
    return bytes([number & 127 | (128 if more else 0)]) + (varint(more) if more else b"")


def field(number, value):
    """A field of a message of protocol buffers: a number, or what has a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def call(method, message):
    """A call of gRPC without streams: one message each way, in a frame. All that is wanted of an answer is its first field."""
    with tempfile.NamedTemporaryFile() as head:
        done = subprocess.run(
            ["curl", "-sS", "--http2-prior-knowledge", "--unix-socket", socket, "-H", "Content-Type: application/grpc",
             "-D", head.name, "--max-time", "120", "--data-binary", "@-",
             "http://localhost/runtime.v1.RuntimeService/" + method],
            input=b"\0" + len(message).to_bytes(4, "big") + message, stdout=subprocess.PIPE, check=True)
        trailers = head.read().decode()
    if "grpc-status: 0" not in trailers:
        sys.exit(f"{method}: {trailers}")
    answer = done.stdout[5:]
    return answer[2:2 + answer[1]].decode() if answer else ""


def wait_for_end(path):
    for _ in range(1200):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                said = [line.split(" ", 3)[3] for line in stream]
            if "end\n" in said:
                return said[:said.index("end\n")]
        time.sleep(0.1)
    sys.exit("the container did not come to its end in two minutes")


on_host = field(2, field(1, field(1, 2)))
metadata = field(1, "web") + field(2, cgroup) + field(3, "default")
pod = field(1, metadata) + field(3, logs) + field(8, field(1, "/" + cgroup) + on_host)
limits = field(1, 100000) + field(2, 50000) + field(4, 128 << 20)
container = (field(1, field(1, "app")) + field(2, field(1, "localhost/app:1")) +
             b"".join(field(3, word) for word in sys.argv[5:]) + field(11, "app.log") + field(15, field(1, limits)))
sandbox = call("RunPodSandbox", field(1, pod) + (field(2, handler) if handler else b""))
try:
    identity = call("CreateContainer", field(1, sandbox) + field(2, container) + field(3, pod))
    call("StartContainer", field(1, identity))
    print("".join(wait_for_end(f"{logs}/app.log")), end="")
finally:
    call("StopPodSandbox", field(1, sandbox))
    call("RemovePodSandbox", field(1, sandbox))
