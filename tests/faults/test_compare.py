"""Lost, altered, repeated: nothing else, and nothing overlooked."""

import copy
import dataclasses

import pytest

from conftest import chunk, raw_of, whole_events
from harness import tamper
from harness.compare import Fault, compare, difference
from harness.decode import decode


@pytest.mark.parametrize(("expected", "got", "fault"), [
    ("abcdef", "abcdef", None),
    ("abcdef", "abcde", (Fault.LOST, 5)),
    ("abcdef", "bcdef", (Fault.LOST, 0)),
    ("abcdef", "abef", (Fault.LOST, 2)),
    ("abcdef", "", (Fault.LOST, 0)),
    ("abcdef", "abccdef", (Fault.REPEATED, 3)),
    ("abcdef", "abcbcdef", (Fault.REPEATED, 3)),
    ("abcdef", "abcdeff", (Fault.REPEATED, 6)),
    ("abcdef", "abcdefabcdef", (Fault.REPEATED, 6)),
    ("aaab", "aaaab", (Fault.REPEATED, 3)),
    ("aaab", "aab", (Fault.LOST, 2)),
    ("abcdef", "abXdef", (Fault.ALTERED, 2)),
    ("abcdef", "abcdeX", (Fault.ALTERED, 5)),
    ("abcdef", "abcdefX", (Fault.ALTERED, 6)),
    ("abcdef", "abXcdef", (Fault.ALTERED, 2)),
    ("", "X", (Fault.ALTERED, 0)),
])
def test_a_difference_is_called_by_its_name(expected, got, fault):
    assert difference(expected, got, partial=False) == fault


@pytest.mark.parametrize(("expected", "got", "fault"), [
    ("abcdefgh", "abcd", None),
    ("abcd", "abcdefgh", None),
    ("abcd", "", None),
    ("abcdefgh", "abccdef", (Fault.REPEATED, 3)),
    ("abcdefgh", "abdefg", (Fault.LOST, 2)),
    ("abcdefgh", "abcX", (Fault.ALTERED, 3)),
    ("abcd", "abXdefgh", (Fault.ALTERED, 2)),
])
def test_of_streams_that_were_cut_what_both_have_must_agree(expected, got, fault):
    assert difference(expected, got, partial=True) == fault


def findings(events, **more):
    return {finding.fault for finding in compare(decode(raw_of(whole_events())), decode(raw_of(events, **more)))}


def test_the_same_answer_at_another_time_is_the_same():
    assert compare(decode(raw_of(whole_events())), decode(raw_of(whole_events(), start=99, step=3))) == []


def test_a_broken_stream_is_lost_and_what_it_brought_is_compared():
    assert findings(whole_events()[:5], failure="gone") == {Fault.LOST}
    altered = copy.deepcopy(whole_events()[:5])
    altered[2]["choices"][0]["token_ids"] = [9]
    assert findings(altered, failure="gone") == {Fault.LOST, Fault.ALTERED}


def test_an_answer_that_never_began_is_lost():
    assert findings([], failure="refused") == {Fault.LOST}


def test_a_client_that_hangs_up_loses_nothing():
    assert findings(whole_events()[:5], hung_up=True) == set()


def test_the_scores_last_bit_counts():
    events = whole_events()
    events[4] = chunk(" w4", 104, score=-0.5000000000000001)
    assert findings(events) == {Fault.ALTERED}


def test_an_answer_under_two_ids_is_altered():
    events = whole_events()
    events[4] = {**events[4], "id": "cmpl-2"}
    assert findings(events) == {Fault.ALTERED}


def test_choices_must_be_those_that_were_asked_for():
    events = whole_events()
    more = [*events[:-2], chunk(" x", 1, index=1), chunk(index=1, finish="length"), *events[-2:]]
    assert findings(more) == {Fault.ALTERED}
    both, one = decode(raw_of(more)), decode(raw_of(events))
    assert {finding.fault for finding in compare(both, one)} == {Fault.LOST}


def test_usage_counts_and_what_the_cache_had_does_not():
    events = whole_events()
    usage = {**events[-2]["usage"], "prompt_tokens_details": {"cached_tokens": 2}}
    assert findings([*events[:-2], {**events[-2], "usage": usage}, events[-1]]) == set()
    usage["prompt_tokens"] = 4
    assert findings([*events[:-2], {**events[-2], "usage": usage}, events[-1]]) == {Fault.ALTERED}


def test_every_tampering_is_noticed():
    assert tamper.check_comparison([raw_of([]), raw_of(whole_events())]) == []


def test_a_comparison_that_overlooks_something_is_not_relied_on(monkeypatch):
    def no_scores(expected, got):
        for stream in (expected, got):
            for choice in stream.choices.values():
                choice.scores, choice.events = [], []
        return compare(expected, got)

    monkeypatch.setattr(tamper, "compare", no_scores)
    assert tamper.check_comparison([raw_of(whole_events())]) == [
        "a logprob's last bit: nothing reported instead of altered"]
    assert tamper.check_comparison([raw_of([])]) == [
        "no stream of the trace has tokens and scores enough to be spoilt"]


def test_a_finding_names_the_request():
    raw = raw_of(whole_events()[:-1])
    raw.request = dataclasses.replace(raw.request, index=5)
    finding, = compare(decode(raw_of(whole_events())), decode(raw))
    assert finding.request == 5 and finding.what == "sampled: it ended without [DONE]"
