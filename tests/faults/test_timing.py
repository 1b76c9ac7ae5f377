"""Gaps and throughput."""

import pytest

from conftest import chunk, raw_of, whole_events
from harness.decode import decode
from harness.timing import Timing, longest_gap_within, measure, share_lost


def test_the_longest_gap_is_between_two_tokens_of_one_choice():
    raw = raw_of([chunk(" a", 1), chunk(" x", 2, index=1), chunk(" b", 3), chunk(" c", 4), chunk(finish="length")])
    raw.pieces = [(when, piece) for when, (_, piece) in zip([1.0, 1.1, 1.5, 1.6, 9.0], raw.pieces)]
    timing = measure([decode(raw)], 0, 10)
    assert (timing.longest_gap, timing.usual_gap) == pytest.approx((0.5, 0.3))


def test_a_pause_is_a_gap_that_reaches_into_the_time_of_the_strike():
    raw = raw_of([chunk(f" {i}", i + 1) for i in range(5)])
    raw.pieces = [(when, piece) for when, (_, piece) in zip([0.0, 5.0, 5.5, 7.0, 7.1], raw.pieces)]
    stream = decode(raw)
    assert longest_gap_within([stream], 6.0, 6.5) == pytest.approx(1.5)
    assert longest_gap_within([stream], 5.1, 5.2) == pytest.approx(0.5)
    assert longest_gap_within([stream], 4.0, 9.0) == pytest.approx(5)
    assert longest_gap_within([stream], 8.0, 9.0) == 0


def test_the_wait_for_a_first_token_is_no_gap():
    raw = raw_of(whole_events(), start=20.0)
    raw.started = 15.0
    timing = measure([decode(raw)], 0, 30)
    assert timing.longest_wait == pytest.approx(5) and timing.longest_gap == pytest.approx(0.01)


def test_throughput_counts_while_every_client_was_busy():
    streams = [decode(raw_of(whole_events(10), start=1.0, step=0.1)) for _ in range(2)]
    assert measure(streams, 1.0, 1.45).throughput == pytest.approx(10 / 0.45)


def test_without_streams_there_is_nothing_to_measure():
    assert measure([], 5, 5) == Timing(0, 0, 0, 0)


def test_what_was_lost_is_a_share_of_the_run_without_a_strike():
    assert share_lost(Timing(0, 0, 0, 200), Timing(0, 0, 0, 150)) == 0.25
    assert share_lost(Timing(0, 0, 0, 0), Timing(0, 0, 0, 150)) == 0
