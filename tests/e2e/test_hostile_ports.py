"""Garbage on every port that the processes listen at: nothing ends, no stream is altered, nothing is kept."""

import pathlib
import random
import socket
import struct
import threading

from test_cluster import DEADLINE, MODEL, ask_all, until, view
from test_gateway import end
from troupe_server import Gateway, Server

ROUNDS = 3
LISTENS = "0A"  # in /proc/net/tcp


def garbage(draw):
    """What strangers send."""
    return [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + draw.randbytes(64),
        struct.pack(">BBBBIQ", 1, 0, 0, 0, 0xFFFFFFFF, 0) + draw.randbytes(200),
        b"\xff" * 4096,
        struct.pack("<Q", 2**63 - 1) * 64,
        draw.randbytes(65536),
    ]


def strike(port, seed, held):
    """Sends all of it, each over a connection of its own; one is left half open."""
    for at, data in enumerate(garbage(random.Random(seed))):
        try:
            stranger = socket.create_connection(("127.0.0.1", port), timeout=5)
            if data:
                stranger.sendall(data)
            if at == 0:
                held.append(stranger)
                continue
            stranger.settimeout(0.2)
            try:
                while stranger.recv(65536):
                    pass
            except TimeoutError:
                pass
            stranger.close()
        except OSError:
            continue  # cut off, as it should be


def test_strangers_get_nothing_and_harm_nobody(expected):
    head = Server(MODEL, "--workers", 2, "--threads", 1)
    try:
        seen = until(head, lambda v: v["redundant"])
        with Gateway(head) as gateway:
            pids = [head.process.pid, gateway.process.pid, *(n["pid"] for n in seen["nodes"])]
            ports = sorted(set().union(*(listening(pid) for pid in pids)))
            known = {int(at.rpartition(":")[2]) for at in (head.url, gateway.url, head.join_address())}
            assert known < set(ports), "the data ports are not among them"
            assert ask_all(gateway) == expected
            before = descriptors(pids)
            held = []
            strikers = [threading.Thread(target=lambda p=port: [strike(p, p + r, held) for r in range(ROUNDS)])
                        for port in ports]
            for s in strikers:
                s.start()
            assert ask_all(gateway) == expected
            for s in strikers:
                s.join(DEADLINE)
            assert ask_all(gateway) == expected
            for stranger in held:
                stranger.close()
            until(head, lambda v: v["redundant"])
            assert {n["pid"] for n in view(head)["nodes"] if n["state"] == "up"} == set(pids[2:])
            settles(lambda: all(now <= was + 2 for now, was in zip(descriptors(pids), before, strict=True)))
    finally:
        end(head)


def listening(pid):
    """The TCP ports that a process listens at."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
        except FileNotFoundError:
            continue  # closed meanwhile
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENS and row[9] in inodes}


def descriptors(pids):
    return [len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) for pid in pids]


def settles(wanted):
    """Strangers' connections are let go within the limits on silence."""
    done = threading.Event()
    for _ in range(int(DEADLINE / 0.2)):
        if wanted():
            return
        done.wait(0.2)
    raise AssertionError("connections of strangers are kept")
