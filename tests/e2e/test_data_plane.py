"""Other ways between a cluster's processes than TCP, and another UCX: the same answers, also after a kill."""

import os
import pathlib
import signal
import subprocess

import pytest

from test_cluster import MODEL, leader_of, whole
from test_expert_nodes import ask_all
from troupe_server import BINARY, Server, troupe

UCX_CUDA = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"),
                        "troupe", "libucx-cu13")


@pytest.fixture(scope="module")
def expected():
    """What one process answers."""
    with Server(MODEL) as alone:
        return ask_all(alone)[0]


def serve_and_kill(expected, *options):
    """Answers of two nodes and two with experts only, before, amid and after the end of a stage's leader."""
    with Server(MODEL, "--workers", 2, "--expert-workers", 2, *options) as server:
        assert ask_all(server)[0] == expected
        first = leader_of(whole(server), 0)
        assert ask_all(server, lambda: os.kill(first["pid"], signal.SIGKILL))[0] == expected
        whole(server)
        assert ask_all(server)[0] == expected


@pytest.mark.parametrize("transports", ["tcp,posix,cma", "posix,sysv,cma,self"])
def test_shared_memory_beside_tcp_and_alone(expected, transports):
    serve_and_kill(expected, "--data-transports", transports)


@pytest.mark.skipif(not (UCX_CUDA / "libucp.so.0").exists(), reason="tools/ucx-cuda.sh gets that UCX")
@pytest.mark.parametrize("transports", ["tcp", "tcp,cma,posix,cuda"])
def test_the_ucx_that_knows_gpu_memory(expected, monkeypatch, transports):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(UCX_CUDA))
    # Or the test would say nothing.
    loaded = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True).stdout
    assert f"libucp.so.0 => {UCX_CUDA}" in loaded
    serve_and_kill(expected, "--data-transports", transports)


def test_a_transport_that_is_not_there_is_named():
    code, _, said = troupe("supervisor", "--model", MODEL, "--port", 0, "--join-port", 0, "--data-transports", "pigeons",
                           seconds=60)
    assert code != 0
    assert "data plane" in said and "pigeons" in said, said
