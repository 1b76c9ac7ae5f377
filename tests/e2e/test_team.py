"""Several devices that compute together: the answers of one, also where nodes of both kinds follow each other."""

import os
import signal
import subprocess
import tempfile

import pytest

from test_cluster import MODEL, ask_all, is_gone, until, whole
from troupe_server import BINARY, Server, read, troupe


class Pair:
    """A node whose two devices compute together, for use in a `with` statement."""

    name = "pair"

    def __init__(self, server):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [BINARY, "node", "--join", server.join_address(), "--name", self.name, "--model", str(MODEL),
             "--threads", "2", "--tensor-parallel", "2", "--memory-mib", "512"], stdout=self.log, stderr=self.log,
            text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def led_by(seen):
    return {stage["node"] for stage in seen["stages"]}


def test_two_devices_answer_as_one(expected):
    with Server(MODEL, "--tensor-parallel", 2) as together:
        assert ask_all(together) == expected


def test_stages_and_expert_shards_share_them(expected):
    with Server(MODEL, "--tensor-parallel", 2, "--stages", 2, "--expert-shards", 3) as together:
        assert ask_all(together) == expected


def test_workers_of_two_devices_answer_as_one_process(expected):
    with Server(MODEL, "--tensor-parallel", 2, "--workers", 2, "--expert-workers", 1) as together:
        until(together, lambda v: v["serving"])
        assert ask_all(together) == expected


@pytest.mark.parametrize("struck", ["pair", "single"])
def test_nodes_of_one_and_of_two_devices_take_over_from_each_other(expected, struck):
    with Server(MODEL, "--workers", 2) as server, Pair(server) as pair:
        first = next(n for n in whole(server, 3)["nodes"] if n["name"] != pair.name)
        os.kill(first["pid"], signal.SIGKILL)
        until(server, lambda v: is_gone(v, first))
        seen = until(server, lambda v: v["redundant"] and pair.name in led_by(v) and len(led_by(v)) > 1,
                     read(pair.log))
        chosen = next(n for n in seen["nodes"] if n["state"] == "up" and (n["name"] == pair.name) == (struck == "pair"))
        assert ask_all(server, lambda: os.kill(chosen["pid"], signal.SIGKILL)) == expected
        assert led_by(until(server, lambda v: is_gone(v, chosen))) == (
            {pair.name} if struck == "single" else led_by(seen) - {pair.name})


@pytest.mark.parametrize("count, why", [(3, "2 KV heads cannot be divided"), (17, "tensor_parallel")])
def test_what_devices_cannot_share_is_refused_at_the_start(count, why):
    code, _, err = troupe("serve", str(MODEL), "--tensor-parallel", str(count))
    assert code != 0
    assert why in err
