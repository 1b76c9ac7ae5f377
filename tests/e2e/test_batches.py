"""Files and batches with the real openai client: answers, errors, kill -9, cancelling, prices, keys."""

import json
import os
import signal
import sqlite3
import time

import openai
import pytest

from conftest import client_of
from troupe_server import MODELS, Server, troupe

PRICES = """[prices]
currency = "USD"
[[tier]]
input = "2"
output = "6"
"""


def start(folder, *options):
    return Server(MODELS / "tiny-qwen3-moe", "--store", folder / "store.db", *options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    with start(tmp_path_factory.mktemp("kept")) as running:
        yield running


@pytest.fixture(scope="module")
def asks(kept):
    return client_of(kept)


def line(number, model, tokens=4, url="/v1/completions", **body):
    return {"custom_id": f"line-{number}", "method": "POST", "url": url,
            "body": {"model": model, "prompt": f"Number {number}", "max_tokens": tokens,
                     "ignore_eos": True, **body}}


def upload(client, lines, name="input.jsonl"):
    text = "\n".join(json.dumps(x) if isinstance(x, dict) else x for x in lines)
    return client.files.create(file=(name, text.encode()), purpose="batch")


def begin(client, lines, endpoint="/v1/completions", **options):
    return client.batches.create(input_file_id=upload(client, lines).id, endpoint=endpoint,
                                 completion_window="24h", **options)


def until(client, batch, *wanted, seconds=90):
    deadline = time.monotonic() + seconds
    while True:
        now = client.batches.retrieve(batch.id)
        if now.status in wanted:
            return now
        assert time.monotonic() < deadline and now.status not in ("failed", "expired"), now
        time.sleep(0.05)


def content(client, name):
    return [json.loads(x) for x in client.files.content(name).text.splitlines()]


def test_a_file_comes_back_as_it_was_sent(asks):
    data = os.urandom(3 << 20) + b"\r\n--not-a-boundary\r\n\0"
    made = asks.files.create(file=("odd \"name\".jsonl", data), purpose="batch",
                             expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.object == "file" and made.bytes == len(data) and made.filename == "odd \"name\".jsonl"
    assert made.expires_at == made.created_at + 3600
    assert asks.files.retrieve(made.id) == made
    assert asks.files.content(made.id).content == data
    assert made.id in [f.id for f in asks.files.list(purpose="batch", limit=2)]
    assert asks.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        asks.files.content(made.id)


def test_uploads_that_are_wrong_are_refused(kept, asks):
    with pytest.raises(openai.BadRequestError) as caught:
        asks.files.create(file=("a", b"b"), purpose="fine-tune")
    assert caught.value.param == "purpose"
    for body, kind in [(b"", "multipart/form-data; boundary=x"), (b"--x\r\n", "multipart/form-data; boundary=x"),
                       (b"--x--", "multipart/form-data; boundary=x"), (b"{}", "application/json"),
                       (b"--x\r\nA: b\r\n\r\nc\r\n--x--", "multipart/form-data; boundary=x")]:
        status, text = kept.post("/v1/files", body, kind)
        assert status == 400, text


def test_a_file_may_be_larger_than_other_bodies_but_not_too_large(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[http]\nmax_body_mib = 1\n[store]\nmax_upload_mib = 2\nmax_files_mib = 3\n")
    with start(tmp_path, "--config", config) as server:
        client = client_of(server)
        client.files.create(file=("a", b"x" * (3 << 19)), purpose="batch")
        with pytest.raises(openai.APIStatusError) as caught:
            client.files.create(file=("a", b"x" * (5 << 19)), purpose="batch")
        assert caught.value.status_code == 413
        with pytest.raises(openai.BadRequestError, match="delete files"):
            client.files.create(file=("a", b"x" * (15 << 17)), purpose="batch")
        status, _ = server.post("/v1/completions", b" " * (3 << 19))
        assert status == 413


@pytest.mark.parametrize("endpoint", ["/v1/completions", "/v1/chat/completions", "/v1/responses"])
def test_a_batch_answers_every_line(kept, asks, endpoint):
    def body(number):
        if endpoint == "/v1/completions":
            return {"prompt": f"Number {number}", "max_tokens": 4}
        said = [{"role": "user", "content": f"Number {number}"}]
        if endpoint == "/v1/responses":
            return {"input": said, "max_output_tokens": 4}
        return {"messages": said, "max_tokens": 4}

    lines = [{"custom_id": f"line-{n}", "method": "POST", "url": endpoint,
              "body": {"model": kept.model, "ignore_eos": True, "seed": n, **body(n)}} for n in range(12)]
    lines[5]["body"]["temperature"] = 9
    made = begin(asks, lines, endpoint, metadata={"who": "me"})
    assert made.object == "batch" and made.metadata == {"who": "me"} and made.endpoint == endpoint
    done = until(asks, made, "completed")
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (12, 11, 1)
    answers = content(asks, done.output_file_id)
    assert [a["custom_id"] for a in answers] == [f"line-{n}" for n in range(12) if n != 5]
    assert all(a["response"]["status_code"] == 200 and a["error"] is None for a in answers)
    assert sum(a["response"]["body"]["usage"].get("completion_tokens", 4) for a in answers) == 44
    [error] = content(asks, done.error_file_id)
    assert error["custom_id"] == "line-5" and error["response"]["status_code"] == 400
    assert error["response"]["body"]["error"]["param"] == "temperature"
    assert done.usage.output_tokens == 44 and done.completed_at >= done.in_progress_at
    assert made.id in [b.id for b in asks.batches.list(limit=1)]
    if endpoint == "/v1/completions":
        direct = asks.completions.create(**{k: v for k, v in lines[3]["body"].items() if k != "ignore_eos"},
                                         extra_body={"ignore_eos": True})
        assert answers[3]["response"]["body"]["choices"][0]["text"] == direct.choices[0].text


def test_an_input_that_is_wrong_fails_with_its_lines(kept, asks):
    good = line(1, kept.model)
    made = begin(asks, [good, "{", {**good, "method": "GET"}, {**good, "custom_id": "x", "url": "/v1/models"},
                        good, "", {**good, "custom_id": ""}])
    deadline = time.monotonic() + 30
    while (failed := asks.batches.retrieve(made.id)).status != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert sorted(e.line for e in failed.errors.data) == [2, 3, 4, 5, 7]
    assert {e.code for e in failed.errors.data} == {"invalid_request", "duplicate_custom_id"}
    assert failed.output_file_id is None
    with pytest.raises(openai.NotFoundError):
        asks.batches.create(input_file_id="file-none", endpoint="/v1/completions", completion_window="24h")
    with pytest.raises(openai.BadRequestError):
        begin(asks, [good], endpoint="/v1/embeddings")


def test_a_line_is_one_line_where_python_breaks_lines(kept, asks):
    names = [f"line{c}{n}" for n, c in enumerate("\u0085\u2028\u2029\u001c\v\f")]
    made = begin(asks, [{**line(0, kept.model), "custom_id": name} for name in names])
    done = until(asks, made, "completed")
    assert [a["custom_id"] for a in content(asks, done.output_file_id)] == names


def test_kill_9_in_the_middle_neither_loses_a_line_nor_answers_one_twice(tmp_path):
    total = 300  # more than are answered while it looks
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES)
    options = ("--prices", prices, "--ledger", tmp_path / "usage.db")
    seen, name, model = 0, None, None
    for round_ in range(3):
        server = start(tmp_path, *options)
        try:
            client = client_of(server)
            if name is None:
                model = server.model
                name = begin(client, [line(n, model, tokens=24) for n in range(total)]).id
            deadline = time.monotonic() + 60
            wanted = seen + 15
            while (seen := client.batches.retrieve(name).request_counts.completed) < wanted:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            assert seen < total
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
        finally:
            server.process.kill()
    with start(tmp_path, *options) as server:
        client = client_of(server)
        done = until(client, client.batches.retrieve(name), "completed")
        assert done.request_counts.completed == total and done.error_file_id is None
        answers = content(client, done.output_file_id)
        assert [a["custom_id"] for a in answers] == [f"line-{n}" for n in range(total)]
        ids = {a["response"]["body"]["id"] for a in answers}
        assert len(ids) == total
    # Whatever was asked twice is one answer in the ledger, at half the price.
    rows = sqlite3.connect(tmp_path / "usage.db").execute(
        "SELECT id, batch, input_tokens, output_tokens, cost FROM usage WHERE output_tokens = 24").fetchall()
    assert {r[0] for r in rows} == ids and len(rows) == total
    for _, batch, read, written, cost in rows:
        assert batch == 1 and round(float(cost) * 1e6) == read * 1 + written * 3


def test_a_cancelled_batch_keeps_what_was_answered(kept, asks):
    made = begin(asks, [line(n, kept.model, tokens=200) for n in range(200)])
    deadline = time.monotonic() + 60
    while asks.batches.retrieve(made.id).request_counts.completed < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert asks.batches.cancel(made.id).status in ("cancelling", "cancelled")
    done = until(asks, made, "cancelled")
    assert 2 <= done.request_counts.completed < 200
    assert len(content(asks, done.output_file_id)) == done.request_counts.completed
    assert done.cancelled_at >= done.cancelling_at
    assert asks.batches.cancel(made.id).status == "cancelled"


def test_others_go_before_a_batch(kept, asks):
    made = begin(asks, [line(n, kept.model, tokens=100) for n in range(300)])
    until(asks, made, "in_progress")
    for _ in range(5):
        assert asks.completions.create(model=kept.model, prompt="Me first", max_tokens=4).choices
    assert asks.batches.retrieve(made.id).status == "in_progress"
    asks.batches.cancel(made.id)
    until(asks, made, "cancelled")


def test_keys_do_not_see_each_others_and_their_scope_holds(tmp_path):
    file = tmp_path / "keys.db"

    def key(*words):
        code, out, errors = troupe("key", "create", *words, "--keys", file)
        assert code == 0, errors
        return out.strip()

    secrets = [key("ann"), key("bob"), key("carl", "--endpoints", "batches,chat"),
               key("dora", "--budget", 30)]
    with start(tmp_path, "--keys", file) as server:
        ann, bob, carl, dora = (openai.OpenAI(base_url=server.url + "/v1", api_key=s, max_retries=0, timeout=60)
                                for s in secrets)
        made = begin(ann, [line(n, server.model) for n in range(3)])
        done = until(ann, made, "completed")
        for attempt in (lambda: bob.batches.retrieve(made.id), lambda: bob.batches.cancel(made.id),
                        lambda: bob.files.content(done.output_file_id), lambda: bob.files.delete(made.input_file_id),
                        lambda: bob.batches.create(input_file_id=made.input_file_id, endpoint="/v1/completions",
                                                   completion_window="24h")):
            with pytest.raises(openai.NotFoundError):
                attempt()
        assert not bob.files.list().data and not bob.batches.list().data
        with pytest.raises(openai.PermissionDeniedError, match="completions"):
            begin(carl, [line(1, server.model)])
        spent = until(dora, begin(dora, [line(n, server.model, tokens=20) for n in range(20)]), "completed")
        assert 1 <= spent.request_counts.completed < 20
        assert content(dora, spent.error_file_id)[0]["response"]["body"]["error"]["code"] == "insufficient_quota"


def test_what_is_not_answered_in_time_says_so(tmp_path):
    server = start(tmp_path)
    try:
        client = client_of(server)
        made = begin(client, [line(n, server.model, tokens=200) for n in range(200)])
        until(client, made, "in_progress")
    finally:
        server.process.kill()
        server.process.wait()
    with sqlite3.connect(tmp_path / "store.db") as store:
        store.execute("UPDATE batches SET expires = 1")
    with start(tmp_path) as server:
        client = client_of(server)
        deadline = time.monotonic() + 60
        while (done := client.batches.retrieve(made.id)).status != "expired":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        errors = content(client, done.error_file_id)
        assert done.request_counts.completed + len(errors) == 200
        assert errors[-1]["error"]["code"] == "batch_expired"
