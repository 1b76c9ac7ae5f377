"""Gateways as processes of their own: the same answers, and streams that outlive whoever draws them."""

import contextlib
import signal
import socket
import subprocess
import threading
import time

import pytest

from etcd_server import free_port
from short_requests import ShortRequests
from test_cluster import DEADLINE, MODEL, STREAMS, ask, ask_all
from troupe_server import BINARY, MODELS, Gateway, Server, troupe


def head(*options):
    return Server(MODEL, "--workers", 1, "--redundancy", 1, "--threads", 1, *options)


def end(server):
    """Ends a process that may have been struck."""
    for strike in (signal.SIGCONT, signal.SIGKILL):
        if server.process.poll() is None:
            server.process.send_signal(strike)
    server.process.wait(DEADLINE)


def becomes(server, health):
    deadline = time.monotonic() + DEADLINE
    while server.get("/health")[0] != health:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def ask_quietly(server):
    """Streams whose server may end beneath them."""
    def run(index):
        with contextlib.suppress(Exception):
            ask(server, index)

    clients = [threading.Thread(target=run, args=(i,)) for i in range(STREAMS)]
    for c in clients:
        c.start()
    for c in clients:
        c.join(DEADLINE)


def test_answers_are_those_of_one_process(expected):
    with head() as cluster, Gateway(cluster) as one, Gateway(cluster) as two:
        assert ask_all(one) == expected
        assert ask_all(two) == expected
        assert "has joined" in cluster.get("/cluster")[1]


@pytest.mark.parametrize("strike", [signal.SIGKILL, signal.SIGSTOP])
def test_streams_outlive_their_supervisor(expected, strike):
    first, second = head(), head()
    try:
        with Gateway(first, second) as gateway:
            struck = []

            def hit():
                first.process.send_signal(strike)
                struck.append(strike)

            assert ask_all(gateway, hit) == expected
            assert struck == [strike]
            assert becomes(gateway, 200)
    finally:
        end(first)
        end(second)


def test_a_supervisor_that_comes_back_is_found_again(expected):
    first = head()
    port = first.join_address().rsplit(":", 1)[1]
    try:
        with Gateway(first) as gateway:
            end(first)
            assert becomes(gateway, 503)
            # Its request waits for the supervisor, and that for its nodes.
            answers = []
            client = threading.Thread(target=lambda: answers.append(ask(gateway, 1)))
            client.start()
            first = head("--join-port", port)
            client.join(DEADLINE)
            assert answers == [expected[1]]
    finally:
        end(first)


def test_a_gateway_that_is_gone_leaves_the_others_alone(expected):
    with head() as cluster, Gateway(cluster) as stays:
        goes = Gateway(cluster)
        victim = threading.Thread(target=ask_quietly, args=(goes,))
        victim.start()
        assert ask_all(stays, goes.process.kill) == expected
        goes.process.wait(DEADLINE)
        victim.join(DEADLINE)
        assert "is gone" in cluster.get("/cluster")[1]


def test_a_frozen_gateway_holds_up_nobody(expected):
    with head() as cluster, Gateway(cluster) as stays:
        frozen = Gateway(cluster)
        try:
            client = threading.Thread(target=ask_quietly, args=(frozen,))
            client.start()
            frozen.process.send_signal(signal.SIGSTOP)
            assert ask_all(stays) == expected
        finally:
            end(frozen)
            client.join(DEADLINE)


def test_a_gateway_with_another_model_is_refused():
    with head() as cluster:
        code, _, errors = troupe("gateway", "--join", cluster.join_address(), "--port", 0, "--model",
                                 MODELS / "tiny-llama")
        assert code == 1
        assert "is another model than the cluster serves" in errors


@pytest.mark.parametrize("options, why", [
    ((), "Give --join HOST:PORT"),
    (("--join", "nowhere"), "nowhere"),
    (("--join", "127.0.0.1:1"), "no supervisor answers at 127.0.0.1:1"),
])
def test_what_is_wrong_is_said(options, why):
    code, _, errors = troupe("gateway", "--port", 0, *options)
    assert code == 1
    assert why in errors


@pytest.mark.parametrize("notice", [0, 1])
def test_gateways_that_are_restarted_refuse_nobody(notice, tmp_path):
    settings = tmp_path / "gateway.toml"
    settings.write_text(f"[http]\nstop_notice_s = {notice}\n")
    ports = [free_port(), free_port()]

    def start(port):
        return Gateway(cluster, options=["--config", settings], port=port)

    with head() as cluster, contextlib.ExitStack() as all_of_them:
        gateways = [start(port) for port in ports]
        all_of_them.callback(lambda: [end(g) for g in gateways])
        with ShortRequests([g.url for g in gateways], gateways[0].model) as clients:
            for i in (0, 1, 0, 1):
                clients.wait_for(20)
                gateways[i].process.send_signal(signal.SIGTERM)
                if notice:
                    assert becomes_refused_or(gateways[i], 503)
                assert gateways[i].process.wait(DEADLINE) == 0
                gateways[i] = start(ports[i])
            clients.wait_for(20)
        assert clients.wrong == []


def becomes_refused_or(server, health):
    """True: its /health said so before it took no more connections."""
    while True:
        try:
            if server.get("/health")[0] == health:
                return True
        except OSError:
            return False


def test_a_gateway_that_has_not_joined_takes_no_connections():
    port = free_port()
    with subprocess.Popen([BINARY, "gateway", "--join", f"127.0.0.1:{free_port()}", "--port", str(port)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as lonely:
        while lonely.poll() is None:
            with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
        assert lonely.returncode == 1
        assert "no supervisor answers" in lonely.stderr.read()
