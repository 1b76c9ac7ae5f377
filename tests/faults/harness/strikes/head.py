"""The process that all others join ends, and comes back."""

import random

from harness.cluster import Cluster
from harness.strikes.base import Aim, Strike, whole


class KillHead(Strike):
    """SIGKILL the head, with which all its workers end; then it is started again"""

    name = "kill-head"
    aim = Aim(2.0, 10.0)
    least_gateways = 1
    in_soak = False  # which compares the memory of one head over time

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        whole(cluster)
        cluster.kill_head()
        cluster.start_head()
        whole(cluster)
