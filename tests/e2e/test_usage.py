"""Prices, the ledger and `troupe usage`, with servers that are killed at any moment."""

import csv
import decimal
import http.client
import io
import json
import pathlib
import random
import sqlite3
import threading
import time

import pytest

from conftest import client_of
from troupe_server import MODELS, Gateway, Server, troupe

TINY = MODELS / "tiny-qwen3-moe"
CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
MAINLAND = CONFIGS / "prices-mainland.toml"
KILL_SECONDS = 30
CLIENTS = 4


def rows(ledger):
    """Every answer in the ledger, by its id."""
    with sqlite3.connect(ledger) as file:
        file.row_factory = sqlite3.Row
        found = file.execute("SELECT * FROM usage").fetchall()
    assert len({row["id"] for row in found}) == len(found)
    return {row["id"]: row for row in found}


def price(usage):
    """What the mainland's first tier asks, in exact arithmetic."""
    hits = usage["prompt_tokens_details"]["cached_tokens"]
    per_million = decimal.Decimal("0.861") * (usage["prompt_tokens"] - hits)
    per_million += decimal.Decimal("0.861") * hits * 20 / 100
    per_million += decimal.Decimal("3.441") * usage["completion_tokens"]
    return per_million / 1_000_000


def exact(number):
    return decimal.Decimal(repr(number))


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    """A server with prices, and its ledger."""
    ledger = tmp_path_factory.mktemp("ledger") / "usage.db"
    with Server(TINY, "--prices", MAINLAND, "--ledger", ledger) as running:
        yield running, ledger


def test_usage_has_the_exact_cost_and_the_ledger_the_same(priced):
    server, ledger = priced
    client = client_of(server)
    body = {"model": server.model, "prompt": "Once upon a time there was a cat " * 60,
            "max_tokens": 7, "temperature": 0}
    answers = [client.completions.create(**body) for _ in range(2)]
    # The second finds the first's prompt in the cache.
    assert answers[1].usage.prompt_tokens_details.cached_tokens > 0
    for answer in answers:
        usage = answer.usage.model_dump()
        row = rows(ledger)[answer.id]
        assert exact(usage["cost"]) == price(usage) == decimal.Decimal(row["cost"])
        assert decimal.Decimal(usage["cost_details"]["total"]) == price(usage)
        assert usage["cost_details"]["currency"] == row["currency"] == "USD"
        assert row["input_tokens"] == usage["prompt_tokens"]
        assert row["output_tokens"] == usage["completion_tokens"]
        assert row["created"] == answer.created and not row["cut"]


def test_a_stream_tells_its_cost_after_the_ledger_has_it(priced):
    server, ledger = priced
    body = {"model": server.model, "messages": [{"role": "user", "content": "Hello"}],
            "max_tokens": 6, "stream": True, "stream_options": {"include_usage": True}}
    with server.stream("/v1/chat/completions", body) as events:
        for event in events:
            ended = not event["choices"] or event["choices"][0]["finish_reason"]
            if ended:
                assert event["id"] in rows(ledger)
    assert decimal.Decimal(rows(ledger)[event["id"]]["cost"]) == exact(event["usage"]["cost"])
    assert exact(event["usage"]["cost"]) == price(event["usage"])


def test_an_answer_that_its_client_leaves_is_counted_as_cut(priced):
    server, ledger = priced
    before = set(rows(ledger))
    body = {"model": server.model, "prompt": "Hello", "max_tokens": 2000, "stream": True,
            "ignore_eos": True}
    with server.stream("/v1/completions", body) as events:
        left = next(iter(events))["id"]
    server.wait_for_metric("troupe_num_requests_running", lambda n: n == 0)
    deadline = time.monotonic() + 20
    while left not in rows(ledger) and time.monotonic() < deadline:
        server.get("/health")
    assert set(rows(ledger)) - before == {left}
    row = rows(ledger)[left]
    assert row["cut"] and 0 < row["output_tokens"] < 2000


def test_the_command_adds_up_what_the_ledger_has(priced):
    server, ledger = priced
    kept = rows(ledger).values()
    total = sum(decimal.Decimal(row["cost"]) for row in kept)
    code, out, _ = troupe("usage", "--ledger", ledger, "--by", "model", "--csv")
    assert code == 0
    line, = csv.DictReader(io.StringIO(out))
    assert line["model"] == server.model and line["currency"] == "USD"
    assert int(line["answers"]) == len(kept)
    assert int(line["output_tokens"]) == sum(row["output_tokens"] for row in kept)
    assert decimal.Decimal(line["cost"]) == total
    code, out, _ = troupe("usage", "--ledger", ledger)
    assert code == 0 and f"{total.normalize():f}" in out.splitlines()[-1]
    code, out, _ = troupe("usage", "--ledger", ledger, "--until", "2020-01-01")
    assert code == 0 and out == "No usage.\n"


def test_mistakes_are_one_line(tmp_path):
    wrong = tmp_path / "prices.toml"
    wrong.write_text('[prices]\ncurrency = "USD"\n[[tier]]\ninput = 1.5\n')
    for arguments, words in [
            (("usage", "--ledger", tmp_path / "none.db"), "none.db: no such file"),
            (("usage", "--ledger", wrong), "prices.toml"),
            (("usage", "--ledger", wrong, "--by", "hour"), "--by takes"),
            (("serve", TINY, "--port", 0, "--prices", wrong), "prices.toml:4: tier.input"),
            (("serve", TINY, "--port", 0, "--ledger", wrong), "prices.toml")]:
        code, out, err = troupe(*arguments)
        assert code == 1 and out == "" and words in err, (arguments, err)
        assert err.count("\n") == 1, err


def test_a_gateway_of_a_cluster_keeps_a_ledger_too(tmp_path):
    ledger = tmp_path / "usage.db"
    with Server(TINY, "--workers", 1, "--redundancy", 1, "--ledger", ledger) as head, \
         Gateway(head, options=("--prices", MAINLAND, "--ledger", ledger)) as gateway:
        answers = [client_of(server).completions.create(
            model=server.model, prompt="Hello", max_tokens=3) for server in (head, gateway)]
        kept = rows(ledger)
        assert set(kept) == {answer.id for answer in answers}
        assert kept[answers[0].id]["cost"] == "0" and kept[answers[0].id]["currency"] == ""
        assert decimal.Decimal(kept[answers[1].id]["cost"]) == price(answers[1].usage.model_dump())


class Asking(threading.Thread):
    """Asks for one answer after another, and keeps what it was told."""

    def __init__(self, server, seed):
        super().__init__()
        self.server = server
        self.random = random.Random(seed)
        self.ended = {}  # by id: the usage, or None where only the end was seen

    def run(self):
        while True:
            try:
                self.ask(self.random.random() < 0.5)
            except (OSError, http.client.HTTPException, ValueError):
                return  # the server is gone

    def ask(self, stream):
        body = {"model": self.server.model, "prompt": "Hello" * self.random.randrange(1, 9),
                "max_tokens": self.random.randrange(1, 6), "ignore_eos": True}
        if not stream:
            status, text = self.server.post("/v1/completions", json.dumps(body).encode())
            assert status == 200, text
            answer = json.loads(text)
            self.ended[answer["id"]] = answer["usage"]
            return
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        with self.server.stream("/v1/completions", body) as events:
            for event in events:
                if event["choices"] and event["choices"][0]["finish_reason"]:
                    self.ended.setdefault(event["id"], None)
                if event["usage"]:
                    self.ended[event["id"]] = event["usage"]


def test_kill_9_at_any_moment_loses_no_answer_and_counts_none_twice(tmp_path):
    """Every answer whose end a client saw is in the ledger once, with what the client was told."""
    ledger = tmp_path / "usage.db"
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    told, kills = {}, 0
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        server = Server(TINY, "--prices", MAINLAND, "--ledger", ledger, "--threads", 1)
        clients = [Asking(server, draw.random()) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        threading.Event().wait(draw.uniform(0, 1))
        server.process.kill()
        server.process.wait()
        for client in clients:
            client.join(60)
            assert not client.is_alive()
            assert not told.keys() & client.ended.keys()
            told |= client.ended
        kills += 1
        kept = rows(ledger)
        missing = told.keys() - kept.keys()
        assert not missing, (seed, kills, missing)
    assert kills >= 5 and len(told) >= 20, (kills, len(told))
    for id, usage in told.items():
        row = kept[id]
        assert not row["cut"]
        if usage is not None:
            assert row["input_tokens"] == usage["prompt_tokens"]
            assert row["output_tokens"] == usage["completion_tokens"]
            assert decimal.Decimal(row["cost"]) == exact(usage["cost"]) == price(usage)
    # What is there besides is what nobody was told the end of: at most one a client and kill.
    assert len(kept) - len(told) <= kills * CLIENTS
    code, out, _ = troupe("usage", "--ledger", ledger, "--by", "total", "--csv")
    line, = csv.DictReader(io.StringIO(out))
    assert code == 0 and int(line["answers"]) == len(kept)
    assert decimal.Decimal(line["cost"]) == sum(decimal.Decimal(r["cost"]) for r in kept.values())
    print(kills, "kills,", len(told), "answers told,", len(kept), "kept")
