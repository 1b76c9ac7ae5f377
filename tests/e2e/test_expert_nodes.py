"""Experts on worker processes of their own: the answers of one process, whatever becomes of a worker."""

import json
import os
import re
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from etcd_server import Etcd, etcd_binary, free_port
from supervised import Node, Supervisor
from test_cluster import DEADLINE, MODEL, leader_of, until, view, whole
from test_gateway import end
from troupe_server import BEFORE, Gateway, Server, troupe

STREAMS = 6
TOKENS = 300
AIM_SECONDS = 3  # far above what is measured by tests/faults; a stall would be longer


@pytest.fixture(scope="module")
def expected():
    """What one process answers."""
    with Server(MODEL) as alone:
        return ask_all(alone)[0]


@pytest.fixture(scope="module")
def cluster():
    with Server(MODEL, "--workers", 2, "--expert-workers", 2) as running:
        yield running


def ask(server, index, at_token=None):
    """One streamed answer, as everything of it that must not change, and its longest gap in seconds."""
    body = {"model": server.model, "prompt": f"Story number {index} of the sea and the",
            "max_tokens": TOKENS, "temperature": 0 if index % 2 == 0 else 0.8, "seed": index,
            "stream": True, "logprobs": 2, "ignore_eos": True}
    with server.stream("/v1/completions", body) as events:
        answer, gap, last = [], 0, None
        for event in events:
            now = time.monotonic()
            gap, last = max(gap, now - (last or now)), now
            answer.append(json.dumps(event["choices"]))
            if at_token and len(answer) == at_token[0]:
                at_token[1]()
        return answer, gap


def ask_all(server, strike=None):
    """All streams at once; `strike` is called when the first is a quarter through. Answers, longest gap."""
    told = [(None, 0)] * STREAMS
    threads = []
    for i in range(STREAMS):
        at = (TOKENS // 4, strike) if strike and i == 0 else None

        def run(index=i, at_token=at):
            told[index] = ask(server, index, at_token)

        threads.append(threading.Thread(target=run))
    for t in threads:
        t.start()
    for t in threads:
        t.join(DEADLINE)
    return [answer for answer, _ in told], max(gap for _, gap in told)


def for_experts(seen):
    return [n for n in seen["nodes"] if n["state"] == "up" and n["name"].startswith("expert-")]


def is_apart(seen):
    """Whether workers for experts hold shards and nothing else, and the others none."""
    def fits(node):
        shards = ["expert" in what for what in node["holds"]]
        return bool(shards) and all(s == node["name"].startswith("expert-") for s in shards)

    return all(fits(n) for n in seen["nodes"] if n["state"] == "up")


def settled(server):
    """The view once all workers are up, every copy is there, and experts are apart."""
    return until(server, lambda v: v["redundant"] and is_apart(v) and
                 sum(n["state"] == "up" for n in v["nodes"]) == 4)


def is_gone(seen, node):
    return all(n["peer"] != node["peer"] or n["state"] == "gone" for n in seen["nodes"])


def test_experts_are_apart_and_the_answers_those_of_one_process(cluster, expected):
    assert len(for_experts(settled(cluster))) == 2
    assert ask_all(cluster)[0] == expected
    after = view(cluster)
    assert all(n["expert_outputs"] > 0 for n in for_experts(after))
    text = troupe("status", "--url", cluster.url)[1]
    assert "expert shard 0" in text and "replica of expert shard 0" in text


@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_worker_for_experts_changes_no_answer(cluster, expected, which):
    struck = for_experts(settled(cluster))[which]
    answers, gap = ask_all(cluster, lambda: os.kill(struck["pid"], signal.SIGKILL))
    assert answers == expected
    assert gap < AIM_SECONDS
    assert is_gone(settled(cluster), struck)  # and another one of its name holds what it did


def test_a_frozen_worker_for_experts_changes_no_answer(cluster, expected):
    struck = for_experts(settled(cluster))[0]
    try:
        answers, gap = ask_all(cluster, lambda: os.kill(struck["pid"], signal.SIGSTOP))
        assert answers == expected
        assert gap < AIM_SECONDS
        until(cluster, lambda v: is_gone(v, struck))
    finally:
        os.kill(struck["pid"], signal.SIGCONT)
    settled(cluster)


def test_one_that_blinks_changes_no_answer(cluster, expected):
    struck = for_experts(settled(cluster))[1]

    def blink():
        os.kill(struck["pid"], signal.SIGSTOP)
        threading.Timer(0.3, lambda: os.kill(struck["pid"], signal.SIGCONT)).start()

    assert ask_all(cluster, blink)[0] == expected


def test_a_killed_worker_with_a_stage_changes_no_answer(cluster, expected):
    struck = leader_of(settled(cluster), 0)
    assert ask_all(cluster, lambda: os.kill(struck["pid"], signal.SIGKILL))[0] == expected
    settled(cluster)


def test_a_drained_worker_for_experts_leaves_its_shards_to_others(cluster, expected):
    leaving = for_experts(settled(cluster))[0]

    def drain():
        code, out, err = troupe("drain", leaving["name"], "--url", cluster.url)
        assert code == 0, out + err

    assert ask_all(cluster, drain)[0] == expected
    until(cluster, lambda v: is_gone(v, leaving))
    assert ask_all(cluster)[0] == expected


def test_rows_rounded_to_fp8_give_the_answers_of_one_process_that_rounds(expected):
    with Server(MODEL, "--expert-rows", "fp8") as alone:
        rounded = ask_all(alone)[0]
    assert rounded != expected
    with Server(MODEL, "--expert-rows", "fp8", "--workers", 2, "--expert-workers", 2) as running:
        struck = for_experts(settled(running))[0]
        assert ask_all(running)[0] == rounded
        assert ask_all(running, lambda: os.kill(struck["pid"], signal.SIGKILL))[0] == rounded
        assert is_gone(settled(running), struck)


@pytest.mark.skipif(not os.path.exists(BEFORE), reason=f"{BEFORE} is not built")
@pytest.mark.parametrize("form", ["exact", "fp8"])
def test_a_node_that_cannot_read_fp8_rows_is_refused_where_they_are_used(form):
    port = free_port()
    with Server(MODEL, "--expert-rows", form, "--workers", 1, "--redundancy", 1, "--join-port", port) as running:
        node = Node([SimpleNamespace(join=f"127.0.0.1:{port}")], "old", binary=BEFORE)
        try:
            if form == "exact":
                until(running, lambda v: any(n["name"] == "old" and n["state"] == "up" for n in v["nodes"]))
            else:
                assert node.process.wait(DEADLINE) == 1
                assert "experts of this cluster take FP8 rows, which data 3 lacks" in node.said()
                assert all(n["name"] != "old" for n in view(running)["nodes"])
        finally:
            end(node)


@pytest.mark.skipif(etcd_binary() is None, reason="etcd is not installed")
def test_a_supervisor_lost_together_with_a_node_for_experts_changes_no_answer(expected):
    etcd = Etcd()
    ports = free_port(), free_port()
    first = Supervisor(MODEL, etcd, ports[0], "a", 4)
    processes = [first]
    try:
        supervisors = [first]
        while not first.leads():
            time.sleep(0.02)
        supervisors.append(Supervisor(MODEL, etcd, ports[1], "b", 4))
        processes.append(supervisors[1])
        nodes = [Node(supervisors, f"worker-{i}") for i in range(2)]
        nodes += [Node(supervisors, f"expert-{i}", "--role", "experts") for i in range(2)]
        processes += nodes
        settled(first)
        processes.append(gateway := Gateway(*supervisors))

        def strike():
            nodes[3].process.kill()
            first.process.kill()

        assert ask_all(gateway, strike)[0] == expected
        until(supervisors[1], lambda v: v["serving"])
        assert ask_all(gateway)[0] == expected
    finally:
        for process in reversed(processes):
            end(process)
        etcd.__exit__()


def test_without_a_copy_lost_experts_are_loaded_elsewhere(expected):
    with Server(MODEL, "--workers", 1, "--expert-workers", 2, "--redundancy", 1) as running:
        struck = for_experts(until(running, lambda v: v["serving"]))[1]
        assert ask_all(running, lambda: os.kill(struck["pid"], signal.SIGKILL))[0] == expected


def test_too_few_workers_beside_those_for_experts_are_refused_with_the_numbers():
    code, _, err = troupe("serve", MODEL, "--workers", 1, "--expert-workers", 2, "--port", 0)
    assert code == 1
    assert "redundancy 2 needs 2 nodes that may hold stages: of 3 nodes 1 may" in err


def share_of_busiest(before, after):
    """Outputs of the busiest node over what each would have if all had as many, between two views."""
    did = {n["name"]: n["expert_outputs"] for n in for_experts(before)}
    outputs = [n["expert_outputs"] - did[n["name"]] for n in for_experts(after)]
    assert sum(outputs) > 0
    return max(outputs) / (sum(outputs) / len(outputs))


def test_hot_experts_get_copies_and_the_load_evens_out(tmp_path):
    """Prompts of one word each send nearly all rows to the same few experts."""
    settings = tmp_path / "troupe.toml"
    settings.write_text("[cluster]\nrebalance_ms = 2000\n", encoding="utf-8")

    def prompt(round_number):
        return f"{round_number} " + "the " * 150

    def burden(server, rounds):
        answers = []
        for number in rounds:
            body = {"model": server.model, "prompt": prompt(number), "max_tokens": 4, "temperature": 0,
                    "logprobs": 1, "ignore_eos": True}
            code, text = server.post("/v1/completions", json.dumps(body).encode())
            assert code == 200, text
            answers.append(json.dumps(json.loads(text)["choices"]))
        return answers

    with Server(MODEL) as alone:
        told = burden(alone, range(8))
    with Server(MODEL, "--config", settings, "--workers", 1, "--expert-workers", 4,
                "--redundancy", 1) as running:
        start = whole(running, 5)
        assert burden(running, range(8)) == told
        number, deadline, before = 8, time.monotonic() + DEADLINE, view(running)
        while not any("hot experts:" in e["text"] for e in view(running)["events"]):
            assert time.monotonic() < deadline, view(running)["events"]
            burden(running, range(number, number + 4))
            number, before = number + 4, view(running)
        skewed = share_of_busiest(start, before)
        spread = until(running, lambda v: v["serving"] and
                       any("hot experts" in " ".join(n["holds"]) for n in v["nodes"]))
        # What was under way and is told later belongs to neither side.
        burden(running, range(number, number + 8))
        number, middle = number + 8, view(running)
        while True:
            assert burden(running, range(8)) == told
            burden(running, range(number, number + 16))
            number, after = number + 16, view(running)
            if sum(n["expert_outputs"] for n in after["nodes"]) > sum(
                    n["expert_outputs"] for n in middle["nodes"]):
                break
        evened = share_of_busiest(middle, after)
        line = next(e["text"] for e in after["events"] if "hot experts:" in e["text"])
        print(f"busiest node over its share: {skewed:.2f} before, {evened:.2f} after ({line})")
        assert evened < skewed
        was, now = map(float, re.search(r"had ([\d.]+) times its share, now ([\d.]+)", line).groups())
        assert now < was
        assert spread["epoch"] > start["epoch"]
