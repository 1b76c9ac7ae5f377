"""A thought that is kept to a budget, over both protocols."""

import json
import os
import signal

import dashscope
import pytest

from conftest import client_of
from test_cluster import leader_of, whole
from troupe_server import MODELS, Server

BUDGET = 9
MODEL = MODELS / "tiny-qwen3-moe"
# The model's weights are random, so the thought is begun for it; it never ends one by itself.
MESSAGES = [{"role": "user", "content": "Is it raining?"},
            {"role": "assistant", "content": "<think>\nI look", "partial": True}]


@pytest.fixture(scope="module")
def thinker():
    with Server(MODEL, "--reasoning-parser", "think") as running:
        yield running


@pytest.fixture(scope="module")
def end_of_thought(thinker):
    return client_of(thinker).post("/../tokenize", body={"prompt": "\n</think>\n\n"},
                                   cast_to=object)["tokens"]


def ask(server, seed, **options):
    body = {"thinking_budget": BUDGET, "return_token_ids": True, **options.pop("extra_body", {})}
    return client_of(server).chat.completions.create(
        model=server.model, messages=MESSAGES, max_tokens=40, temperature=1, seed=seed,
        extra_body=body, **options)


def tokens_of(choice):
    return choice.model_extra["token_ids"]


@pytest.mark.parametrize("seed", range(4))
def test_a_thought_ends_behind_its_budget_and_the_answer_goes_on(thinker, end_of_thought, seed):
    answer = ask(thinker, seed, logprobs=True)
    choice = answer.choices[0]
    tokens = tokens_of(choice)
    assert tokens[BUDGET:BUDGET + len(end_of_thought)] == end_of_thought
    assert len(tokens) > BUDGET + len(end_of_thought)
    message = choice.message
    assert message.reasoning_content == message.reasoning != ""
    assert "</think>" not in message.content and message.content
    counted = answer.usage.completion_tokens_details.reasoning_tokens
    assert BUDGET < counted <= BUDGET + len(end_of_thought)
    assert answer.usage.completion_tokens == len(tokens)


def test_a_stream_and_the_answer_behind_a_budget_are_the_same(thinker):
    whole = ask(thinker, 7).choices[0]
    deltas = [c.choices[0] for c in ask(thinker, 7, stream=True)]
    assert [t for d in deltas for t in d.model_extra.get("token_ids", [])] == tokens_of(whole)
    assert "".join(d.delta.content or "" for d in deltas) == whole.message.content
    thought = "".join(getattr(d.delta, "reasoning_content", None) or "" for d in deltas)
    assert thought == whole.message.reasoning_content


def test_without_a_budget_and_up_to_it_nothing_changes(thinker):
    free = ask(thinker, 3, extra_body={"thinking_budget": None}).choices[0]
    kept = ask(thinker, 3).choices[0]
    assert tokens_of(free)[:BUDGET] == tokens_of(kept)[:BUDGET]
    ample = ask(thinker, 3, extra_body={"thinking_budget": 1000}).choices[0]
    assert tokens_of(ample) == tokens_of(free)


def test_dashscope_has_the_same_budget(thinker):
    dashscope.base_http_api_url = thinker.url + "/api/v1"
    dashscope.api_key = "none"
    here = dashscope.Generation.call(
        model=thinker.model, messages=MESSAGES, result_format="message", max_tokens=40,
        temperature=1, seed=5, thinking_budget=BUDGET, enable_thinking=True)
    there = ask(thinker, 5, extra_body={"enable_thinking": True})
    said, wanted = here.output.choices[0].message, there.choices[0].message
    assert (said.content, said.reasoning_content) == (wanted.content, wanted.reasoning_content)
    assert (here.usage.output_tokens_details["reasoning_tokens"]
            == there.usage.completion_tokens_details.reasoning_tokens)


@pytest.mark.parametrize("strike_at", [150, 198])
def test_a_worker_killed_in_a_thought_changes_no_token(thinker, strike_at):
    """The second is killed while the end of the thought is on its way."""
    body = {"messages": MESSAGES, "max_tokens": 400, "seed": 2, "temperature": 0.8, "stream": True,
            "ignore_eos": True, "logprobs": True, "return_token_ids": True, "thinking_budget": 200}

    def ask_whole(server, strike=lambda: None):
        answer = []
        with server.stream("/v1/chat/completions", {"model": server.model, **body}) as events:
            for event in events:
                choice = event["choices"][0]
                before = len(answer)
                answer += choice.get("token_ids", [])
                if before < strike_at <= len(answer):
                    strike()
        return answer

    expected = ask_whole(thinker)
    assert len(expected) == 400
    with Server(MODEL, "--reasoning-parser", "think", "--workers", 4) as cluster:
        struck = leader_of(whole(cluster), 1)
        assert ask_whole(cluster, lambda: os.kill(struck["pid"], signal.SIGKILL)) == expected
        assert json.loads(cluster.get("/cluster")[1])["epoch"] > 1
