"""Strikes choose the right victims, on a cluster that exists in words only."""

import random
import types

import pytest

from harness.cluster import Impossible
from harness.strikes import freeze, strikes
from harness.view import Node, Stage, View

OWNER = Node("n1", "1", 1, "up", ("stage 0-1",))
BUDDY = Node("n2", "2", 2, "up", ("buddy 0-1",))
EXPERTS = Node("n3", "3", 3, "up", ("experts 0-15",))
DRAINING = Node("n4", "4", 4, "draining", ("experts 0-15",))
VIEW = View(1, True, (OWNER, BUDDY, EXPERTS, DRAINING), (Stage(0, 1, "n1", "n2"),), "here:1")
AFTER = View(2, False, (BUDDY, EXPERTS), (Stage(0, 1, "n2", None),), "here:1")


class Words:
    """Notes what is done to it; after the first kill the state is `AFTER`."""

    def __init__(self, view=VIEW):
        self.view, self.done = view, []
        self.gateways = types.SimpleNamespace(numbers=lambda: [0, 1])

    def returns(self):
        return len(self.done)  # somebody comes back as soon as something is done

    def wait(self, wanted, what, seconds=60):
        if found := wanted(self.view):
            return found
        raise Impossible(what)

    def kill(self, node):
        self.done.append(("kill", node.name))
        self.view = AFTER

    def __getattr__(self, verb):
        def do(node=None):
            self.done.append((verb, getattr(node, "name", node)))
            return EXPERTS

        return do


def struck(name, view=VIEW, seed=1):
    cluster = Words(view)
    strikes()[name]().run(cluster, random.Random(seed))
    return cluster.done


def test_every_strike_says_what_it_is():
    assert {"kill-stage", "kill-expert-worker", "freeze-worker", "drain", "join", "rolling-restart"} <= strikes().keys()
    assert all(strike.what() for strike in strikes().values())


def test_workers_are_chosen_by_what_they_hold():
    for seed in range(5):
        assert struck("kill-stage", seed=seed) == [("kill", "n1")]
        assert struck("kill-expert-worker", seed=seed) == [("kill", "n3")]
        assert struck("drain", seed=seed) == [("drain", "n1")]


def test_a_strike_without_a_victim_is_impossible():
    with pytest.raises(Impossible, match="holds expert shards only"):
        struck("kill-expert-worker", View(1, True, (OWNER, BUDDY), VIEW.stages, None))
    with pytest.raises(Impossible, match="no stage has a buddy"):
        struck("kill-pair", View(1, True, (OWNER, EXPERTS), (Stage(0, 1, "n1", None),), None))
    with pytest.raises(Impossible, match="every stage has an owner"):
        struck("kill-stage", View(1, True, (EXPERTS,), VIEW.stages, None))


def test_two_are_killed_at_once():
    assert struck("kill-pair") == [("kill", "n1"), ("kill", "n2")]
    first, second = struck("kill-two")
    assert first == ("kill", "n1") and second in [("kill", "n2"), ("kill", "n3")]


def test_the_successor_is_killed_in_recovery():
    assert struck("kill-in-recovery") == [("kill", "n1"), ("kill", "n2")]


def test_what_is_frozen_is_thawed():
    assert struck("blink") == [("freeze", "n1"), ("thaw", "n1")]


def test_of_the_workers_for_experts_one_is_frozen(monkeypatch):
    monkeypatch.setattr(freeze.FreezeWorker, "seconds", 0)
    assert struck("freeze-expert-worker") == [("freeze", "n3"), ("thaw", "n3")]


def test_a_rolling_restart_takes_every_worker_in_turn():
    assert struck("rolling-restart") == [("join", None), ("drain", "n1"), ("join", None), ("drain", "n2"),
                                         ("join", None), ("drain", "n3")]


@pytest.mark.parametrize(("name", "verbs"), [
    ("kill-gateway", ("kill_gateway", "start_gateway")), ("freeze-gateway", ("freeze_gateway", "thaw_gateway"))])
def test_of_two_gateways_one_is_struck_and_there_are_two_again(name, verbs):
    done = {tuple(struck(name, seed=seed)) for seed in range(9)}
    assert done == {((verbs[0], number), (verbs[1], number)) for number in (0, 1)}


def test_the_head_comes_back():
    assert struck("kill-head") == [("kill_head", None), ("start_head", None)]


def test_a_joined_node_must_be_given_something():
    assert struck("join") == [("join", None)]


class Cut(Words):
    """Whose nodes are behind links: one that is cut off is given up, and comes back as another."""

    def link_down(self, node):
        self.done.append(("link_down", node.name))
        self.view = AFTER

    def link_up(self, node):
        self.done.append(("link_up", node.name))
        self.view = View(3, True, (Node("n1", "9", node.pid, "up", ()), BUDDY), (Stage(0, 1, "n2", "n1"),), "here:1")


def test_a_link_is_down_until_its_node_is_given_up_and_up_until_it_is_back(monkeypatch):
    monkeypatch.setattr(strikes()["link-down"], "seconds", 0.01)
    cluster = Cut(VIEW)
    strikes()["link-down"]().run(cluster, random.Random(1))
    assert [done for done in cluster.done if done[0].startswith("link")] == [("link_down", "n1"), ("link_up", "n1")]


def test_a_node_that_is_given_up_for_a_blink_is_reported(monkeypatch):
    monkeypatch.setattr("harness.strikes.freeze.time.sleep", lambda seconds: None)
    assert struck("long-blink") == [("freeze", "n1"), ("thaw", "n1")]

    class Hasty(Words):
        def thaw(self, node):
            self.view = AFTER

    with pytest.raises(Impossible, match="given up"):
        strikes()["long-blink"]().run(Hasty(VIEW), random.Random(1))
