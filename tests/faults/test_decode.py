"""From bytes to streams."""

import pytest

from conftest import chunk, raw_of, whole_events
from harness.client import RawStream
from harness.decode import decode, events_of


def test_a_whole_answer_has_tokens_text_scores_and_an_end():
    stream = decode(raw_of(whole_events(4)))
    choice = stream.choices[0]
    assert choice.tokens == [100, 101, 102, 103] and choice.text == " w0 w1 w2 w3"
    assert choice.scores[1] == (" w1", -0.2, {" w1": -0.5}, 0)
    assert choice.finish == "length" and stream.usage == {"prompt_tokens": 3, "completion_tokens": 4}
    assert stream.done and stream.broken is None and not stream.doubled and stream.tokens() == 4


def test_events_may_come_in_any_pieces_and_between_comments():
    raw = raw_of(whole_events(3))
    whole = b": keep\n\n".join(piece for _, piece in raw.pieces)
    for size in (1, 7, 1000):
        pieces = [(float(at), whole[at:at + size]) for at in range(0, len(whole), size)]
        again = RawStream(raw.request, 0, pieces)
        assert [e.data for e in events_of(again)] == [e.data for e in events_of(raw)]
        assert decode(again).choices[0].tokens == [100, 101, 102]


def test_an_event_has_the_time_of_its_last_byte():
    raw = raw_of(["{}"])
    raw.pieces = [(1.0, b"data: {"), (2.0, b"}\n")]
    assert list(events_of(raw)) == [(2.0, b"{}", None)]


def test_a_chats_answer_is_its_deltas():
    def delta(content, token):
        logprobs = {"content": [{"token": content, "logprob": -1.5, "top_logprobs": []}]}
        return {"id": "c", "usage": None, "choices": [{"index": 0, "delta": {"content": content},
                "finish_reason": None, "token_ids": [token], "logprobs": logprobs}]}

    opening = {"id": "c", "prompt_token_ids": [1, 2], "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}]}
    choice = decode(raw_of([opening, delta("a", 7), delta("b", 8)])).choices[0]
    assert (choice.prompt, choice.text, choice.tokens) == ([1, 2], "ab", [7, 8])
    assert [entry["logprob"] for entry in choice.scores] == [-1.5, -1.5]
    assert [count for _, count in choice.arrivals] == [1, 1]


@pytest.mark.parametrize(("events", "why"), [
    (whole_events()[:-1], "without [DONE]"),
    ([*whole_events()[:-2], "[DONE]"], "without usage"),
    ([e for e in whole_events() if e == "[DONE]" or not e["choices"] or not e["choices"][0]["finish_reason"]],
     "no finish reason"),
    ([], "without an answer"),
    ([*whole_events()[:3], {"error": {"message": "out of luck"}}], "out of luck"),
    ([*whole_events()[:3], "nonsense"], "nonsense"),
    ([*whole_events()[:3], {"id": 3}], "no event of the API"),
    ([*whole_events()[:3], "[1]"], "no event of the API"),
])
def test_an_answer_without_a_good_end_is_broken(events, why):
    assert why in decode(raw_of(events)).broken


def test_what_came_before_the_break_is_kept():
    stream = decode(raw_of(whole_events()[:3], failure="the connection broke"))
    assert stream.broken == "the connection broke" and stream.choices[0].tokens == [100, 101, 102]


@pytest.mark.parametrize("events", [
    [*whole_events(), "[DONE]"],
    [*whole_events()[:-2], chunk(finish="length"), *whole_events()[-2:]],
    [*whole_events()[:-2], *whole_events()[-2:-1] * 2, "[DONE]"],
    [chunk(prompt_token_ids=[1]), chunk(prompt_token_ids=[1]), *whole_events()],
    [*[{"id": "cmpl-1", "usage": None, "choices": [
        {"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}] * 2, *whole_events()],
])
def test_what_may_come_once_only_is_noted_when_it_comes_twice(events):
    stream = decode(raw_of(events))
    assert stream.doubled and stream.broken is None
