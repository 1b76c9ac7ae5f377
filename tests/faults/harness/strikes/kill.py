"""Workers that end at once, without a word."""

import random

from harness.cluster import Cluster, Impossible
from harness.strikes.base import Aim, Strike, one_of, only_experts, stage_owners, whole
from harness.view import Node, View


class KillExperts(Strike):
    """SIGKILL a worker that holds expert shards only"""

    name = "kill-expert-worker"
    aim = Aim(0.1, 0.3)
    least_experts = 1

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        cluster.kill(one_of(only_experts(whole(cluster)), "holds expert shards only", draw))


class KillStage(Strike):
    """SIGKILL a worker that holds an attention block and its cache"""

    name = "kill-stage"
    aim = Aim(0.3, 0.8)

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        cluster.kill(one_of(stage_owners(whole(cluster)), "owns a stage", draw))


class KillTwo(Strike):
    """SIGKILL two workers at once, one of which owns a stage"""

    name = "kill-two"
    least_workers = 4

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        view = whole(cluster)
        first = one_of(stage_owners(view), "owns a stage", draw)
        others = [node for node in view.up() if node.peer != first.peer]
        second = one_of(others, "is left beside it", draw)
        cluster.kill(first)
        cluster.kill(second)


class KillPair(Strike):
    """SIGKILL a stage's owner and its buddy at once: both copies of the cache"""

    name = "kill-pair"
    least_workers = 3

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        view = whole(cluster)
        up = {node.name: node for node in view.up()}
        pairs = [(up[s.node], up[s.buddy]) for s in view.stages if s.node in up and s.buddy in up]
        if not pairs:
            raise Impossible("no stage has a buddy")
        for node in draw.choice(pairs):
            cluster.kill(node)


class KillInRecovery(Strike):
    """SIGKILL a stage's owner, and its successor as soon as it is named"""

    name = "kill-in-recovery"
    least_workers = 3

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        view = whole(cluster)
        first = one_of(stage_owners(view), "owns a stage", draw)
        layers = {(stage.first, stage.last) for stage in view.stages if stage.node == first.name}
        cluster.kill(first)

        def successor(now: View) -> Node | None:
            names = {s.node for s in now.stages if (s.first, s.last) in layers}
            return next((n for n in now.up() if n.name in names and n.peer != first.peer), None)

        cluster.kill(cluster.wait(successor, f"a successor of {first.name}"))
