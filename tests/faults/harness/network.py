"""Hosts of one machine: network namespaces on a bridge, each behind a link that can be taken down and up."""

import contextlib
import os
import re
import subprocess
import time
from pathlib import Path

_PREFIX = "trp"
_COMMAND_SECONDS = 20
_GONE_SECONDS = 5
_BRIDGE = re.compile(rf"^{_PREFIX}(\d+)b$")
_NAMESPACE = re.compile(rf"^{_PREFIX}(\d+)-\d+$")


class NetworkError(Exception):
    """`ip` refused."""


def ip(*words: object) -> str:
    """Raises NetworkError."""
    try:
        done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, timeout=_COMMAND_SECONDS,
                              check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise NetworkError(f"ip: {e}") from e
    if done.returncode:
        raise NetworkError(f"ip {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def impossible() -> str:
    """Why there can be no such hosts here; empty: there can."""
    if os.geteuid():
        return "network namespaces need root"
    try:
        with Network(1) as network:
            done = subprocess.run(network.command(0, ["ls", "/sys/class/net"]), capture_output=True, text=True,
                                  timeout=_COMMAND_SECONDS, check=False)
    except (NetworkError, OSError) as e:
        return f"network namespaces cannot be made here: {e}"
    return "" if "eth0" in done.stdout else f"no program can run in a network namespace here: {done.stderr.strip()}"


def sweep() -> None:
    """Removes what processes that are no more have left behind."""
    with contextlib.suppress(NetworkError):
        for line in ip("netns", "list").splitlines():
            name = line.split()[0]
            if (made := _NAMESPACE.match(name)) and not Path(f"/proc/{made.group(1)}").exists():
                _remove("netns", "del", name)
        for line in ip("-br", "link", "show", "type", "bridge").splitlines():
            name = line.split()[0]
            if (made := _BRIDGE.match(name)) and not Path(f"/proc/{made.group(1)}").exists():
                _remove("link", "del", name)


def _remove(*words: object) -> None:
    with contextlib.suppress(NetworkError):
        ip(*words)


class Network:
    """Made with it and removed with it, for use in a `with` statement or until `close`. Nothing of it reaches
    the machine's own network."""

    def __init__(self, hosts: int):
        """Raises NetworkError; nothing is left of it then."""
        sweep()
        self._bridge = f"{_PREFIX}{os.getpid()}b"
        self._hosts = hosts
        subnet = _free_subnet()
        self.address = f"{subnet}.1"
        try:
            ip("link", "add", self._bridge, "type", "bridge")
            ip("addr", "add", f"{self.address}/24", "dev", self._bridge)
            ip("link", "set", self._bridge, "up")
            for host in range(hosts):
                self._add(host, f"{subnet}.{host + 2}")
        except NetworkError:
            self.close()
            raise

    def command(self, host: int, words: list[str]) -> list[str]:
        """The same command, run on that host."""
        return ["ip", "netns", "exec", self._namespace(host), *words]

    def down(self, host: int) -> None:
        """As if its cable were pulled: both ends go on sending and hear nothing."""
        ip("link", "set", self._port(host), "down")

    def up(self, host: int) -> None:
        ip("link", "set", self._port(host), "up")

    def close(self) -> None:
        """Whatever runs on the hosts must have ended."""
        for host in range(self._hosts):
            _remove("link", "del", self._port(host))
            _remove("netns", "del", self._namespace(host))
        _remove("link", "del", self._bridge)

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _namespace(self, host: int) -> str:
        return f"{_PREFIX}{os.getpid()}-{host}"

    def _port(self, host: int) -> str:
        return f"{_PREFIX}{os.getpid()}v{host}"

    def _add(self, host: int, address: str) -> None:
        name, port = self._namespace(host), self._port(host)
        ip("netns", "add", name)
        ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", port, "master", self._bridge, "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        self._await_carrier(name)

    @staticmethod
    def _await_carrier(name: str) -> None:
        deadline = time.monotonic() + _GONE_SECONDS
        while "LOWER_UP" not in ip("-n", name, "-br", "link", "show", "eth0"):
            if time.monotonic() > deadline:
                raise NetworkError(f"the link of {name} does not come up")
            time.sleep(0.01)


def _free_subnet() -> str:
    """One that nothing of this machine is in. Raises NetworkError."""
    taken = ip("-4", "-o", "addr") + ip("-4", "route", "show", "table", "all")
    for step in range(256):
        subnet = f"10.203.{(os.getpid() + step) % 256}"
        if f"{subnet}." not in taken:
            return subnet
    raise NetworkError("no subnet is free")
