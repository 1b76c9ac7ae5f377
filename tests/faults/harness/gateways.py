"""The gateways of a cluster under test: what clients ask, and come back at."""

import contextlib
import subprocess
import urllib.parse
from signal import SIGCONT, SIGKILL, SIGSTOP

from harness.head import Head
from harness.programs import troupe_server


class Gateways:
    """`troupe gateway` processes, by number. Behind a number there may come to be another process, at
    another address."""

    def __init__(self, head: Head, count: int):
        """Raises AssertionError where one does not start."""
        self._head, self._said = head, ""
        self._running: list[troupe_server.Gateway] = []
        self._struck: set[int] = set()  # the pids of those that need not end well
        try:
            for _ in range(count):
                self._running.append(troupe_server.Gateway(*head.servers()))
        except AssertionError:
            self.stop()
            raise

    def numbers(self) -> list[int]:
        return list(range(len(self._running)))

    def addresses(self) -> list[str]:
        """Where clients find each, as host:port."""
        return [urllib.parse.urlsplit(gateway.url).netloc for gateway in self._running]

    def pids(self) -> list[int]:
        return [gateway.process.pid for gateway in self._running]

    def kill(self, number: int) -> None:
        process = self._running[number].process
        self._struck.add(process.pid)
        process.send_signal(SIGKILL)
        process.wait()

    def start(self, number: int) -> None:
        """Another one in the place of one that has ended. Raises AssertionError where it does not start."""
        self._said += self._running[number].errors()
        self._running[number] = troupe_server.Gateway(*self._head.servers())

    def freeze(self, number: int) -> None:
        """Until `thaw`, or until all stop."""
        self._running[number].process.send_signal(SIGSTOP)

    def thaw(self, number: int) -> None:
        self._running[number].process.send_signal(SIGCONT)

    def errors(self) -> str:
        """What all of them have said so far."""
        return self._said + "".join(gateway.errors() for gateway in self._running)

    def stop(self) -> list[str]:
        """Ends all; what was wrong about the way they ended."""
        problems = []
        for gateway in self._running:
            with contextlib.suppress(ProcessLookupError):
                gateway.process.send_signal(SIGCONT)
            try:
                code = gateway.stop()
                if code and gateway.process.pid not in self._struck:
                    problems.append(f"a gateway ended with {code}: {gateway.errors()[-2000:]}")
            except subprocess.TimeoutExpired:
                problems.append("a gateway did not end when asked to, and was killed")
        return problems
