"""Workers that come and go in good order."""

import random

from harness.cluster import Cluster
from harness.strikes.base import Aim, Strike, one_of, stage_owners, whole
from harness.view import View


class Join(Strike):
    """A node joins and is given work"""

    name = "join"
    aim = Aim(0.3, 1.0)

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        joined = cluster.join()

        def works(view: View) -> bool:
            node = view.with_peer(joined.peer)
            return node is not None and bool(node.holds)

        cluster.wait(works, f"{joined.name} is given something to hold")


class Drain(Strike):
    """A worker that owns a stage is drained"""

    name = "drain"
    aim = Aim(0.3, 1.0)

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        cluster.drain(one_of(stage_owners(whole(cluster)), "owns a stage", draw))


class RollingRestart(Strike):
    """Every worker in turn: another joins, then it is drained"""

    name = "rolling-restart"
    aim = Aim(0.3, 1.0)
    in_soak = False

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        for node in whole(cluster).up():
            cluster.join()
            cluster.drain(node)
            cluster.wait(lambda view: view.redundant, "redundancy after a restart")
