"""The Responses API with the real openai client: events, what is kept, the background, conversations, keys."""

import os
import signal
import time

import openai
import pytest

from conftest import client_of
from troupe_server import MODELS, Gateway, Server, troupe

LONG = {"ignore_eos": True, "seed": 5}


def start(folder, *options):
    return Server(MODELS / "tiny-qwen3-moe", "--store", folder / "store.db", "--reasoning-parser", "none", *options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    with start(tmp_path_factory.mktemp("kept")) as running:
        yield running


@pytest.fixture(scope="module")
def asks(kept):
    return client_of(kept)


def ask(client, server, text="Hello", tokens=8, extra=None, **options):
    return client.responses.create(model=server.model, input=text, max_output_tokens=tokens,
                                   extra_body={**LONG, **(extra or {})}, **options)


def until_ended(client, name, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        found = client.responses.retrieve(name)
        if found.status not in ("queued", "in_progress"):
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_response_is_answered_and_kept(kept, asks):
    made = ask(asks, kept, metadata={"who": "me"}, instructions="Be brief.")
    assert made.id.startswith("resp_") and made.object == "response"
    assert made.status == "incomplete" and made.incomplete_details.reason == "max_output_tokens"
    assert made.output_text and made.metadata == {"who": "me"} and made.instructions == "Be brief."
    assert made.usage.output_tokens == 8
    assert made.usage.total_tokens == made.usage.input_tokens + 8
    assert asks.responses.retrieve(made.id).output_text == made.output_text
    [item] = asks.responses.input_items.list(made.id).data
    assert item.role == "user" and item.content[0].text == "Hello"
    asks.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        asks.responses.retrieve(made.id)


def test_what_is_not_to_be_stored_is_not(kept, asks):
    made = ask(asks, kept, store=False)
    with pytest.raises(openai.NotFoundError):
        asks.responses.retrieve(made.id)


def test_the_events_are_typed_numbered_and_add_up(kept, asks):
    events = list(ask(asks, kept, stream=True))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    types = [e.type for e in events]
    assert types[:4] == ["response.created", "response.in_progress", "response.output_item.added",
                         "response.content_part.added"]
    assert types[-4:] == ["response.output_text.done", "response.content_part.done",
                          "response.output_item.done", "response.incomplete"]
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    last = events[-1].response
    assert last.output_text == text == ask(asks, kept).output_text
    assert asks.responses.retrieve(last.id) == last


def test_the_helper_of_the_package_follows(kept, asks):
    with asks.responses.stream(model=kept.model, input="Hello", max_output_tokens=4,
                               extra_body=LONG) as stream:
        for _ in stream:
            pass
        with pytest.raises(RuntimeError):  # it waits for response.completed, and this is incomplete
            stream.get_final_response()


def test_a_conversation_goes_on_from_a_response(kept, asks):
    first = ask(asks, kept, "My name is Ann.")
    second = ask(asks, kept, "Who am I?", previous_response_id=first.id)
    third = ask(asks, kept, "Sure?", previous_response_id=second.id)
    assert third.usage.input_tokens > second.usage.input_tokens > first.usage.input_tokens
    said = [{"role": "user", "content": "My name is Ann."},
            {"role": "assistant", "content": first.output_text},
            {"role": "user", "content": "Who am I?"}]
    assert ask(asks, kept, said).output_text == second.output_text
    chat = asks.chat.completions.create(model=kept.model, messages=said, max_tokens=8, extra_body=LONG)
    assert chat.choices[0].message.content == second.output_text
    items = list(asks.responses.input_items.list(third.id, order="asc", limit=2))
    assert len(items) == 5 and items[0].content[0].text == "My name is Ann."
    with pytest.raises(openai.NotFoundError) as caught:
        ask(asks, kept, previous_response_id="resp_none")
    assert caught.value.param == "previous_response_id"


def test_tools_and_reasoning_come_back_as_items(kept, asks):
    tool = {"type": "function", "name": "look", "description": "Looks", "parameters": {"type": "object"}}
    made = ask(asks, kept, [
        {"role": "user", "content": [{"type": "input_text", "text": "Look!"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a tree"},
    ], tools=[tool], include=["message.output_text.logprobs"], top_logprobs=2)
    assert made.tools[0].name == "look"
    scores = made.output[0].content[0].logprobs
    assert scores and len(scores[0].top_logprobs) == 2


def test_what_is_wrong_names_the_parameter(kept, asks):
    for param, options in {"input": {"text": []}, "tools[0]": {"tools": [{"type": "web_search"}]},
                           "temperature": {"temperature": 3}, "background": {"background": True, "store": False},
                           "metadata": {"metadata": {"a": "b" * 513}}}.items():
        with pytest.raises(openai.BadRequestError) as caught:
            ask(asks, kept, **options)
        assert caught.value.param == param
    with pytest.raises(openai.BadRequestError, match="context length"):
        ask(asks, kept, tokens=10**6)
    with pytest.raises(openai.NotFoundError):
        asks.responses.create(model="another", input="Hi")


def test_the_background_goes_on_and_its_events_can_be_followed_twice(kept, asks):
    made = ask(asks, kept, tokens=40, background=True, stream=True)
    seen = []
    for event in made:
        seen.append(event)
        if event.sequence_number == 6:
            break
    made.close()
    name = seen[0].response.id
    assert [e.type for e in seen[:2]] == ["response.created", "response.queued"]
    rest = list(asks.responses.retrieve(name, stream=True, starting_after=6))
    assert [e.sequence_number for e in seen + rest] == list(range(7 + len(rest)))
    assert rest[-1].response.status == "incomplete"
    again = list(asks.responses.retrieve(name, stream=True))
    assert again[7:] == rest
    assert until_ended(asks, name).output_text == ask(asks, kept, tokens=40).output_text


def test_a_background_response_is_cancelled(kept, asks):
    made = ask(asks, kept, tokens=2000, background=True)
    assert made.status in ("queued", "in_progress")
    assert asks.responses.cancel(made.id).status == "cancelled"
    assert asks.responses.cancel(made.id).status == "cancelled"
    assert asks.responses.retrieve(made.id).status == "cancelled"
    deadline = kept.wait_for_metric("vllm:num_requests_running", lambda v: v == 0)
    assert deadline == 0
    with pytest.raises(openai.BadRequestError):
        asks.responses.cancel(ask(asks, kept).id)


def test_a_background_response_survives_kill_9_and_comes_out_the_same(tmp_path):
    server = start(tmp_path)
    try:
        client = client_of(server)
        whole = ask(client, server, tokens=400)
        done = ask(client, server, "Done before.")
        made = ask(client, server, tokens=400, background=True, stream=True)
        seen = []
        for event in made:
            seen.append(event)
            if len(seen) == 20:
                break
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    finally:
        server.process.kill()
    name = seen[0].response.id
    with start(tmp_path) as again:
        client = client_of(again)
        assert client.responses.retrieve(done.id) == done
        rest = list(client.responses.retrieve(name, stream=True, starting_after=19))
        assert [e.sequence_number for e in rest] == list(range(20, 20 + len(rest)))
        text = "".join(e.delta for e in seen + rest if e.type == "response.output_text.delta")
        assert text == whole.output_text == until_ended(client, name).output_text


def test_keys_do_not_see_each_others(tmp_path):
    file = tmp_path / "keys.db"
    secrets = []
    for name in ("ann", "bob"):
        code, out, errors = troupe("key", "create", name, "--keys", file)
        assert code == 0, errors
        secrets.append(out.strip())
    with start(tmp_path, "--keys", file) as server:
        ann, bob = (openai.OpenAI(base_url=server.url + "/v1", api_key=s, max_retries=0, timeout=60)
                    for s in secrets)
        made = ask(ann, server)
        running = ask(ann, server, tokens=2000, background=True)
        for name in (made.id, running.id):
            for attempt in (bob.responses.retrieve, bob.responses.cancel, bob.responses.delete,
                            lambda n: bob.responses.input_items.list(n),
                            lambda n: list(bob.responses.retrieve(n, stream=True)),
                            lambda n: ask(bob, server, previous_response_id=n)):
                with pytest.raises(openai.NotFoundError):
                    attempt(name)
        assert ann.responses.retrieve(made.id).id == made.id
        assert ann.responses.cancel(running.id).status == "cancelled"


def test_the_oldest_go_and_those_whose_time_is_over(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[store]\nmax_responses = 2\n")
    with start(tmp_path, "--config", config) as server:
        client = client_of(server)
        names = [ask(client, server).id for _ in range(3)]
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(names[0])
        assert client.responses.retrieve(names[2]).id == names[2]


def test_a_store_is_one_servers_alone(tmp_path):
    with start(tmp_path):
        code, _, errors = troupe("serve", MODELS / "tiny-llama", "--store", tmp_path / "store.db", "--port", 0)
        assert code == 1 and "another server has this store" in errors


def test_without_a_store_nothing_is_promised(tiny, tiny_client):
    made = ask(tiny_client, tiny)
    assert made.output_text and made.to_dict()["store"] is False
    with pytest.raises(openai.BadRequestError, match="--store"):
        ask(tiny_client, tiny, background=True)
    with pytest.raises(openai.NotFoundError):
        tiny_client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError, match="--store"):
        tiny_client.files.list()


def test_a_gateway_keeps_responses_too(tmp_path):
    with Server(MODELS / "tiny-qwen3-moe", "--workers", 1, "--redundancy", 1, "--threads", 1) as head, \
            Gateway(head, options=("--store", tmp_path / "store.db")) as gateway:
        client = client_of(gateway)
        made = ask(client, gateway, background=True)
        assert until_ended(client, made.id).output_text == ask(client, gateway).output_text
