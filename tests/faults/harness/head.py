"""The head of a cluster under test: what nodes and gateways join, and what becomes of it."""

import dataclasses
import subprocess
from pathlib import Path

from harness.programs import troupe_server


@dataclasses.dataclass(frozen=True)
class Options:
    """How a cluster is started."""

    model: Path
    workers: int = 4
    redundancy: int = 2
    gateways: int = 2  # of a cluster; with 0 clients ask the head
    supervisors: bool = False  # two that stand by for each other on etcd, and nodes of their own
    hosts: int = 0  # nodes that are on hosts of their own, behind a link each; the head is a supervisor then
    serve: tuple[str, ...] = ()  # more options of `troupe serve`
    experts: int = 0  # workers for experts only, beside the others

    def arguments(self) -> list[str]:
        cluster = ["--workers", str(self.workers), "--redundancy", str(self.redundancy)]
        experts = ["--expert-workers", str(self.experts)] if self.experts else []
        return [*(cluster if self.workers else []), *experts, *self.serve]


class Head:
    """`troupe serve`, with its workers as children."""

    def __init__(self, options: Options):
        """Raises AssertionError where it does not start."""
        self._options, self._said, self._killed = options, "", False
        self._server = troupe_server.Server(options.model, *options.arguments())
        self.model = self._server.model

    def leader(self) -> "troupe_server.Server":
        """Who answers GET /cluster."""
        return self._server

    def servers(self) -> "list[troupe_server.Server]":
        """Whose join addresses gateways and nodes are told."""
        return [self._server]

    def runs(self) -> bool:
        return bool(self.pids())

    def pids(self) -> set[int]:
        """Of its processes that run."""
        return {self._server.process.pid} if self._server.process.poll() is None else set()

    def kill(self) -> None:
        """The leader. Its workers end with it."""
        self._killed = True
        self._server.process.kill()
        self._server.process.wait()

    def start(self) -> None:
        """What was killed again, where the others look for it. Raises AssertionError."""
        self._said += self._server.errors()
        port = self._server.join_address().rpartition(":")[2]
        self._server = troupe_server.Server(self._options.model, *self._options.arguments(),
                                            "--join-port", port)
        self._killed = False

    def errors(self) -> str:
        """What it has said so far."""
        return self._said + self._server.errors()

    def stop(self) -> list[str]:
        """Ends all of it; what was wrong about the way it ended."""
        try:
            code = self._server.stop()
        except subprocess.TimeoutExpired:
            return ["the server did not end when asked to, and was killed"]
        return [f"the server ended with {code}: {self.errors()[-2000:]}"] if code and not self._killed else []
