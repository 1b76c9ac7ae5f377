"""Two supervisors that stand by for each other on a real etcd, in the place of a head."""

import subprocess
import time

from harness.head import Options
from harness.programs import etcd_server, supervised, troupe_server

_STOP_SECONDS = 30
_NODE_MEMORY_MIB = 4096


class Supervisors:
    """As harness.head.Head, with etcd and nodes that were started for themselves."""

    def __init__(self, options: Options):
        """Raises AssertionError where it does not start."""
        self._options, self._said = options, ""
        self.etcd = etcd_server.Etcd()
        self._supervisors: list[supervised.Supervisor] = []
        self._nodes: list[supervised.Node] = []
        try:
            for label in ("supervisor-a", "supervisor-b"):
                self._supervisors.append(self._supervisor(label, etcd_server.free_port()))
            for number in range(options.workers):
                self._nodes.append(supervised.Node(self._supervisors, f"node-{number}", memory_mib=_NODE_MEMORY_MIB))
            for number in range(options.experts):
                self._nodes.append(supervised.Node(self._supervisors, f"expert-{number}", "--role", "experts",
                                                   memory_mib=_NODE_MEMORY_MIB))
            self._await_serving()
        except AssertionError:
            self.stop()
            raise
        self.model = self._supervisors[0].model

    def _supervisor(self, label: str, port: "int | str") -> "supervised.Supervisor":
        nodes = self._options.workers + self._options.experts
        return supervised.Supervisor(self._options.model, self.etcd, port, label, nodes,
                                     "--redundancy", self._options.redundancy)

    def _await_serving(self) -> None:
        deadline = time.monotonic() + troupe_server.START_SECONDS
        while self.leader().get("/health")[0] != 200:
            if time.monotonic() > deadline:
                raise AssertionError(f"the cluster does not serve: {self.errors()[-2000:]}")
            time.sleep(0.05)

    def leader(self) -> "supervised.Supervisor":
        """Who answers GET /cluster; while nobody leads, one that will say so."""
        running = [s for s in self._supervisors if s.process.poll() is None]
        return next((s for s in running if s.leads()), (running or self._supervisors)[0])

    def servers(self) -> "list[supervised.Supervisor]":
        return self._supervisors

    def runs(self) -> bool:
        return any(s.process.poll() is None for s in self._supervisors)

    def pids(self) -> set[int]:
        return {p.process.pid for p in (*self._supervisors, *self._nodes) if p.process.poll() is None}

    def kill(self) -> None:
        """The one that leads."""
        leader = self.leader()
        leader.process.kill()
        leader.process.wait()

    def start(self) -> None:
        """What was killed again; it stands by. Raises AssertionError."""
        for at, s in enumerate(self._supervisors):
            if s.process.poll() is not None:
                self._said += s.errors()
                self._supervisors[at] = self._supervisor(s.label, s.port())

    def errors(self) -> str:
        return self._said + "".join([*(s.errors() for s in self._supervisors), *(n.said() for n in self._nodes)])

    def stop(self) -> list[str]:
        problems = []
        for supervisor in self._supervisors:
            try:
                if supervisor.process.poll() is None and (code := supervisor.stop()):
                    problems.append(f"{supervisor.label} ended with {code}: {self.errors()[-2000:]}")
            except subprocess.TimeoutExpired:
                problems.append(f"{supervisor.label} did not end when asked to, and was killed")
        for node in self._nodes:
            node.process.terminate()
        for node in self._nodes:
            node.process.wait(_STOP_SECONDS)
        self.etcd.__exit__()
        return problems
