"""A supervisor whose nodes are partly on hosts of their own, in the place of a head."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence

from harness.head import Options
from harness.network import Network, NetworkError
from harness.programs import etcd_server, supervised, troupe_server

_STOP_SECONDS = 30
_NODE_MEMORY_MIB = 4096


class LoneSupervisor(supervised.Supervisor):
    """One that nobody stands by for, at an address that other hosts reach."""

    def __init__(self, options: Options, address: str):
        self.label = "supervisor"
        port = etcd_server.free_port()
        self.join = f"{address}:{port}"
        troupe_server.Server.__init__(
            self, "--model", options.model, "--join-host", address, "--join-port", port,
            "--nodes", options.workers, "--label", self.label, "--redundancy", options.redundancy)


class FarNode:
    """A node, started by a command that may put it on another host."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, text=True,
                                        env={**os.environ, **environment})

    def said(self) -> str:
        return troupe_server.read(self.log)


class Hosts:
    """As harness.head.Head: the first `options.hosts` nodes are each behind a link."""

    def __init__(self, options: Options):
        """Raises AssertionError where it does not start."""
        self._options = options
        self._nodes: list[FarNode] = []
        try:
            self.network = Network(options.hosts)
        except NetworkError as e:
            raise AssertionError(str(e)) from e
        try:
            self._supervisor = LoneSupervisor(options, self.network.address)
        except AssertionError:
            self.network.close()
            raise
        self.model = self._supervisor.model
        try:
            for number in range(options.workers):
                self._nodes.append(self._node(number))
            self._await_serving()
        except AssertionError:
            self.stop()
            raise

    def _node(self, number: int) -> FarNode:
        command = [troupe_server.BINARY, "node", "--join", self._supervisor.join, "--name", f"node-{number}",
                   "--threads", "1", "--memory-mib", str(_NODE_MEMORY_MIB)]
        if number >= self._options.hosts:
            return FarNode(command, {})
        # Shared memory needs no link, and two hosts have none.
        return FarNode(self.network.command(number, command), {"UCX_TLS": "tcp,self"})

    def _await_serving(self) -> None:
        deadline = time.monotonic() + troupe_server.START_SECONDS
        while self._supervisor.get("/health")[0] != 200:
            if time.monotonic() > deadline:
                raise AssertionError(f"the cluster does not serve: {self.errors()[-2000:]}")
            time.sleep(0.05)

    def host_of(self, pid: int) -> int | None:
        """The host that this node is alone on, behind a link; None: on this machine."""
        pids = [node.process.pid for node in self._nodes[:self._options.hosts]]
        return pids.index(pid) if pid in pids else None

    def leader(self) -> LoneSupervisor:
        """Who answers GET /cluster."""
        return self._supervisor

    def servers(self) -> list[LoneSupervisor]:
        return [self._supervisor]

    def runs(self) -> bool:
        return self._supervisor.process.poll() is None

    def pids(self) -> set[int]:
        """Of its processes that run."""
        return {p.process.pid for p in (self._supervisor, *self._nodes) if p.process.poll() is None}

    def errors(self) -> str:
        return self._supervisor.errors() + "".join(node.said() for node in self._nodes)

    def stop(self) -> list[str]:
        problems = []
        try:
            if self._supervisor.process.poll() is None and (code := self._supervisor.stop()):
                problems.append(f"the supervisor ended with {code}: {self.errors()[-2000:]}")
        except subprocess.TimeoutExpired:
            problems.append("the supervisor did not end when asked to, and was killed")
        for node in self._nodes:
            node.process.terminate()
        for node in self._nodes:
            try:
                node.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                problems.append("a node did not end when asked to, and was killed")
                node.process.kill()
                node.process.wait()
        self.network.close()
        return problems
