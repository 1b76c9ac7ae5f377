"""Nodes that lack the model's file get what they hold of it from their peers."""

import json
import os
import signal
import subprocess
import tempfile
import time

import pytest

from troupe_server import BINARY, Server, read

MIB = 1 << 20
DEADLINE = 90


class BareNode:
    """A node on a machine without the model's file, for use in a `with` statement."""

    def __init__(self, server, cache, name="bare", model="/nowhere/model.gguf"):
        self.name = name
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [BINARY, "node", "--join", server.join_address(), "--name", name, "--model", str(model),
             "--weights-cache", str(cache), "--memory-mib", "6144"],
            stdout=self.log, stderr=self.log, text=True)

    def said(self):
        return read(self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def until(server, node, wanted):
    """Waits until the cluster's view is as wanted."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        seen = json.loads(server.get("/cluster")[1])
        if wanted(seen):
            return seen
        assert node is None or node.process.poll() is None, node.said()
        time.sleep(0.05)
    raise AssertionError(f"not so within {DEADLINE} s: {seen}\n{node.said() if node else ''}")


def until_ended(server, node):
    deadline = time.monotonic() + DEADLINE
    while node.process.poll() is None:
        assert time.monotonic() < deadline, f"{server.get('/cluster')[1]}\n{node.said()}"
        time.sleep(0.05)


def holds(name):
    """The node is up, with something, and every copy is there."""
    return lambda view: view["redundant"] and any(
        n["name"] == name and n["state"] == "up" and n["holds"] for n in view["nodes"])


def answer(server):
    body = {"model": server.model, "prompt": "The lighthouse keeper opened the", "max_tokens": 40,
            "temperature": 0, "stream": True}
    with server.stream("/v1/completions", body) as events:
        return "".join(e["choices"][0]["text"] for e in events)


def kept_file(cache, model_file):
    """Where the node keeps what it has of the file."""
    [found] = cache.glob(f"*/{model_file.name}")
    return found


def wrong_blocks(kept, original):
    """Blocks that are neither the original's nor holes."""
    with open(kept, "rb") as ours, open(original, "rb") as theirs:
        return [i for i in range((original.stat().st_size + MIB - 1) // MIB)
                if (block := ours.read(MIB)) != theirs.read(MIB) and any(block)]


@pytest.fixture
def cluster(model_file):
    with Server(model_file, "--workers", 2, "--context", 1024) as running:
        until(running, None, lambda v: v["redundant"])
        yield running


def test_a_node_without_the_file_holds_its_part_and_changes_no_answer(cluster, model_file, tmp_path):
    expected = answer(cluster)
    with BareNode(cluster, tmp_path) as node:
        seen = until(cluster, node, lambda v: any(n["name"] == node.name and n["state"] == "up" for n in v["nodes"]))
        assert any("lacks the model's files" in e["text"] for e in seen["events"])
        workers = [n["pid"] for n in seen["nodes"] if n["name"] != node.name]
        os.kill(workers[0], signal.SIGSTOP)
        try:
            # Copies are missing: it gets what it is to hold from the worker that is left.
            seen = until(cluster, node, holds(node.name))
            weights = next(n["weights"] for n in seen["nodes"] if n["name"] == node.name)
            assert 0 < weights["got"] == weights["wanted"]
            assert answer(cluster) == expected
            os.kill(workers[1], signal.SIGKILL)
            assert answer(cluster) == expected
            seen = until(cluster, node, lambda v: v["serving"])
            assert any(s["node"] == node.name for s in seen["stages"])
        finally:
            os.kill(workers[0], signal.SIGCONT)
        kept = kept_file(tmp_path, model_file)
        assert kept.stat().st_size == model_file.stat().st_size
        assert wrong_blocks(kept, model_file) == []
    # What was kept is not got again.
    with BareNode(cluster, tmp_path) as again:
        until(cluster, again, lambda v: sum(n["name"] == "bare" and n["state"] == "up" for n in v["nodes"]) == 1 and
              "has joined" in again.said())
        assert "gets" not in again.said().split("has joined")[0]


def test_without_a_cache_a_missing_file_is_an_error(cluster):
    with BareNode(cluster, "none") as node:
        assert node.process.wait(DEADLINE) == 1
        assert "/nowhere/model.gguf" in node.said()


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
@pytest.mark.parametrize("mib", [1, 60])
def test_a_full_disk_ends_the_node_and_nobody_else(cluster, tmp_path, mib):
    """Before it has joined, and once it is to hold a part of the model."""
    expected = answer(cluster)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", tmp_path], check=True)
    worker = json.loads(cluster.get("/cluster")[1])["nodes"][0]["pid"]
    try:
        with BareNode(cluster, tmp_path) as node:
            if mib > 1:
                until(cluster, node, lambda v: any(n["name"] == node.name and n["state"] == "up" for n in v["nodes"]))
            os.kill(worker, signal.SIGSTOP)
            until_ended(cluster, node)
            assert node.process.wait() == 1
            assert "cannot hold its part of the model" in node.said() and "no room" in node.said()
        assert answer(cluster) == expected
    finally:
        os.kill(worker, signal.SIGCONT)
        subprocess.run(["umount", tmp_path], check=True)
    until(cluster, None, lambda v: v["redundant"])
