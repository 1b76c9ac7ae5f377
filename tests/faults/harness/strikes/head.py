"""Whoever all others join ends, and comes back."""

import random
import time

from harness.cluster import Cluster
from harness.strikes.base import Aim, Strike, whole


class KillHead(Strike):
    """SIGKILL the head, with which all its workers end; then it is started again"""

    name = "kill-head"
    aim = Aim(2.0, 10.0)
    least_gateways = 1
    supervisors = False
    in_soak = False  # which compares the memory of one head over time

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        whole(cluster)
        cluster.kill_head()
        cluster.start_head()
        whole(cluster)


class KillSupervisor(Strike):
    """SIGKILL the supervisor that leads: the other one takes over, and the first comes back and stands by"""

    name = "kill-supervisor"
    aim = Aim(0.3, 1.5)
    least_gateways = 1
    supervisors = True
    in_soak = False

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        whole(cluster)
        cluster.kill_head()
        whole(cluster)
        cluster.start_head()


class KillRegistry(Strike):
    """SIGKILL etcd for 30 s"""

    name = "kill-etcd"
    aim = Aim(0.0, 0.3)
    least_gateways = 1
    supervisors = True
    in_soak = False

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        whole(cluster)
        cluster.kill_registry()
        time.sleep(30)
        cluster.start_registry()
