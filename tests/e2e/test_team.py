"""Several devices that compute together: the answers of one, also where nodes of both kinds follow each other."""

import contextlib

import pytest

from etcd_server import free_port
from supervised import Node, Supervisor
from test_cluster import MODEL, ask_all, leader_of, until, whole
from troupe_server import Gateway, Server, troupe

PAIR = ("--tensor-parallel", 2)


class Lead(Supervisor):
    """The only supervisor of its cluster."""

    def __init__(self, nodes):
        self.join = f"127.0.0.1:{free_port()}"
        Server.__init__(self, "--model", MODEL, "--join-port", self.port(), "--nodes", nodes, "--label", "lead")


@contextlib.contextmanager
def two_nodes():
    """A cluster of a node with one device and of a node with two: its supervisor, and they by name."""
    with Lead(2) as lead:
        nodes = {"single": Node([lead], "single"), "pair": Node([lead], "pair", *PAIR)}
        try:
            yield lead, nodes
        finally:
            for node in nodes.values():
                node.process.kill()
                node.process.wait()


def test_two_devices_answer_as_one(expected):
    with Server(MODEL, *PAIR) as together:
        assert ask_all(together) == expected


def test_stages_and_expert_shards_share_them(expected):
    with Server(MODEL, *PAIR, "--stages", 2, "--expert-shards", 3) as together:
        assert ask_all(together) == expected


def test_workers_of_two_devices_answer_as_one_process(expected):
    with Server(MODEL, *PAIR, "--workers", 2, "--expert-workers", 1) as together:
        until(together, lambda v: v["serving"])
        assert ask_all(together) == expected


@pytest.mark.parametrize("struck, left", [("pair", "single"), ("single", "pair")])
def test_nodes_of_one_and_of_two_devices_take_over_from_each_other(expected, struck, left):
    with two_nodes() as (lead, nodes):
        until(lead, lambda v: "nodes" in v)
        seen = whole(lead, 2)
        assert struck in {leader_of(seen, i)["name"] for i in range(len(seen["stages"]))}
        with Gateway(lead) as gateway:
            assert ask_all(gateway, nodes[struck].process.kill) == expected
        seen = until(lead, lambda v: v["serving"] and {s["node"] for s in v["stages"]} == {left})
        assert seen["epoch"] > 1


@pytest.mark.parametrize("count, why", [(3, "2 KV heads cannot be divided"), (17, "must be from 1 to 16")])
def test_what_devices_cannot_share_is_refused_at_the_start(count, why):
    code, _, err = troupe("serve", str(MODEL), "--tensor-parallel", str(count))
    assert code != 0
    assert why in err


def test_a_node_whose_devices_cannot_share_the_model_says_so_and_ends():
    with Lead(1) as lead:
        node = Node([lead], "three", "--tensor-parallel", 3)
        assert node.process.wait(60) != 0
        assert "2 KV heads cannot be divided" in node.said()
