"""The state of a cluster over time, as its own API tells it."""

import collections
import threading
import time

from harness.cluster import Blow, Cluster
from harness.view import View

_POLL_SECONDS = 0.05


class Watch:
    """Asks for the state again and again; keeps what differs from the state before."""

    def __init__(self, cluster: Cluster, keep: int = 10_000):
        """`keep`: how many states at most; older ones are forgotten."""
        self._cluster = cluster
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._views: collections.deque[tuple[float, View | None]] = collections.deque(maxlen=keep)

    def views(self) -> list[tuple[float, View | None]]:
        """Each state with its beginning (time.monotonic); None: the server did not say."""
        return list(self._views)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            try:
                view = self._cluster.view()
            except (OSError, ValueError):
                view = None
            if not self._views or self._views[-1][1] != view:
                self._views.append((time.monotonic(), view))


def touched_copies(blows: list[Blow]) -> bool:
    """Whether any of them was to a node, so that there is something to restore."""
    return any(blow.peer for blow in blows)


def wait_for_redundancy(cluster: Cluster, watch: Watch, seconds: float) -> float | None:
    """Seconds from the last blow until the cluster was whole again; None: it is not, after `seconds`
    from now."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and cluster.runs():
        if (took := time_to_redundancy(cluster.blows, watch.views())) is not None:
            return took
        time.sleep(_POLL_SECONDS)
    return None


def time_to_redundancy(blows: list[Blow], views: list[tuple[float, View | None]]) -> float | None:
    """From the last blow to the first state afterwards that is redundant and knows of every blow."""
    blows = [blow for blow in blows if blow.peer]
    last = max(blow.when for blow in blows)
    for position, (when, view) in enumerate(views):
        until = views[position + 1][0] if position + 1 < len(views) else time.monotonic()
        if until <= last or view is None or not view.redundant:
            continue
        known = [since for blow in blows if (since := _known_from(blow, view)) is not None]
        good_from = max([last, when, *known])
        if len(known) == len(blows) and good_from < until:
            return good_from - last
    return None


def _known_from(blow: Blow, view: View) -> float | None:
    """From when on a state takes the blow into account: the node is no longer counted on, or is back. One
    that is being drained is counted on until it has left."""
    node = view.with_peer(blow.peer)
    if node is None or node.state not in ("up", "draining"):
        return blow.when
    return blow.undone
