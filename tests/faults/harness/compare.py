"""A stream against the same stream of a run without a strike, exactly: no tolerance."""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Any

from harness.decode import Choice, Stream

_SURE = 3  # elements that must agree after a slip in a stream that was cut, for it to be told apart


class Fault(enum.Enum):
    """What may be wrong with a stream."""

    LOST = "lost"  # it broke off, or a piece of it is missing
    ALTERED = "altered"
    REPEATED = "repeated"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one stream."""

    fault: Fault
    request: int
    what: str
    turn: int = 0  # which answer of the run


def compare(expected: Stream, got: Stream) -> list[Finding]:
    """What is wrong with `got`. Where the client hung up, what both have must agree."""
    findings = []

    def find(fault: Fault, what: str) -> None:
        findings.append(Finding(fault, got.request.index, f"{got.request.kind}: {what}"))

    for what in got.doubled:
        find(Fault.REPEATED, what)
    for what in got.missing:
        find(Fault.LOST, what)
    if got.broken:
        find(Fault.LOST, got.broken)
    if len(got.ids) > 1:
        find(Fault.ALTERED, f"{len(got.ids)} ids in one answer: {', '.join(sorted(got.ids))}")
    # A stream that broke off is lost; what it brought before must be right all the same.
    partial = bool(got.hung_up or expected.hung_up or got.broken)
    for index in sorted(expected.choices.keys() | got.choices.keys()):
        if index not in expected.choices:
            find(Fault.ALTERED, f"choice {index} was not asked for")
        elif index not in got.choices:
            if not partial:
                find(Fault.LOST, f"choice {index} is missing")
        else:
            for fault, what in _compare_choice(expected.choices[index], got.choices[index], partial):
                find(fault, f"choice {index}: {what}")
    if not partial and expected.usage != got.usage:
        find(Fault.ALTERED, f"usage {got.usage} instead of {expected.usage}")
    if not findings and not partial and expected.last != got.last:
        find(Fault.ALTERED, f"{got.last} numbered events instead of {expected.last}")
    return findings


def _compare_choice(expected: Choice, got: Choice, partial: bool) -> list[tuple[Fault, str]]:
    findings = []
    for name in ("prompt", "tokens", "text", "scores"):
        wanted, found = getattr(expected, name), getattr(got, name)
        if slip := difference(wanted, found, partial):
            fault, at = slip
            findings.append((fault, f"{name} from {at} on: {_excerpt(found, at)} instead of "
                                    f"{_excerpt(wanted, at)}"))
    # The sum is the same; so must be each event of the choice. Those of two choices may come in any order.
    if not findings and (slip := difference(expected.events, got.events, partial)):
        fault, at = slip
        findings.append((fault, f"event {at}: {_excerpt(got.events, at)} instead of "
                                f"{_excerpt(expected.events, at)}"))
    if expected.finish != got.finish and not (partial and None in (expected.finish, got.finish)):
        findings.append((Fault.ALTERED, f"finish reason {got.finish} instead of {expected.finish}"))
    return findings


def difference(expected: Sequence[Any], got: Sequence[Any], partial: bool) -> tuple[Fault, int] | None:
    """Where `got` first differs and how: elements left out, elements twice, or others.

    `partial`: either may end early."""
    common = min(len(expected), len(got))
    at = next((i for i in range(common) if expected[i] != got[i]), common)
    if at == common and (partial or len(expected) == len(got)):
        return None
    if at == len(got):
        return Fault.LOST, at
    for length in range(1, at + 1):
        again = got[at:at + length] == got[at - length:at]
        if again and _agree(expected[at:], got[at + length:], partial):
            return Fault.REPEATED, at
    for length in range(1, len(expected) - at + 1):
        if _agree(expected[at + length:], got[at:], partial):
            return Fault.LOST, at
    return Fault.ALTERED, at


def _agree(expected: Sequence[Any], got: Sequence[Any], partial: bool) -> bool:
    if not partial:
        return expected == got
    common = min(len(expected), len(got))
    return common >= _SURE and expected[:common] == got[:common]


def _excerpt(sequence: Sequence[Any], at: int) -> str:
    return repr(sequence[at:at + 4])[:200]
