"""Gateways that end, or stop answering: clients go on at another one."""

import random
import time

from harness.client import Manners
from harness.cluster import Cluster
from harness.strikes.base import Aim, Strike

_RETURN_SECONDS = 20
_POLL_SECONDS = 0.005


class KillGateway(Strike):
    """SIGKILL a gateway that half of the clients are connected to; then another one comes in its place"""

    name = "kill-gateway"
    aim = Aim(0.3, 1.0)
    least_gateways = 2
    resumes = True

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        number = draw.choice(cluster.gateways.numbers())
        cluster.kill_gateway(number)
        cluster.start_gateway(number)


class FreezeGateway(Strike):
    """SIGSTOP a gateway; SIGCONT as soon as a client has taken its stream over at another one"""

    name = "freeze-gateway"
    aim = Aim(2.5, 4.0)  # most of it is the clients' own patience
    least_gateways = 2
    resumes = True
    manners = Manners(silence=2, lingering=True)

    def run(self, cluster: Cluster, draw: random.Random) -> None:
        number = draw.choice(cluster.gateways.numbers())
        before, deadline = cluster.returns(), time.monotonic() + _RETURN_SECONDS
        cluster.freeze_gateway(number)
        # Woken in the midst of it: of its answers some are another's by now, for some its clients still wait.
        while cluster.returns() == before and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        cluster.thaw_gateway(number)
