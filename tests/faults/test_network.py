"""Hosts behind links, where they can be made: they are cut off, come back, and leave nothing behind."""

import os
import socket
import subprocess
import sys
import time

import pytest

from harness.network import Network, impossible, ip, sweep

WHY_NOT = impossible()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()"


def reaches(network, host, port):
    command = network.command(host, [sys.executable, "-c", CONNECT, network.address, str(port)])
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def left(pid):
    return [name for name in ip("netns", "list").split() + ip("-br", "link").split() if name.startswith(f"trp{pid}")]


def test_a_host_is_cut_off_while_its_link_is_down_and_nobody_else_is():
    with Network(2) as network, socket.create_server((network.address, 0)) as door:
        port = door.getsockname()[1]
        assert reaches(network, 0, port) and reaches(network, 1, port)
        network.down(0)
        assert not reaches(network, 0, port) and reaches(network, 1, port)
        network.up(0)
        deadline = time.monotonic() + 20
        while not reaches(network, 0, port):
            assert time.monotonic() < deadline, "it does not come back"
        assert left(os.getpid())
    assert not left(os.getpid())


def test_what_a_process_left_behind_is_removed_once_it_is_gone():
    code = "import os; from harness.network import Network; Network(1); print(os.getpid(), flush=True); os._exit(0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
                          cwd=os.path.dirname(__file__))
    pid = int(done.stdout)
    assert left(pid)
    sweep()
    assert not left(pid)
