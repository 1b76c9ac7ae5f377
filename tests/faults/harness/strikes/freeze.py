"""Workers that stop answering, and go on later as if nothing had been."""

import random
import time
from typing import ClassVar

from harness.cluster import Cluster
from harness.strikes.base import Aim, Strike, one_of, only_experts, stage_owners, whole


class FreezeWorker(Strike):
    """SIGSTOP a worker that owns a stage, then SIGCONT"""

    name = "freeze-worker"
    aim = Aim(1.0, 2.0)
    seconds: ClassVar[float] = 20

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        node = one_of(stage_owners(whole(cluster)), "owns a stage", draw)
        cluster.freeze(node)
        time.sleep(self.seconds)
        cluster.thaw(node)


class FreezeExperts(Strike):
    """SIGSTOP a worker that holds expert shards only, then SIGCONT"""

    name = "freeze-expert-worker"
    aim = Aim(0.3, 0.5)
    least_experts = 2

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        node = one_of(only_experts(whole(cluster)), "holds expert shards only", draw)
        cluster.freeze(node)
        time.sleep(FreezeWorker.seconds)
        cluster.thaw(node)


class Blink(FreezeWorker):
    """SIGSTOP a worker that owns a stage for less than it takes to be given up"""

    name = "blink"
    seconds = 0.3
