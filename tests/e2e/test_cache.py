"""The context cache: marks, keys' own prefixes, tiers that outlast evictions and restarts."""

import decimal
import json
import os
import pathlib
import signal
import time
import urllib.request

import second_turn
from conftest import client_of
from second_turn import words
from test_cluster import leader_of
from test_cluster import whole as all_up
from troupe_server import MODELS, Server, troupe

TINY = MODELS / "tiny-qwen3-moe"
CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
def complete(server, prompt, key=None, **more):
    """The answer to a completion, as JSON."""
    body = {"model": server.model, "prompt": prompt, "max_tokens": 8, "temperature": 0} | more
    request = urllib.request.Request(
        server.url + "/v1/completions", data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}))
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)


def cached(answer):
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"]


def same(answer, other):
    return answer["choices"] == other["choices"]


def marked(system, question, marks=True):
    part = {"type": "text", "text": system}
    if marks:
        part["cache_control"] = {"type": "ephemeral"}
    return [{"role": "system", "content": [part]}, {"role": "user", "content": question}]


def test_a_marked_prefix_is_created_then_found_and_priced_as_such():
    with Server(TINY, "--prices", CONFIGS / "prices-mainland.toml") as server:
        client = client_of(server)

        def ask(question, marks=True):
            answer = client.chat.completions.create(
                model=server.model, messages=marked(words(900), question, marks), max_tokens=4)
            usage = answer.usage.model_dump()
            details = usage["prompt_tokens_details"]
            created, hits = details.get("cache_creation_input_tokens") or 0, details["cached_tokens"]
            percent = 10 if marks else 20
            million = decimal.Decimal("0.861") * (usage["prompt_tokens"] - created - hits)
            million += decimal.Decimal("0.861") * created * 125 / 100
            million += decimal.Decimal("0.861") * hits * percent / 100
            million += decimal.Decimal("3.441") * usage["completion_tokens"]
            assert decimal.Decimal(usage["cost_details"]["total"]) == million / 1_000_000
            assert details.get("cache_type") == ("ephemeral" if marks else None)
            return created, hits, usage["prompt_tokens"]

        created, hits, prompt = ask("Why?")
        assert hits == 0 and 1024 <= created <= prompt
        assert ask("How so?")[:2] == (0, created)
        # The same prefix, unasked: an implicit hit.
        assert ask("Why?", marks=False)[1] >= created


def test_keys_find_nothing_of_each_other_unless_the_cache_is_shared(tmp_path):
    keys = tmp_path / "keys.db"
    secrets = []
    for name in ("alice", "bob"):
        code, out, errors = troupe("key", "create", name, "--keys", keys)
        assert code == 0, errors
        secrets.append(out.strip())
    prompt = words(400)
    with Server(TINY, "--keys", keys) as server:
        first = complete(server, prompt, secrets[0])
        assert cached(first) == 0
        assert cached(complete(server, prompt, secrets[0])) >= 256
        other = complete(server, prompt, secrets[1])
        assert cached(other) == 0 and same(other, first)
    settings = tmp_path / "troupe.toml"
    settings.write_text("[http]\nshared_cache = true\n")
    with Server(TINY, "--config", settings, "--keys", keys) as server:
        assert cached(complete(server, prompt, secrets[0])) == 0
        shared = complete(server, prompt, secrets[1])
        assert cached(shared) >= 256 and same(shared, first)


def test_what_the_device_has_no_room_for_comes_back_from_the_host():
    with Server(TINY, "--kv-memory-mib", 2, "--cache-host-mib", 64) as server:
        prompts = [words(600, seed) for seed in range(12)]
        first = [complete(server, p) for p in prompts]
        again = [complete(server, p) for p in prompts]
        for before, after in zip(first, again):
            assert cached(before) == 0 and same(before, after)
            assert cached(after) >= before["usage"]["prompt_tokens"] - 32
    with Server(TINY, "--kv-memory-mib", 2) as server:
        plain = [complete(server, p) for p in prompts]
        assert all(same(a, b) for a, b in zip(first, plain))
        assert cached(complete(server, prompts[0])) == 0  # long evicted


def pages(folder):
    return [f for f in folder.rglob("*") if f.is_file() and f.suffix != ".tmp"]


def wait_for_pages(folder, least):
    deadline = time.monotonic() + 30
    while len(pages(folder)) < least and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pages(folder)) >= least


def test_a_restart_keeps_the_disk_tier_and_no_damage_changes_an_answer(tmp_path):
    folder = tmp_path / "cache"
    options = (TINY, "--cache-folder", folder, "--stages", 2)
    prompt = words(400)
    with Server(*options) as server:
        first = complete(server, prompt)
        assert cached(first) == 0
    whole = first["usage"]["prompt_tokens"] // 16
    assert len(pages(folder)) >= 2 * whole
    assert folder.stat().st_mode & 0o077 == 0
    server = Server(*options)
    again = complete(server, prompt)
    assert cached(again) >= 16 * (whole - 1) and same(again, first)
    # Killed without a word: what had been written is there.
    longer = prompt + words(200, 2)
    complete(server, longer)
    wait_for_pages(folder, 2 * (whole + 16))
    server.process.kill()
    server.process.wait()
    with Server(*options) as server:
        assert cached(complete(server, longer)) > cached(again)
    for number, file in enumerate(sorted(pages(folder))):
        content = file.read_bytes()
        file.write_bytes(content[:-7] if number % 2 else content[:100] + b"spoilt" + content[106:])
    with Server(*options) as server:
        spoilt = complete(server, prompt)
        assert cached(spoilt) == 0 and same(spoilt, first)
    # Another kernel's bits are not trusted either: there is a folder for each.
    with Server(*options, "--kv-type", "f32") as server:
        assert cached(complete(server, prompt)) == 0


def test_nodes_keep_their_pages_on_disk_and_what_comes_back_outlives_them(tmp_path):
    folder = tmp_path / "cache"
    options = (TINY, "--workers", 2, "--cache-folder", folder)
    body = {"prompt": words(400), "max_tokens": 300, "temperature": 0, "ignore_eos": True, "logprobs": 0}
    with Server(*options) as server:
        first = complete(server, **body)
        whole = first["usage"]["prompt_tokens"] // 16
        wait_for_pages(folder, 2 * whole)
    for stage in (0, 1):
        scores = []
        with Server(*options) as server:
            struck = leader_of(all_up(server, nodes=2), stage)
            more = {"model": server.model, "stream": True, "stream_options": {"include_usage": True}}
            with server.stream("/v1/completions", body | more) as events:
                for event in events:
                    scores += [score for c in event["choices"] for score in c["logprobs"]["token_logprobs"]]
                    if len(scores) > 30 and struck:
                        os.kill(struck["pid"], signal.SIGKILL)
                        struck = None
        assert event["usage"]["prompt_tokens_details"]["cached_tokens"] >= 16 * (whole - 1)
        assert scores == first["choices"][0]["logprobs"]["token_logprobs"]


def test_a_second_turn_computes_its_new_tokens_only():
    """second_turn.py times it on any model and length."""
    with Server(TINY) as server:
        (first, _, usage), (second, _, more) = second_turn.measure(server.url, server.model, 3500, 7)
        print(f"{usage.prompt_tokens} tokens: {first:.3f} s, then {second:.3f} s")
        assert usage.prompt_tokens > 3000 and usage.prompt_tokens_details.cached_tokens == 0
        assert more.prompt_tokens_details.cached_tokens >= usage.prompt_tokens - 32


def test_mistakes_are_told(tmp_path):
    wrong = tmp_path / "file"
    wrong.write_text("no folder")
    with Server(TINY, "--max-input", 300, "--max-output", 20) as server:
        client = client_of(server)
        for body, said in [
                ({"prompt": words(400), "max_tokens": 4}, "at most 300 tokens"),
                ({"prompt": "Hello", "max_tokens": 21}, "at most 20")]:
            status, answer = server.post("/v1/completions", json.dumps({"model": server.model} | body).encode())
            assert status == 400 and said in json.loads(answer)["error"]["message"]
        answer = client.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hello"}],
            extra_body={"ignore_eos": True})
        assert answer.usage.completion_tokens == 20
        status, answer = server.post("/v1/chat/completions", json.dumps(
            {"model": server.model, "messages": [
                {"role": "user", "content": "Hi", "cache_control": {"type": "eternal"}}]}).encode())
        assert status == 400 and "cache_control" in json.loads(answer)["error"]["param"]
    with Server(TINY, "--cache-folder", wrong) as server:
        assert cached(complete(server, "Hello")) == 0
        assert "cache folder" in server.errors()
