"""Machines whose clocks differ by days, in both directions, and which were started at other times: nobody notices."""

import os
import time

import pytest

from another_clock import missing, with_clock
from etcd_server import etcd_binary
from test_cluster import DEADLINE, MODEL, ask_all, leader_of, view
from test_keys import client, count_admitted, key
from test_mixed_versions import Cluster
from test_resume import COMPLETIONS, Stream, come_back, completion, id_of, number_of
from troupe_server import BINARY, Gateway, Server

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing()),
              pytest.mark.skipif(etcd_binary() is None, reason="etcd is not installed")]
HOUR = 3600


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """troupe on a machine that is days ahead, and on one that is behind."""
    folder = tmp_path_factory.mktemp("clocks")
    return (with_clock(BINARY, folder / "ahead", "+75h", 4_000_000), with_clock(BINARY, folder / "behind", "-50h", 900_000))


@pytest.mark.parametrize("which, hours", [(0, 75), (1, -50)])
def test_such_a_machine_has_the_clocks_that_it_should(programs, which, hours):
    with Server(MODEL, binary=programs[which]) as server:
        created = client(server, "none").completions.create(model=server.model, prompt="a", max_tokens=1).created
        assert abs(created - time.time() - hours * HOUR) < DEADLINE
        assert os.readlink(f"/proc/{server.process.pid}/ns/time") != os.readlink("/proc/self/ns/time")


def test_a_cluster_of_them_gives_the_same_answers_whoever_ends(programs, expected):
    ahead, behind = programs
    with Cluster(BINARY, ahead, behind, ahead, standby=behind) as cluster:
        gateways = [cluster.gateway(ahead), cluster.gateway(behind)]
        for gateway in gateways:
            assert ask_all(gateway) == expected
        victim = int(leader_of(view(cluster.first), 0)["name"].removeprefix("n"))
        assert ask_all(gateways[0], cluster.nodes[victim].process.kill) == expected
        cluster.nodes[victim] = cluster.node("again", behind)
        cluster.until_whole(cluster.first)
        assert ask_all(gateways[1], cluster.first.process.kill) == expected
        cluster.until_whole(cluster.second)
        for gateway in gateways:
            assert ask_all(gateway) == expected


def test_limits_and_streams_are_shared_by_gateways_of_other_days(programs, tmp_path):
    a_second, seconds, file = 2, 4, tmp_path / "keys.db"
    secret = key("create", "alice", "--rpm", 60 * a_second, file=file).strip()
    options = ("--workers", 1, "--redundancy", 1, "--threads", 1)
    with Server(MODEL, *options) as head, Gateway(head, binary=programs[0], options=("--keys", file)) as one, \
            Gateway(head, binary=programs[1], options=("--keys", file)) as two:
        begin = time.monotonic()
        passed = count_admitted([one, two], secret, seconds)
        took = time.monotonic() - begin
        assert a_second * (seconds - 2) <= sum(passed) <= a_second * (took + 2) + 2, passed
    with Server(MODEL, *options) as head, Gateway(head, binary=programs[0]) as one, Gateway(head, binary=programs[1]) as two:
        first = Stream(one, COMPLETIONS, completion())  # whose client does not hang up: that would end the answer
        had, _ = first.events(20)
        rest = come_back(two, COMPLETIONS, id_of(had[0]), number_of(had[-1]))
        assert had + rest == come_back(one, COMPLETIONS, id_of(had[0]), 0)
