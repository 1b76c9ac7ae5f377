"""TLS between a cluster's processes: members get in, strangers do not, and what is wrong is said before it harms."""

import os
import signal
import socket

import pytest

from authority import Authority
from etcd_server import Etcd, etcd_binary, free_port
from supervised import Supervisor
from test_cluster import MODEL, ask_all, leader_of, until, whole
from test_gateway import end
from test_supervisors import Cluster, wait
from troupe_server import Gateway, Server, troupe


@pytest.fixture(scope="module")
def authority():
    return Authority("the cluster's")


@pytest.fixture(scope="module")
def stranger():
    return Authority("somebody else's")


@pytest.fixture(scope="module")
def member(authority):
    return authority.options("member")


@pytest.fixture(scope="module")
def cluster(member):
    serving = Server(MODEL, "--workers", 4, *member)
    yield serving
    end(serving)


def test_a_cluster_serves_over_tls_and_outlives_a_worker(cluster, authority, expected):
    seen = whole(cluster)
    with Gateway(cluster, options=authority.options("gateway")) as gateway:
        assert ask_all(gateway) == expected
        victim = leader_of(seen, 0)
        assert ask_all(gateway, lambda: os.kill(victim["pid"], signal.SIGKILL)) == expected
    whole(cluster)


@pytest.mark.skipif(etcd_binary() is None, reason="etcd is not installed")
def test_supervisors_agree_over_tls_with_etcd_too(authority, stranger, member, expected):
    with Cluster(*member, etcd=Etcd(authority)) as running:
        assert ask_all(running.gateway, running.first.process.kill) == expected
        assert running.second.leads()
        # etcd does not know this one, or it does not know etcd.
        for options in (stranger.options("supervisor"), []):
            outside = Supervisor(MODEL, running.etcd, free_port(), "outside", 3, *options)
            wait(lambda s=outside: "etcd gives no answer" in s.errors() and "TLS" in s.errors())
            assert not outside.leads()
            end(outside)


@pytest.mark.skipif(etcd_binary() is None, reason="etcd is not installed")
def test_nodes_and_gateways_find_the_next_leader_over_tls(member, expected):
    with Cluster(*member) as running:
        assert ask_all(running.gateway, running.first.process.kill) == expected
        assert running.second.leads()


def test_who_has_no_certificate_of_the_authority_stays_outside(cluster, authority, stranger, expected):
    others = stranger.options("gateway")
    # Signed by somebody else, who says to believe the cluster's authority: that is seen here already.
    mixed = [*others[:4], "--tls-authority", authority.file]
    for options, why in (([], "no supervisor answers"), (others, "no supervisor answers"),
                         (mixed, "unable to get local issuer certificate")):
        code, _, errors = troupe("gateway", "--join", cluster.join_address(), "--port", 0, *options, seconds=60)
        assert code == 1
        assert why in errors
    assert ask_all(cluster) == expected


def test_garbage_instead_of_tls_harms_nobody(cluster, expected):
    host, _, port = cluster.join_address().rpartition(":")
    held = []
    for data in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 70000):
        connection = socket.create_connection((host, int(port)), timeout=5)
        connection.sendall(data)
        held.append(connection)
    assert ask_all(cluster) == expected
    for connection in held:
        connection.close()
    until(cluster, lambda v: v["redundant"])


def test_what_cannot_be_used_is_said(authority, stranger, member):
    certificate, key = authority.sign("one")
    other_key = authority.sign("other")[1]
    expired = authority.sign("expired", days=-1)
    broken = authority.folder / "broken.pem"
    broken.write_text("no PEM")
    for files, why in (
            ((certificate, None, authority.file), "tls.key is missing"),
            ((certificate, authority.folder / "none.pem", authority.file), "tls.key"),
            ((certificate, other_key, authority.file), "key values mismatch"),
            ((broken, key, authority.file), "tls.certificate"),
            ((certificate, key, stranger.file), "unable to get local issuer certificate"),
            ((*expired, authority.file), "certificate has expired")):
        words = []
        for name, file in zip(("certificate", "key", "authority"), files, strict=True):
            words += [f"--tls-{name}", file] if file else []
        for command in (["serve", MODEL, "--workers", 1], ["node", "--join", "127.0.0.1:1"],
                        ["gateway", "--join", "127.0.0.1:1"]):
            port = [] if command[0] == "node" else ["--port", 0]
            code, _, errors = troupe(*command, *port, *words, seconds=60)
            assert code == 1, command
            assert why in errors, errors
