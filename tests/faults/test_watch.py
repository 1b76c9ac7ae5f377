"""From GET /cluster to the time without redundancy."""

import json
import time

import pytest

from harness.cluster import Blow
from harness.view import Node, Stage, View, parse_view
from harness.watch import time_to_redundancy, touched_copies

UP, SUSPECT = Node("n1", "17", 1, "up", ()), Node("n1", "17", 1, "suspect", ())
OTHER = Node("n2", "18", 2, "up", ("experts 0-7",))


def view(redundant, *nodes, epoch=1):
    return View(epoch, redundant, nodes, (), None)


def test_the_servers_answer_is_read():
    text = json.dumps({"epoch": 3, "redundant": True, "events": [], "join": "h:1", "more": 1, "nodes": [
        {"name": "n1", "peer": 17, "pid": 5, "state": "up", "rows": 1,
         "holds": ["stage 0-3", {"experts": [0, 7]}]}],
        "stages": [{"first": 0, "last": 3, "node": "n1", "buddy": None, "durable_lag": 0}]})
    read = parse_view(text)
    assert read.epoch == 3 and read.redundant and read.join == "h:1"
    assert read.nodes == (Node("n1", "17", 5, "up", ("stage 0-3", '{"experts": [0, 7]}')),)
    assert read.stages == (Stage(0, 3, "n1", None),)
    assert read.named("n1") == read.with_peer("17") == read.up()[0] and read.named("n2") is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nodes": 3}', '{"nodes": [{}]}', "null"])
def test_an_answer_of_another_kind_is_an_error(text):
    with pytest.raises(ValueError):
        parse_view(text)


def test_it_takes_until_the_loss_is_known_and_repaired():
    views = [(1.0, view(True, UP, OTHER)), (5.2, view(False, OTHER)), (5.9, view(True, OTHER)),
             (8.0, view(True, OTHER, epoch=2))]
    assert time_to_redundancy([Blow(5.0, "SIGKILL n1", "17")], views) == pytest.approx(0.9)


def test_a_state_that_does_not_know_of_the_blow_yet_does_not_count():
    assert time_to_redundancy([Blow(5.0, "SIGKILL n1", "17")], [(1.0, view(True, UP, OTHER))]) is None
    views = [(1.0, view(True, UP)), (5.1, view(True, UP, OTHER)), (5.3, view(False, OTHER)), (5.5, None)]
    assert time_to_redundancy([Blow(5.0, "SIGKILL n1", "17")], views) is None


def test_it_counts_from_the_last_of_several_blows():
    blows = [Blow(5.0, "SIGKILL n1", "17"), Blow(6.0, "SIGKILL n2", "18")]
    views = [(1.0, view(True, UP, OTHER)), (5.2, view(False, OTHER)), (5.5, view(True, OTHER)),
             (6.1, view(False)), (6.7, view(True))]
    assert time_to_redundancy(blows, views) == pytest.approx(0.7)


def test_a_blow_to_a_gateway_takes_nothing_from_redundancy():
    gateway, worker = Blow(6.0, "SIGKILL gateway 0", ""), Blow(5.0, "SIGKILL n1", "17")
    assert not touched_copies([gateway]) and touched_copies([gateway, worker])
    views = [(1.0, view(True, UP, OTHER)), (5.2, view(False, OTHER)), (5.9, view(True, OTHER))]
    assert time_to_redundancy([worker, gateway], views) == pytest.approx(0.9)


def test_a_drained_worker_counts_until_it_has_left():
    draining = Node("n1", "17", 1, "draining", ())
    views = [(1.0, view(True, UP, OTHER)), (5.1, view(True, draining, OTHER)), (6.5, view(True, OTHER))]
    assert time_to_redundancy([Blow(5.0, "drain n1", "17")], views) == pytest.approx(1.5)


def test_a_frozen_worker_counts_as_lost_until_it_is_back():
    views = [(1.0, view(True, UP)), (5.6, view(False, SUSPECT)), (6.0, view(True, SUSPECT))]
    assert time_to_redundancy([Blow(5.0, "SIGSTOP n1", "17")], views) == pytest.approx(1.0)
    back = Blow(5.0, "SIGSTOP n1", "17", undone=5.3)
    assert time_to_redundancy([back], [(1.0, view(True, UP))]) == pytest.approx(0.3)
    assert time_to_redundancy([Blow(time.monotonic(), "SIGSTOP n1", "17")], [(1.0, view(True, UP))]) is None
