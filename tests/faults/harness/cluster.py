"""A cluster under test: its head and the head's workers, its gateways, and the nodes that joined it."""

import contextlib
import dataclasses
import http.client
import os
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

from harness.gateways import Gateways
from harness.head import Head, Options
from harness.hosts import Hosts
from harness.supervisors import Supervisors
from harness.processes import NotOurs, Process, adopt_orphans, descendants, reap
from harness.programs import troupe_server
from harness.view import Node, View, parse_view

ANSWER_SECONDS = 2  # for GET /cluster
CHANGE_SECONDS = 60  # for a node to join, to drain, to end
_POLL_SECONDS = 0.02


class Impossible(Exception):
    """What a strike needs is not there: no such worker, or a wait that ran out."""


@dataclasses.dataclass
class Blow:
    """Something done to the cluster. `peer`: to which node, empty where copies of nothing were touched;
    `undone`: when it was taken back."""

    when: float
    what: str
    peer: str
    undone: float | None = None


def _head(options: Options) -> Any:
    if options.hosts:
        return Hosts(options)
    return Supervisors(options) if options.supervisors else Head(options)


class Cluster:
    """A running cluster, for use in a `with` statement. Signals go to its own processes only."""

    def __init__(self, options: Options):
        adopt_orphans()
        self._others = descendants(os.getpid())  # all that starts from here on belongs to the cluster
        self.options = options
        self.head: Any = _head(options)
        self.model = self.head.model
        try:
            self.gateways = Gateways(self.head, options.gateways if options.workers else 0)
        except AssertionError:
            self.head.stop()
            raise
        self.returns: Callable[[], int] = lambda: 0  # how often clients came back for streams, if any ask
        self.blows: list[Blow] = []
        self._joined: list[subprocess.Popen[str]] = []
        self._frozen: dict[str, Process] = {}
        self._log = tempfile.TemporaryFile(mode="w+")
        self._stopped = False

    def runs(self) -> bool:
        """Whether its head does."""
        return self.head.runs()

    def addresses(self) -> list[str]:
        """Whom clients ask, as host:port: the gateways, or the server where there are none."""
        return self.gateways.addresses() or [urllib.parse.urlsplit(self.head.leader().url).netloc]

    def view(self) -> View:
        """Raises OSError or ValueError where the server does not say."""
        address = urllib.parse.urlsplit(self.head.leader().url).netloc
        connection = http.client.HTTPConnection(address, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/cluster")
            reply = connection.getresponse()
            text = reply.read().decode()
        except http.client.HTTPException as e:
            raise OSError(f"GET /cluster: {e!r}") from e
        finally:
            connection.close()
        if reply.status != 200:
            raise ValueError(f"GET /cluster: status {reply.status}: {text[:300]}")
        return parse_view(text)

    def errors(self) -> str:
        """What the server, the gateways and the nodes that joined have said so far."""
        return self.head.errors() + self.gateways.errors() + troupe_server.read(self._log)

    def wait(self, wanted: Callable[[View], Any], what: str, seconds: float = CHANGE_SECONDS) -> Any:
        """What `wanted` says of the first view of which it says something true. Raises Impossible."""
        deadline, last = time.monotonic() + seconds, "no view"
        while time.monotonic() < deadline:
            if not self.runs():
                raise Impossible(f"{what}: the server has ended: {self.errors()[-1000:]}")
            try:
                view = self.view()
                last = f"epoch {view.epoch}, " + ", ".join(f"{n.name} {n.state}" for n in view.nodes)
                if found := wanted(view):
                    return found
            except (OSError, ValueError) as e:
                last = repr(e)
            time.sleep(_POLL_SECONDS)
        raise Impossible(f"{what}: not within {seconds:.0f} s ({last})")

    def kill(self, node: Node) -> None:
        process = self._process(node)
        self._blow("SIGKILL", node)
        process.send(SIGKILL)
        process.close()

    def freeze(self, node: Node) -> None:
        """Until `thaw`, or until the cluster stops."""
        process = self._process(node)
        self._blow("SIGSTOP", node)
        process.send(SIGSTOP)
        self._frozen[node.peer] = process

    def thaw(self, node: Node) -> None:
        process = self._frozen.pop(node.peer)
        process.send(SIGCONT)
        process.close()
        for blow in self.blows:
            if blow.peer == node.peer:
                blow.undone = time.monotonic()

    def behind_a_link(self, node: Node) -> bool:
        """Whether it is on a host of its own."""
        return isinstance(self.head, Hosts) and self.head.host_of(node.pid) is not None

    def link_down(self, node: Node) -> None:
        """That of its host, as `behind_a_link` has said. Until `link_up`."""
        self._blow("link down", node)
        self.head.network.down(self.head.host_of(node.pid))

    def link_up(self, node: Node) -> None:
        self.head.network.up(self.head.host_of(node.pid))
        for blow in self.blows:
            if blow.peer == node.peer:
                blow.undone = time.monotonic()

    def drain(self, node: Node) -> None:
        """Returns once the node has left and its process has ended."""
        process = self._process(node)
        try:
            self._blow("drain", node)
            code, _, errors = troupe_server.troupe("drain", node.name, "--url",
                                                   self.head.leader().url, seconds=CHANGE_SECONDS)
            if code:
                raise Impossible(f"troupe drain {node.name} ended with {code}: {errors.strip()}")
            if not process.wait(CHANGE_SECONDS):
                raise Impossible(f"{node.name} was drained and still runs after {CHANGE_SECONDS} s")
        finally:
            process.close()

    def join(self) -> Node:
        """Starts one more node; returns it once it is up."""
        view = self.wait(lambda v: v, "the cluster's state")
        if view.join is None:
            raise Impossible("GET /cluster does not say where to join")
        before = {node.peer for node in view.nodes}
        known = ",".join(server.join_address() for server in self.head.servers())
        process = subprocess.Popen([troupe_server.BINARY, "node", "--join", known],
                                   stdout=self._log, stderr=self._log, text=True)
        self._joined.append(process)

        def arrived(now: View) -> Node | None:
            if process.poll() is not None:
                raise Impossible(f"the new node ended with {process.returncode}: {self.errors()[-1000:]}")
            return next((n for n in now.up() if n.peer not in before and n.pid == process.pid), None)

        return self.wait(arrived, "a new node joins")

    def kill_server(self) -> None:
        """Everything that the clients are connected to."""
        self.blows.append(Blow(time.monotonic(), "SIGKILL the server", ""))
        self.head.kill()
        for number in self.gateways.numbers():
            self.gateways.kill(number)

    def kill_head(self) -> None:
        """The head alone; the workers that it started end with it, all of them. Until `start_head`."""
        # Any worker stands for all: each is lost, or joins anew.
        workers = self.wait(lambda view: view.up(), "a worker is up")
        self.blows.append(Blow(time.monotonic(), f"SIGKILL the {self.head.leader().command}", workers[0].peer))
        self.head.kill()

    def start_head(self) -> None:
        """It again, where gateways and nodes look for it. Raises Impossible."""
        try:
            self.head.start()
        except AssertionError as e:
            raise Impossible(f"the head: {e}") from e

    def kill_registry(self) -> None:
        """Where supervisors agree. Until `start_registry`."""
        self.blows.append(Blow(time.monotonic(), "SIGKILL etcd", ""))
        self.head.etcd.kill()

    def start_registry(self) -> None:
        self.head.etcd.start()

    def kill_gateway(self, number: int) -> None:
        self.blows.append(Blow(time.monotonic(), f"SIGKILL gateway {number}", ""))
        self.gateways.kill(number)

    def start_gateway(self, number: int) -> None:
        """Raises Impossible."""
        try:
            self.gateways.start(number)
        except AssertionError as e:
            raise Impossible(f"gateway {number}: {e}") from e

    def freeze_gateway(self, number: int) -> None:
        """Until `thaw_gateway`, or until the cluster stops."""
        self.blows.append(Blow(time.monotonic(), f"SIGSTOP gateway {number}", ""))
        self.gateways.freeze(number)

    def thaw_gateway(self, number: int) -> None:
        self.gateways.thaw(number)

    def processes(self) -> set[int]:
        """The pids of the server, the gateways, the nodes that joined and of all below them, orphans too."""
        return descendants(os.getpid()) - self._others

    def stop(self) -> list[str]:
        """Ends everything; what was wrong about the way it ended."""
        problems, self._stopped = [], True
        for process in self._frozen.values():
            process.send(SIGCONT)
            process.close()
        problems += self.gateways.stop()
        problems += self.head.stop()
        # Its own workers end with it. A node that joined looks for it until it is told to end.
        for node in self._joined:
            node.terminate()
        deadline = time.monotonic() + CHANGE_SECONDS
        while (left := self._running()) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for pid in left:
            problems.append(f"process {pid} outlived the server and was killed")
            with contextlib.suppress(NotOurs):
                process = Process(pid, {os.getpid()})
                process.send(SIGKILL)
                process.wait(CHANGE_SECONDS)
                process.close()
        self._running()
        return problems

    def _running(self) -> set[int]:
        """What has not ended yet of what belongs to the cluster."""
        for node in self._joined:
            node.poll()
        started = {*self._heads(), *self.gateways.pids(), *(node.pid for node in self._joined)}
        for pid in self.processes() - started:
            reap(pid)
        return self.processes()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: Any) -> None:
        if not self._stopped:
            self.stop()

    def _blow(self, what: str, node: Node) -> None:
        self.blows.append(Blow(time.monotonic(), f"{what} {node.name}", node.peer))

    def _process(self, node: Node) -> Process:
        try:
            return Process(node.pid, {*self._heads(), *(p.pid for p in self._joined if p.poll() is None)})
        except NotOurs as e:
            raise Impossible(f"{node.name}: {e}") from e

    def _heads(self) -> set[int]:
        return self.head.pids()
