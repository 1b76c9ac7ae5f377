"""Supervisors that stand by on a real etcd, nodes that keep what they hold, gateways that keep the streams."""

import json
import re
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from etcd_server import Etcd, etcd_binary, free_port
from test_cluster import DEADLINE, MODEL, ask, ask_all, until
from test_gateway import becomes, end
from troupe_server import BINARY, Gateway, Server, read, troupe

pytestmark = pytest.mark.skipif(etcd_binary() is None, reason="etcd is not installed")
NODES = 3


class Supervisor(Server):
    """One of several; its greeting says where HTTP is, before it leads."""

    command = "supervisor"

    def __init__(self, etcd, join_port, label):
        self.join = f"127.0.0.1:{join_port}"
        self.label = label
        super().__init__("--model", MODEL, "--registry", "etcd", "--etcd", etcd.url, "--join-port", join_port,
                         "--nodes", NODES, "--label", label)

    def _wait_for_greeting(self):
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = re.search(r"Supervisor \S+ of (\S+) at (http://\S+)\.\n", read(self.output))
            if found:
                return f"Serving {found.group(1)} at {found.group(2)}/v1 "
            assert self.process.poll() is None, read(self.log)
            time.sleep(0.02)
        raise AssertionError(f"the supervisor did not start:\n{read(self.output)}{read(self.log)}")

    def join_address(self):
        return self.join

    def leads(self):
        return "Leading at" in read(self.output)

    def epoch(self):
        return json.loads(self.get("/cluster")[1])["epoch"]


class Node:
    """A worker process."""

    def __init__(self, supervisors, name):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [BINARY, "node", "--join", ",".join(s.join for s in supervisors), "--name", name,
             "--threads", "1", "--memory-mib", "512"], stdout=self.log, stderr=self.log, text=True)

    def said(self):
        return read(self.log)


class Cluster:
    """etcd, two supervisors, three nodes, one gateway."""

    def __init__(self):
        self.etcd = Etcd()
        ports = free_port(), free_port()
        self.first = Supervisor(self.etcd, ports[0], "a")
        wait(self.first.leads)
        self.second = Supervisor(self.etcd, ports[1], "b")
        self.supervisors = [self.first, self.second]
        self.nodes = [Node(self.supervisors, f"n{i}") for i in range(NODES)]
        until(self.first, whole)
        self.gateway = Gateway(*self.supervisors)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [self.gateway, *self.nodes, *self.supervisors]:
            end(process)
        self.etcd.__exit__()


def whole(view):
    return view["serving"] and view["redundant"] and sum(n["state"] == "up" for n in view["nodes"]) == NODES


def wait(wanted):
    deadline = time.monotonic() + DEADLINE
    while not wanted():
        assert time.monotonic() < deadline, f"not so within {DEADLINE} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def expected():
    with Server(MODEL) as alone:
        return ask_all(alone)


@pytest.fixture
def cluster():
    with Cluster() as running:
        yield running


def test_one_leads_and_the_other_says_so(cluster, expected):
    assert cluster.first.leads() and not cluster.second.leads()
    wait(lambda: "a leads at" in cluster.second.get("/health")[1])
    code, body = cluster.second.post("/v1/completions", b"{}")
    assert code == 503
    assert "standing by: a leads" in json.loads(body)["error"]["message"]
    assert ask_all(cluster.gateway) == expected
    # A clean end hands the leadership over at once.
    assert cluster.first.stop() == 0
    wait(cluster.second.leads)
    assert ask_all(cluster.gateway) == expected


@pytest.mark.parametrize("strike", [signal.SIGKILL, signal.SIGSTOP])
def test_streams_outlive_the_leading_supervisor(cluster, expected, strike):
    before = cluster.first.epoch()
    assert ask_all(cluster.gateway, lambda: cluster.first.process.send_signal(strike)) == expected
    assert cluster.second.leads()
    until(cluster.second, whole)
    assert cluster.second.epoch() > before
    # Nobody loaded anything again: what the nodes held was taken as it was.
    assert "goes on with the stages that" in cluster.second.get("/cluster")[1]
    for node in cluster.nodes:
        assert node.said().count("joins again with what it holds") == 1
        assert node.process.poll() is None
    # The frozen one wakes, hears that its time is over, and stands by.
    cluster.first.process.send_signal(signal.SIGCONT)
    if strike == signal.SIGSTOP:
        wait(lambda: "b leads in term 2" in cluster.first.errors())
        assert ask_all(cluster.gateway) == expected


def test_a_killed_supervisor_comes_back_and_stands_by(cluster, expected):
    cluster.first.process.kill()
    cluster.first.process.wait(DEADLINE)
    wait(cluster.second.leads)
    again = Supervisor(cluster.etcd, cluster.first.join.rsplit(":", 1)[1], "a")
    cluster.supervisors.append(again)
    wait(lambda: "b leads at" in again.get("/health")[1])
    assert ask_all(cluster.gateway, cluster.second.process.kill) == expected
    wait(again.leads)
    until(again, whole)


def test_without_etcd_streams_go_on_and_new_ones_too(cluster, expected):
    assert ask_all(cluster.gateway, cluster.etcd.kill) == expected
    wait(lambda: "etcd gives no answer" in cluster.first.errors())
    assert ask_all(cluster.gateway) == expected
    cluster.etcd.start()
    wait(lambda: "a leads at" in cluster.second.get("/health")[1])
    assert not cluster.second.leads()
    assert ask_all(cluster.gateway, cluster.first.process.kill) == expected
    assert cluster.second.leads()


def test_a_node_is_lost_together_with_the_supervisor(cluster, expected):
    def strike():
        cluster.nodes[0].process.kill()
        cluster.first.process.kill()

    assert ask_all(cluster.gateway, strike) == expected
    until(cluster.second, lambda v: v["serving"] and v["redundant"])


def test_many_successions_leak_nothing(cluster, expected):
    def descriptors(process):
        return len(list(pathlib_of(process).iterdir()))

    counts = []
    leading, standing = cluster.first, cluster.second
    for _ in range(4):
        leading.process.kill()
        leading.process.wait(DEADLINE)
        wait(standing.leads)
        until(standing, whole)
        assert ask(cluster.gateway, 1) == expected[1]
        fresh = Supervisor(cluster.etcd, leading.join.rsplit(":", 1)[1], leading.label)
        cluster.supervisors.append(fresh)
        wait(lambda s=fresh: "leads at" in s.get("/health")[1])
        leading, standing = standing, fresh
        counts.append([descriptors(n.process) for n in cluster.nodes])
    assert max(counts[-1]) <= max(counts[0]) + 4, counts


def pathlib_of(process):
    import pathlib
    return pathlib.Path(f"/proc/{process.pid}/fd")


@pytest.mark.parametrize("options, why", [
    (("--registry", "etcd"), "--join-port"),
    (("--registry", "etcd", "--join-port", 1, "--etcd", "nowhere"), "nowhere"),
    (("--registry", "zookeeper"), "zookeeper"),
])
def test_what_is_wrong_is_said(options, why):
    code, _, errors = troupe("supervisor", "--model", MODEL, "--port", 0, *options)
    assert code != 0
    assert why in errors
