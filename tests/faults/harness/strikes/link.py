"""Hosts that cannot be reached for a while, though everything on them runs."""

import random
import time
from typing import ClassVar

from harness.cluster import Cluster
from harness.strikes.base import Aim, Strike, one_of, stage_owners, whole
from harness.view import View


class LinkDown(Strike):
    """The link of a host goes down, with a worker there that owns a stage; 10 s later it is up, and the worker joins anew"""

    name = "link-down"
    aim = Aim(1.0, 2.5)
    hosts = 2
    least_workers = 4
    supervisors = False
    in_soak = False
    seconds: ClassVar[float] = 10

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        owners = [node for node in stage_owners(whole(cluster)) if cluster.behind_a_link(node)]
        node = one_of(owners, "on a host of its own owns a stage", draw)
        cluster.wait(lambda view: view.redundant, "every copy is there")
        cluster.link_down(node)
        until = time.monotonic() + self.seconds

        def given_up(view: View) -> bool:
            seen = view.with_peer(node.peer)
            return seen is None or seen.state == "gone"

        cluster.wait(given_up, f"{node.name} is given up", self.seconds)
        time.sleep(max(0.0, until - time.monotonic()))
        cluster.link_up(node)

        def back(view: View) -> bool:
            return any(n.pid == node.pid and n.peer != node.peer for n in view.up())

        cluster.wait(back, f"{node.name} joins anew")
