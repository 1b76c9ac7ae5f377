"""Keys: made and revoked on the command line, asked for by the server."""

import decimal
import json
import pathlib
import re
import threading
import time

import openai
import pytest

from troupe_server import MODELS, Gateway, Server, troupe


def key(*arguments, file):
    code, out, errors = troupe("key", *arguments, "--keys", file)
    assert code == 0, errors
    return out


def refused(words, *arguments):
    code, out, errors = troupe("key", *arguments)
    assert code != 0 and out == ""
    assert words in errors.strip().splitlines()[-1]


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path):
    file = tmp_path / "keys.db"
    secret = key("create", "alice", "--rpm", 60, "--models", "one,two", file=file).strip()
    assert re.fullmatch(r"tr-[0-9a-f]{64}", secret)
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in key("list", file=file)
    assert not any(secret.encode() in f.read_bytes() for f in tmp_path.iterdir())
    [row] = json.loads(key("list", "--json", file=file))
    assert row["name"] == "alice" and row["state"] == "in force" and row["requests_per_minute"] == 60
    assert row["models"] == ["one", "two"] and secret.startswith(row["key"].split("...")[0])


def test_limits_change_one_by_one_and_a_revoked_key_stays_listed(tmp_path):
    file = tmp_path / "keys.db"
    key("create", "alice", "--rpm", 60, file=file)
    key("limit", "alice", "--tpm", 1000, file=file)
    key("limit", "alice", "--rpm", "none", file=file)
    key("revoke", "alice", file=file)
    [row] = json.loads(key("list", "--json", file=file))
    assert row["requests_per_minute"] is None and row["tokens_per_minute"] == 1000
    assert row["state"] == "revoked"


def test_what_is_wrong_is_said(tmp_path):
    file = tmp_path / "keys.db"
    refused("no such file", "list", "--keys", file)
    key("create", "alice", file=file)
    refused("called 'alice' already", "create", "alice", "--keys", file)
    refused("letters, digits", "create", "two words", "--keys", file)
    refused("there are chat, completions", "create", "bob", "--endpoints", "chats", "--keys", file)
    refused("--rpm: '0'", "create", "bob", "--rpm", 0, "--keys", file)
    refused("30d", "create", "bob", "--expires-in", "soon", "--keys", file)
    refused("no key in force is called 'bob'", "revoke", "bob", "--keys", file)
    refused("Give --rpm", "limit", "alice", "--keys", file)
    other = tmp_path / "other"
    other.write_text("not a database, whatever its size is" * 100)
    refused("not a database", "list", "--keys", other)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server that asks for keys; its file of them, and an admin's key."""
    file = tmp_path_factory.mktemp("keys") / "keys.db"
    admin = key("create", "admin", "--endpoints", "models,admin", file=file).strip()
    with Server(MODELS / "tiny-qwen3-moe", "--keys", file) as running:
        running.keys, running.admin = file, admin
        yield running


def client(server, secret):
    return openai.OpenAI(base_url=server.url + "/v1", api_key=secret, max_retries=0, timeout=60)


def admitted(server, secret):
    """A client once the server has heard of its key."""
    made = client(server, secret)
    deadline = time.monotonic() + 20
    while True:
        try:
            made.models.list()
            return made
        except openai.AuthenticationError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def ask(made, server, tokens=2, **options):
    return made.completions.create(model=server.model, prompt=[5, 6, 7], max_tokens=tokens,
                                   extra_body={"ignore_eos": True}, **options)


def test_openai_raises_what_it_should(guarded):
    with pytest.raises(openai.AuthenticationError, match="not valid"):
        client(guarded, "tr-none").models.list()
    chats = admitted(guarded, key("create", "chats", "--endpoints", "chat,models", file=guarded.keys).strip())
    assert chats.chat.completions.create(model=guarded.model, max_tokens=2,
                                         messages=[{"role": "user", "content": "Hi"}]).choices
    with pytest.raises(openai.PermissionDeniedError, match="completions"):
        ask(chats, guarded)
    other = admitted(guarded, key("create", "other", "--models", "another", file=guarded.keys).strip())
    with pytest.raises(openai.PermissionDeniedError, match=guarded.model):
        ask(other, guarded)


def test_limits_raise_rate_limit_errors_with_headers(guarded):
    slow = admitted(guarded, key("create", "slow", "--rpm", 2, file=guarded.keys).strip())
    headers = slow.completions.with_raw_response.create(model=guarded.model, prompt="a", max_tokens=1).headers
    assert headers["x-ratelimit-limit-requests"] == "2"
    assert headers["x-ratelimit-remaining-requests"] == "1"
    assert headers["x-ratelimit-reset-requests"]
    with pytest.raises(openai.RateLimitError) as caught:
        ask(slow, guarded)
        ask(slow, guarded)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert caught.value.response.headers["x-ratelimit-limit-requests"] == "2"
    assert caught.value.code in ("rate_limit_exceeded", "burst_rate_exceeded")


def test_a_client_that_waits_as_told_gets_through(guarded):
    secret = key("create", "patient", "--rpm", 60, file=guarded.keys).strip()
    admitted(guarded, secret)
    patient = openai.OpenAI(base_url=guarded.url + "/v1", api_key=secret, max_retries=3, timeout=60)
    for _ in range(3):
        assert ask(patient, guarded).usage.completion_tokens == 2


def test_tokens_are_spent_for_good_and_the_budget_ends_them(guarded):
    spender = admitted(guarded, key("create", "spender", "--budget", 20, file=guarded.keys).strip())
    assert ask(spender, guarded, 10).usage.total_tokens == 13
    with pytest.raises(openai.RateLimitError) as caught:
        ask(spender, guarded, 10)
    assert caught.value.code == "insufficient_quota"
    deadline = time.monotonic() + 20
    spent = lambda: next(k["spent_tokens"] for k in json.loads(key("list", "--json", file=guarded.keys))
                         if k["name"] == "spender")
    while spent() != 13:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_money_is_spent_exactly_and_its_budget_ends_it_after_a_restart_too(tmp_path):
    file, ledger = tmp_path / "keys.db", tmp_path / "usage.db"
    prices = pathlib.Path(__file__).parents[2] / "configs" / "prices-mainland.toml"
    secret = key("create", "payer", "--budget-money", "0.0001", file=file).strip()
    daily = key("create", "daily", "--budget-money", "0.00005/day", file=file).strip()
    row = lambda name: next(k for k in json.loads(key("list", "--json", file=file)) if k["name"] == name)
    assert row("payer")["money_budget"] == "0.0001" and row("payer")["budget_period"] == "life"
    spent = decimal.Decimal(0)
    for _ in range(2):
        with Server(MODELS / "tiny-qwen3-moe", "--keys", file, "--prices", prices, "--ledger", ledger) as server:
            # 10 of them cost at most 0.0000369930: three would be too many.
            usage = ask(client(server, secret), server, 10).usage.model_dump()
            spent += decimal.Decimal(usage["cost_details"]["total"])
            assert usage["completion_tokens"] == 10
            if row("payer")["spent_money"] == "0":
                ask(client(server, daily), server, 10)
            with pytest.raises(openai.RateLimitError) as caught:
                ask(client(server, daily), server, 10)
            assert caught.value.code == "insufficient_quota" and "0.00005 a day" in str(caught.value)
            assert 1 <= int(caught.value.response.headers["retry-after"]) <= 86_400
    assert decimal.Decimal(row("payer")["spent_money"]) == spent
    with Server(MODELS / "tiny-qwen3-moe", "--keys", file, "--prices", prices, "--ledger", ledger) as server:
        with pytest.raises(openai.RateLimitError) as caught:
            ask(client(server, secret), server, 10)
        assert caught.value.code == "insufficient_quota" and "0.0001, and this request may cost" in str(caught.value)
        key("limit", "payer", "--budget-money", "none", file=file)
        deadline = time.monotonic() + 20
        while True:
            try:
                ask(client(server, secret), server, 10)
                break
            except openai.RateLimitError:
                assert time.monotonic() < deadline
    code, out, _ = troupe("usage", "--ledger", ledger, "--by", "key", "--csv")
    assert code == 0 and f"{decimal.Decimal(row('payer')['spent_money']):f}" in out


def test_a_stream_goes_on_when_its_key_is_revoked_and_the_next_does_not_begin(guarded):
    secret = key("create", "leaver", file=guarded.keys).strip()
    leaver = admitted(guarded, secret)
    events = ask(leaver, guarded, 200, stream=True)
    next(events)
    key("revoke", "leaver", file=guarded.keys)
    deadline = time.monotonic() + 20
    while True:
        try:
            client(guarded, secret).models.list()
        except openai.AuthenticationError:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list(events)[-1].choices[0].finish_reason == "length"


def test_dashscope_refuses_in_its_own_words(guarded):
    import dashscope
    dashscope.base_http_api_url = guarded.url + "/api/v1"
    reply = dashscope.Generation.call(model=guarded.model, prompt="Hi", api_key="tr-none")
    assert reply.status_code == 401 and reply.code == "InvalidApiKey"


def test_status_shows_a_key_and_health_needs_none(guarded):
    assert guarded.get("/health")[0] == 200
    assert guarded.get("/metrics")[0] == 401
    code, _, errors = troupe("status", "--url", guarded.url)
    assert code == 1 and "TROUPE_API_KEY" in errors
    code, out, _ = troupe("status", "--url", guarded.url, env={"TROUPE_API_KEY": guarded.admin})
    assert code == 0 and guarded.model in out
    assert guarded.admin not in guarded.errors()


def test_every_network_needs_keys_or_so_many_words(tmp_path):
    model = MODELS / "tiny-llama"
    code, _, errors = troupe("serve", model, "--host", "0.0.0.0", "--port", 0)
    assert code == 1 and "--without-keys let-anyone-in" in errors
    code, _, errors = troupe("serve", model, "--keys", tmp_path / "none.db", "--port", 0)
    assert code == 1 and "troupe key create" in errors
    with Server(model, "--host", "0.0.0.0", "--without-keys", "let-anyone-in") as open_to_all:
        assert open_to_all.get("/v1/models")[0] == 200


def test_a_gateway_asks_for_keys_too(tmp_path):
    file = tmp_path / "keys.db"
    secret = key("create", "alice", file=file).strip()
    with Server(MODELS / "tiny-qwen3-moe", "--workers", 1, "--redundancy", 1, "--threads", 1) as head, \
            Gateway(head, options=("--keys", file)) as gateway:
        assert ask(client(gateway, secret), gateway).choices[0].text
        with pytest.raises(openai.AuthenticationError):
            ask(client(gateway, "none"), gateway)


def count_admitted(gateways, secret, seconds):
    """How many requests all of them let through in that time, asked for as fast as they answer."""
    passed, end = [0] * len(gateways), time.monotonic() + seconds

    def ask_on(at):
        made = client(gateways[at], secret)
        while time.monotonic() < end:
            try:
                ask(made, gateways[at], 1)
                passed[at] += 1
            except openai.RateLimitError:
                pass

    threads = [threading.Thread(target=ask_on, args=(at,)) for at in range(len(gateways))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return passed


def test_two_gateways_and_the_head_keep_one_limit_of_a_minute(tmp_path):
    file = tmp_path / "keys.db"
    a_second, seconds = 2, 6
    secret = key("create", "alice", "--rpm", 60 * a_second, file=file).strip()
    other = key("create", "bob", "--tpm", 6000, file=file).strip()
    with Server(MODELS / "tiny-qwen3-moe", "--workers", 1, "--redundancy", 1, "--threads", 1, "--keys", file) as head, \
            Gateway(head, options=("--keys", file)) as one, Gateway(head, options=("--keys", file)) as two:
        servers = [head, one, two]
        begin = time.monotonic()
        passed = count_admitted(servers, secret, seconds)
        took = time.monotonic() - begin
        # A second's at each may be gone before the others hear of it; alone, each would let as many through as all.
        assert sum(passed) <= a_second * (took + len(servers)) + len(servers), passed
        assert sum(passed) >= a_second * (seconds - 2), passed
        # Tokens that one has given out are missing at the other.
        ask(client(one, other), one, 60)
        deadline = time.monotonic() + 20
        while True:
            headers = client(two, other).completions.with_raw_response.create(
                model=two.model, prompt=[5, 6, 7], max_tokens=1).headers
            if int(headers["x-ratelimit-remaining-tokens"]) < 6000 - 10:
                break
            assert time.monotonic() < deadline


def test_a_page_of_another_origin_may_read_the_limits(tmp_path):
    file, config = tmp_path / "keys.db", tmp_path / "troupe.toml"
    secret = key("create", "page", "--rpm", 60, "--tpm", 6000, file=file).strip()
    config.write_text('[http]\nallow_origin = "https://page.example"\n')
    with Server(MODELS / "tiny-qwen3-moe", "--keys", file, "--config", config) as server:
        headers = client(server, secret).completions.with_raw_response.create(
            model=server.model, prompt=[5, 6, 7], max_tokens=1).headers
    exposed = set(headers["access-control-expose-headers"].split(", "))
    limits = {name for name in headers if name.startswith("x-ratelimit-")}
    assert len(limits) == 6 and limits | {"x-request-id", "retry-after"} == exposed
