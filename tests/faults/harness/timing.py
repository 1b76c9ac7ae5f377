"""How evenly and how fast tokens came."""

import dataclasses
import statistics
from collections.abc import Iterable, Iterator

from harness.decode import Stream


@dataclasses.dataclass(frozen=True)
class Timing:
    """Of one run. Seconds, tokens a second."""

    longest_gap: float  # between two tokens of one answer
    usual_gap: float  # the median
    longest_wait: float  # from a request to its first token
    throughput: float  # until all requests had been asked once: every client was busy so long


def measure(streams: Iterable[Stream], started: float, until: float) -> Timing:
    """Times of a run's streams. Throughput counts what came from `started` to `until`."""
    streams = list(streams)
    gaps = [later - earlier for earlier, later in gaps_of(streams)] or [0.0]
    arrivals = [(stream, choice.arrivals) for stream in streams for choice in stream.choices.values()]
    waits = [times[0][0] - stream.started for stream, times in arrivals if times]
    tokens = sum(count for _, times in arrivals for when, count in times if started <= when <= until)
    return Timing(max(gaps), statistics.median(gaps), max(waits, default=0.0),
                  tokens / (until - started) if until > started else 0.0)


def gaps_of(streams: Iterable[Stream]) -> Iterator[tuple[float, float]]:
    """The arrivals of each two tokens that follow each other in one answer."""
    for stream in streams:
        for choice in stream.choices.values():
            times = [when for when, _ in choice.arrivals]
            yield from zip(times, times[1:])


def longest_gap_within(streams: Iterable[Stream], since: float, until: float) -> float:
    """Of the gaps that lie in this span of time with a part of theirs at least."""
    return max((later - earlier for earlier, later in gaps_of(streams) if earlier <= until and later >= since),
               default=0.0)


def share_lost(unstruck: Timing, struck: Timing) -> float:
    """The share of throughput that a strike cost; negative where the struck run was faster."""
    return 1 - struck.throughput / unstruck.throughput if unstruck.throughput else 0.0
