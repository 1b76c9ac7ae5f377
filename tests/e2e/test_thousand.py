"""A thousand clients that stream at once: none is starved, memory stays bounded, and slow readers hold up nobody."""

import asyncio
import json
import pathlib
import re
import time

import pytest

from authority import Authority
from event_streams import Stream, ask, connect, follow, read
from troupe_server import MODELS, Server

CLIENTS = 1000
TOKENS = 48
SECONDS = 240
MIB = 1 << 20


def body_of(server, number, tokens=TOKENS):
    """A few kinds, so that answers alone can be known."""
    return {"model": server.model, "prompt": [5, 6, 7 + number % 8], "max_tokens": tokens, "temperature": 0,
            "ignore_eos": True}


def resident(server, what="VmRSS"):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+) kB", status).group(1)) << 10


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    file = tmp_path_factory.mktemp("thousand") / "troupe.toml"
    # One thread agrees on TLS for all clients, which takes it its time.
    file.write_text(f"[http]\nmax_wait_s = {SECONDS}\nhandshake_timeout_s = {SECONDS}\n"
                    "[engine]\nmax_sequences = 1024\nstep_rows = 1100\nprefill_beside_decode_tokens = 512\n")
    return file


@pytest.fixture(scope="module")
def server(configuration):
    with Server(MODELS / "tiny-qwen3-moe", "--config", configuration) as running:
        yield running


def run(work):
    return asyncio.run(asyncio.wait_for(work, SECONDS))


@pytest.fixture(scope="module")
def alone(server):
    return [run(follow(server, body_of(server, n))).text for n in range(8)]


async def all_at_once(server, count=CLIENTS):
    opened = asyncio.Barrier(count)
    return await asyncio.gather(*(follow(server, body_of(server, n), opened) for n in range(count)))


def check(streams, alone):
    """All came to their ends with the tokens that they get alone."""
    assert {s.status for s in streams} == {200}
    assert all(s.done and s.finish == "length" for s in streams)
    assert [n for n, s in enumerate(streams) if s.text != alone[n % 8]] == []


def test_a_thousand_streams_are_held_and_none_is_starved(server, alone):
    before = resident(server)
    streams = run(all_at_once(server))
    check(streams, alone)
    began, ended = min(s.asked for s in streams), max(s.events[-1] for s in streams)
    firsts = sorted(s.events[0] - s.asked for s in streams)
    longest = max(s.longest_gap() for s in streams)
    grown = (resident(server, "VmHWM") - before) / MIB
    print(f"{CLIENTS} streams of {TOKENS} tokens: {ended - began:.1f} s, first token {firsts[500]:.2f} s in the median "
          f"and {firsts[-1]:.2f} s at most, longest silence {longest:.2f} s, {grown:.0f} MiB more")
    # All of them run at once: nobody waits until others have ended.
    assert longest < 0.75 * (ended - began) + 1
    assert grown < 300
    assert server.metric("troupe_num_requests_running") == 0


def test_memory_does_not_grow_from_one_thousand_to_the_next(server, alone):
    check(run(all_at_once(server)), alone)
    before = resident(server)
    for _ in range(2):
        check(run(all_at_once(server)), alone)
    assert resident(server) - before < 64 * MIB


def test_who_does_not_read_holds_up_nobody(server, alone):
    async def work():
        slow = []
        for n in range(50):
            reader, writer = await connect(server, receive_buffer=4096)
            writer.transport.pause_reading()
            await ask(writer, body_of(server, n, 1500))
            slow.append((reader, writer))
        swift = await all_at_once(server, 200)
        for _, writer in slow:
            writer.transport.resume_reading()
        late = await asyncio.gather(*(read(reader, Stream()) for reader, _ in slow))
        for _, writer in slow:
            writer.close()
        return swift, late, await asyncio.gather(*(follow(server, body_of(server, n, 1500)) for n in range(8)))

    swift, late, expected = run(work())
    check(swift, alone)
    # What they left unread has waited for them.
    check(late, [s.text for s in expected])


def test_a_thousand_streams_over_tls(configuration, alone):
    authority = Authority("a thousand believe it")
    certificate, key = authority.sign("server", hosts=("127.0.0.1",))
    with Server(MODELS / "tiny-qwen3-moe", "--config", configuration, "--certificate", certificate,
                "--certificate-key", key, authority=authority.file) as secure:
        check(run(all_at_once(secure)), alone)
        assert resident(secure, "VmHWM") < 1200 * MIB


def test_who_would_wait_for_too_long_is_told_at_once(tmp_path):
    file = tmp_path / "troupe.toml"
    file.write_text("[http]\nrunning_requests = 1\nmax_wait_s = 2\n")

    async def work(server):
        waiting, refused = [], None
        deadline = time.monotonic() + 120
        while refused is None and time.monotonic() < deadline:
            # The wait is foretold from what was worked off lately, so that something must have been.
            waiting.append(asyncio.create_task(follow(server, body_of(server, 0, 2000))))
            done, _ = await asyncio.wait(waiting, timeout=0.02, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                stream = waiting.pop(waiting.index(task)).result()
                if stream.status == 429 and "would wait for about" in stream.body:
                    refused = stream
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return refused

    with Server(MODELS / "tiny-qwen3-moe", "--config", file) as server:
        refused = run(work(server))
        error = json.loads(refused.body)["error"]
        assert error["code"] == "queue_full" and error["type"] == "rate_limit_error"
        assert server.wait_for_metric("troupe_num_requests_running", lambda v: v == 0) == 0
        assert run(follow(server, body_of(server, 1, 4))).done
