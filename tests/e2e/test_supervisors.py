"""Supervisors that stand by on a real etcd, nodes that keep what they hold, gateways that keep the streams."""

import json
import pathlib
import signal
import time

import pytest

from etcd_server import Etcd, EtcdTrio, etcd_binary, free_port
from short_requests import ShortRequests
from supervised import Node, Supervisor
from test_cluster import DEADLINE, MODEL, ask, ask_all, until
from test_gateway import end
from troupe_server import Gateway, Server, troupe

pytestmark = pytest.mark.skipif(etcd_binary() is None, reason="etcd is not installed")
NODES = 3


class Cluster:
    """etcd, two supervisors, three nodes, one gateway."""

    def __init__(self, *options, etcd=None):
        self.etcd = etcd or Etcd()
        ports = free_port(), free_port()
        self.first = Supervisor(MODEL, self.etcd, ports[0], "a", NODES, *options)
        wait(self.first.leads)
        self.second = Supervisor(MODEL, self.etcd, ports[1], "b", NODES, *options)
        self.supervisors = [self.first, self.second]
        self.nodes = [Node(self.supervisors, f"n{i}", *options) for i in range(NODES)]
        until(self.first, whole)
        self.gateway = Gateway(*self.supervisors, options=options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [self.gateway, *self.nodes, *self.supervisors]:
            end(process)
        self.etcd.__exit__()


def epoch(server):
    return json.loads(server.get("/cluster")[1])["epoch"]


def whole(view):
    return view["serving"] and view["redundant"] and sum(n["state"] == "up" for n in view["nodes"]) == NODES


def wait(wanted):
    deadline = time.monotonic() + DEADLINE
    while not wanted():
        assert time.monotonic() < deadline, f"not so within {DEADLINE} s"
        time.sleep(0.02)


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


def test_no_request_fails_while_leaders_end_and_others_come(cluster):
    leading, standing = cluster.first, cluster.second
    with ShortRequests([cluster.gateway.url], cluster.gateway.model) as clients:
        for _ in range(4):
            clients.wait_for(20)
            assert leading.stop() == 0
            wait(standing.leads)
            until(standing, whole)
            fresh = Supervisor(MODEL, cluster.etcd, leading.port(), leading.label, NODES)
            cluster.supervisors.append(fresh)
            wait(lambda s=fresh: "leads at" in s.get("/health")[1])
            leading, standing = standing, fresh
        clients.wait_for(20)
    assert clients.wrong == []


@pytest.mark.parametrize("strike", [signal.SIGKILL, signal.SIGSTOP])
def test_streams_outlive_the_leading_supervisor(cluster, expected, strike):
    before = epoch(cluster.first)
    assert ask_all(cluster.gateway, lambda: cluster.first.process.send_signal(strike)) == expected
    assert cluster.second.leads()
    until(cluster.second, whole)
    assert epoch(cluster.second) > before
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


def test_keys_and_values_outlive_the_leading_supervisor(cluster):
    """What has been read of a long prompt is found by the next leader's sequences, not read again."""
    def answer(server, at_token=None):
        body = {"model": server.model, "prompt": "It was the sea, and nothing but the sea. " * 24, "max_tokens": 120,
                "seed": 3, "temperature": 0.8, "stream": True, "ignore_eos": True, "logprobs": 1,
                "stream_options": {"include_usage": True}}
        said, usage = [], None
        with server.stream("/v1/completions", body) as events:
            for event in events:
                usage = event.get("usage") or usage
                if event["choices"]:
                    said.append(json.dumps(event["choices"]))
                if at_token and len(said) == at_token[0]:
                    at_token[1]()
                    at_token = None
        return said, usage

    with Server(MODEL) as alone:
        wanted = answer(alone)
    assert answer(cluster.gateway, (60, cluster.first.process.kill)) == wanted
    length = wanted[1]["prompt_tokens"]
    assert length > 500
    assert cluster.second.metric("troupe_prefix_cache_hits_total") >= length - 64
    # What was found is replicated too: the node that leads a stage now can be lost as well.
    seen = until(cluster.second, whole)
    leading = next(n["pid"] for n in seen["nodes"] if n["name"] == seen["stages"][0]["node"])
    node = next(n for n in cluster.nodes if n.process.pid == leading)
    assert answer(cluster.gateway, (60, node.process.kill))[0] == wanted[0]


def test_a_killed_supervisor_comes_back_and_stands_by(cluster, expected):
    cluster.first.process.kill()
    cluster.first.process.wait(DEADLINE)
    wait(cluster.second.leads)
    again = Supervisor(MODEL, cluster.etcd, cluster.first.port(), "a", NODES)
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


def test_a_machine_is_lost_with_its_supervisor_etcd_member_and_node(expected):
    """Frozen, not killed: as of a machine without power, no word comes of their end."""
    with EtcdTrio() as etcd, Cluster(etcd=etcd) as cluster:
        member = etcd.leader()
        lost = [member.process, cluster.first.process, cluster.nodes[0].process]
        began = time.monotonic()

        def strike():
            for process in lost:
                process.send_signal(signal.SIGSTOP)

        assert ask_all(cluster.gateway, strike) == expected
        assert ask_all(cluster.gateway) == expected
        assert time.monotonic() - began < DEADLINE
        seen = until(cluster.second, lambda v: v["serving"] and v["redundant"])
        assert sum(n["state"] == "up" for n in seen["nodes"]) == NODES - 1
        # All come back, and stand by or join again.
        for process in lost:
            process.send_signal(signal.SIGCONT)
        until(cluster.second, whole)
        assert ask_all(cluster.gateway) == expected


def test_many_successions_leak_nothing(cluster, expected):
    def descriptors(process):
        return len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir()))

    counts = []
    leading, standing = cluster.first, cluster.second
    for _ in range(4):
        leading.process.kill()
        leading.process.wait(DEADLINE)
        wait(standing.leads)
        until(standing, whole)
        assert ask(cluster.gateway, 1) == expected[1]
        fresh = Supervisor(MODEL, cluster.etcd, leading.port(), leading.label, NODES)
        cluster.supervisors.append(fresh)
        wait(lambda s=fresh: "leads at" in s.get("/health")[1])
        leading, standing = standing, fresh
        counts.append([descriptors(n.process) for n in cluster.nodes])
    assert max(counts[-1]) <= max(counts[0]) + 4, counts


@pytest.mark.parametrize("options, why", [
    (("--registry", "etcd"), "--join-port"),
    (("--registry", "etcd", "--join-port", 1, "--etcd", "nowhere"), "nowhere"),
    (("--registry", "zookeeper"), "zookeeper"),
])
def test_what_is_wrong_is_said(options, why):
    code, _, errors = troupe("supervisor", "--model", MODEL, "--port", 0, *options)
    assert code != 0
    assert why in errors
