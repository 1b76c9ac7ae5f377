"""A model on four worker processes: the answers of one process, whatever becomes of a worker."""

import json
import os
import signal
import threading
import time

import pytest

from troupe_server import MODELS, Server, troupe

MODEL = MODELS / "tiny-qwen3-moe"
STREAMS = 6
TOKENS = 400
DEADLINE = 60


@pytest.fixture(scope="module")
def cluster():
    with Server(MODEL, "--workers", 4) as running:
        yield running


def ask(server, index, at_token=None):
    """One streamed answer, as everything of it that must not change."""
    body = {"model": server.model, "prompt": f"Story number {index} of the sea and the",
            "max_tokens": TOKENS, "temperature": 0 if index % 2 == 0 else 0.8, "seed": index,
            "stream": True, "logprobs": 2, "ignore_eos": True}
    with server.stream("/v1/completions", body) as events:
        answer = []
        for event in events:
            answer.append(json.dumps(event["choices"]))
            if at_token and len(answer) == at_token[0]:
                at_token[1]()
        return answer


def ask_all(server, strike=None):
    """All streams at once; `strike` is called when the first is a quarter through."""
    answers = [None] * STREAMS
    threads = []
    for i in range(STREAMS):
        at = (TOKENS // 4, strike) if strike and i == 0 else None

        def run(index=i, at_token=at):
            answers[index] = ask(server, index, at_token)

        threads.append(threading.Thread(target=run))
    for t in threads:
        t.start()
    for t in threads:
        t.join(DEADLINE)
    return answers


def view(server):
    return json.loads(server.get("/cluster")[1])


def until(server, wanted, what="it is not so", seconds=DEADLINE):
    """Waits until the cluster's view is as wanted; gives that view."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = view(server)
        if wanted(seen):
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s: {json.dumps(seen, indent=1)}\n{server.errors()[-3000:]}")


def whole(server, nodes=4):
    """The view once all workers are up and every copy is there."""
    return until(server, lambda v: v["redundant"] and
                 sum(n["state"] == "up" for n in v["nodes"]) == nodes)


def leader_of(seen, stage):
    name = seen["stages"][stage]["node"]
    return next(n for n in seen["nodes"] if n["name"] == name and n["state"] == "up")


def is_gone(seen, node):
    """Whether that very process is out; a new one may have its name."""
    return all(n["peer"] != node["peer"] or n["state"] == "gone" for n in seen["nodes"])


def test_every_new_cluster_gets_all_its_copies():
    """Copies may be complete before the last worker has answered; that counts as well."""
    for _ in range(8):
        with Server(MODEL, "--workers", 4) as forming:
            whole(forming)


def test_four_workers_answer_as_one_process(cluster, expected):
    whole(cluster)
    assert ask_all(cluster) == expected


@pytest.mark.parametrize("stage", [0, 3])
def test_a_killed_worker_changes_no_answer(cluster, expected, stage):
    struck = leader_of(whole(cluster), stage)
    assert ask_all(cluster, lambda: os.kill(struck["pid"], signal.SIGKILL)) == expected
    assert until(cluster, lambda v: is_gone(v, struck))["epoch"] > 1


def test_a_frozen_worker_changes_no_answer_and_comes_back_as_another(cluster, expected):
    struck = leader_of(whole(cluster), 1)
    try:
        assert ask_all(cluster, lambda: os.kill(struck["pid"], signal.SIGSTOP)) == expected
    finally:
        os.kill(struck["pid"], signal.SIGCONT)
    assert is_gone(whole(cluster), struck)


def test_without_a_copy_everything_is_computed_again(expected):
    with Server(MODEL, "--workers", 2, "--redundancy", 1) as running:
        seen = until(running, lambda v: v["serving"])
        struck = leader_of(seen, 1)
        assert ask_all(running, lambda: os.kill(struck["pid"], signal.SIGKILL)) == expected


def test_a_drained_worker_leaves_and_changes_no_answer(cluster, expected):
    leaving = leader_of(whole(cluster), 2)

    def drain():
        code, out, err = troupe("drain", leaving["name"], "--url", cluster.url)
        assert code == 0, out + err

    assert ask_all(cluster, drain) == expected
    until(cluster, lambda v: is_gone(v, leaving))
    assert ask_all(cluster) == expected


def test_an_unknown_node_cannot_be_drained(cluster):
    code, _, err = troupe("drain", "nobody", "--url", cluster.url)
    assert code == 1
    assert "nobody" in err
