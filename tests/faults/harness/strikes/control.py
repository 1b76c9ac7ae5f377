"""Controls: what the harness says where nothing is struck, and where nothing can be saved."""

import random

from harness.client import Manners
from harness.cluster import Cluster
from harness.strikes.base import Strike


class Nothing(Strike):
    """nothing: what remains is the noise of the machine"""

    name = "none"
    least_workers = 0
    in_soak = False

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        pass


class KillServer(Strike):
    """SIGKILL every process that answers clients, and the head: must lose streams"""

    name = "kill-server"
    least_workers = 0
    loses = True
    in_soak = False
    manners = Manners(patience=0.5)  # there is nothing to wait for

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        cluster.kill_server()
