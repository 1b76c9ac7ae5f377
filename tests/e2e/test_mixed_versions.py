"""A release and the next one in one cluster: the same answers, whoever leads, and what is too far apart stays outside."""

import os
import signal

import pytest

from etcd_server import Etcd, etcd_binary, free_port
from supervised import Node, Supervisor
from test_cluster import MODEL, ask_all, until
from test_gateway import end
from test_supervisors import wait
from troupe_server import BINARY, FAR, NEXT, Gateway, troupe

pytestmark = [pytest.mark.skipif(etcd_binary() is None, reason="etcd is not installed"),
              pytest.mark.skipif(not os.path.exists(NEXT), reason=f"{NEXT} is not built")]


class Cluster:
    """A supervisor, and another program, as a rule the next release's, that stands by; nodes and gateways as a test says."""

    def __init__(self, *nodes, standby=NEXT):
        self.etcd = Etcd()
        ports = free_port(), free_port()
        self.first = Supervisor(MODEL, self.etcd, ports[0], "a", len(nodes))
        wait(self.first.leads)
        self.second = Supervisor(MODEL, self.etcd, ports[1], "b", len(nodes), binary=standby)
        self.supervisors = [self.first, self.second]
        self.processes = [*self.supervisors]
        self.nodes = [self.node(f"n{i}", binary) for i, binary in enumerate(nodes)]
        self.until_whole(self.first)

    def until_whole(self, leader):
        return until(leader, lambda v: v["serving"] and v["redundant"] and
                     sum(n["state"] == "up" for n in v["nodes"]) >= len(self.nodes))

    def node(self, name, binary):
        self.processes.append(Node(self.supervisors, name, binary=binary))
        return self.processes[-1]

    def gateway(self, binary):
        self.processes.append(Gateway(*self.supervisors, binary=binary))
        return self.processes[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            end(process)
        self.etcd.__exit__()


def version(binary):
    return troupe("--version", binary=binary)[1].split()[-1]


def test_they_say_what_they_are():
    major, minor, _ = version(BINARY).split(".")
    assert version(NEXT) == f"{major}.{int(minor) + 1}.0"


def test_two_releases_serve_together_and_outlive_a_succession(expected):
    with Cluster(BINARY, NEXT, NEXT) as cluster:
        gateways = [cluster.gateway(BINARY), cluster.gateway(NEXT)]
        for gateway in gateways:
            assert ask_all(gateway) == expected
        # The older one leads: everybody speaks what it does.
        said = cluster.first.errors()
        assert said.count("control 6, data 4") >= 5 and "control 7" not in said, said
        # The newer one leads: nodes and gateways of its own release speak the newer versions with it.
        assert ask_all(gateways[1], cluster.first.process.kill) == expected
        cluster.until_whole(cluster.second)
        said = cluster.second.errors()
        assert f"n0 joins: troupe {version(BINARY)}, control 6, data 4" in said
        assert f"n1 joins: troupe {version(NEXT)}, control 7, data 5" in said
        for gateway in gateways:
            assert ask_all(gateway) == expected


def test_an_upgrade_node_by_node_changes_no_answer(expected):
    with Cluster(BINARY, BINARY, BINARY) as cluster:
        gateway = cluster.gateway(BINARY)

        def upgrade(i):
            old = cluster.nodes[i]
            old.process.send_signal(signal.SIGTERM)
            old.process.wait(60)
            cluster.nodes[i] = cluster.node(f"n{i}", NEXT)

        for i in range(3):
            assert ask_all(gateway, lambda index=i: upgrade(index)) == expected
            cluster.until_whole(cluster.first)
        assert ask_all(gateway) == expected


def test_one_that_is_too_far_away_is_told_both_ranges(expected):
    with Cluster(BINARY, BINARY) as cluster:
        gateway = cluster.gateway(BINARY)
        join = ",".join(s.join for s in cluster.supervisors[:1])
        for command in (["node", "--threads", 1, "--memory-mib", 256], ["gateway", "--port", 0]):
            code, _, errors = troupe(*command, "--join", join, binary=FAR, seconds=60)
            assert code == 1, errors
            assert "no version of the control protocol in common: 5 to 6 is spoken here, 7 to 8 there" in errors
        assert ask_all(gateway) == expected
