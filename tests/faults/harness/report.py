"""Outcomes as a table for a terminal and as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from harness.compare import Fault
from harness.scenario import Outcome
from harness.timing import Timing, share_lost

HEAD = ["strike", "streams", "resumed", "lost", "altered", "repeated", "gap", "added gap", "pause", "aim",
        "throughput", "redundant after", ""]
_MOST_LINES = 8  # of findings shown for a strike


def to_text(outcomes: Sequence[Outcome], unstruck: Timing) -> str:
    """The table, and below it what was wrong."""
    first = ["(none, once)", "", "", "", "", "", _seconds(unstruck.longest_gap), "",
             f"usual {_seconds(unstruck.usual_gap)}", "",
             f"{unstruck.throughput:.0f} tokens/s", "", ""]
    parts = align([HEAD, first, *(_row(outcome, unstruck) for outcome in outcomes)])
    if struck := gateway_strikes(outcomes):
        parts.append(f"gateways were struck: {', '.join(struck)}")
    for outcome in outcomes:
        parts += details(outcome)
    return "\n".join(parts) + "\n"


def gateway_strikes(outcomes: Sequence[Outcome]) -> list[str]:
    """The names of those that struck a gateway."""
    struck = [outcome.strike for outcome in outcomes if outcome.blows]
    return [strike.name for strike in struck if strike.least_gateways and strike.supervisors is None]



def details(outcome: Outcome) -> list[str]:
    """What was wrong with an outcome, a line each, to a limit."""
    if outcome.good():
        return []
    lines = [*outcome.problems, *(f"{f.fault.value}: request {f.request}, {f.what}" for f in outcome.findings)]
    if outcome.strike.loses and not outcome.count(Fault.LOST):
        lines.insert(0, "a control: streams must be lost here, and the harness saw none")
    more = [f"... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return ["", f"{outcome.strike.name} ({', '.join(outcome.blows) or 'nothing was struck'}):",
            *(f"  {line}" for line in lines[:_MOST_LINES]), *(f"  {line}" for line in more)]


def to_json(outcomes: Sequence[Outcome], unstruck: Timing, about: dict[str, Any]) -> str:
    """Everything that the table has, in seconds and tokens a second, and every finding."""
    return json.dumps({**about, "unstruck": dataclasses.asdict(unstruck),
                       "gateway_strikes": gateway_strikes(outcomes),
                       "strikes": [_entry(outcome, unstruck) for outcome in outcomes]}, indent=2) + "\n"


def _entry(outcome: Outcome, unstruck: Timing) -> dict[str, Any]:
    timing, aim = outcome.timing, outcome.strike.aim
    entry = {"strike": outcome.strike.name, "what": outcome.strike.what(), "good": outcome.good(),
             "control": outcome.strike.loses, "blows": outcome.blows, "streams": outcome.streams,
             "resumed": outcome.resumed, "asked_again": outcome.asked_again,
             **{fault.value: outcome.count(fault) for fault in Fault},
             "pause": outcome.pause, "redundant_after": outcome.redundant_after,
             "problems": outcome.problems,
             "findings": [{"fault": f.fault.value, "request": f.request, "what": f.what}
                          for f in outcome.findings],
             "aim": dataclasses.asdict(aim) if aim else None}
    if timing:
        entry |= {**dataclasses.asdict(timing), "added_gap": timing.longest_gap - unstruck.longest_gap,
                  "added_wait": timing.longest_wait - unstruck.longest_wait,
                  "throughput_lost": share_lost(unstruck, timing)}
    return entry


def _row(outcome: Outcome, unstruck: Timing) -> list[str]:
    timing, aim = outcome.timing, outcome.strike.aim
    counts = [str(outcome.count(fault)) for fault in Fault]
    times = [""] * 5
    if timing and not outcome.strike.loses:
        times = [_seconds(timing.longest_gap), _seconds(timing.longest_gap - unstruck.longest_gap),
                 _seconds(outcome.pause), f"{aim.wanted:g} / {aim.most:g} s" if aim else "",
                 f"{-share_lost(unstruck, timing):+.0%}"]
    verdict = "good" if outcome.good() else "BAD"
    return [outcome.strike.name, str(outcome.streams), str(outcome.resumed), *counts, *times,
            _seconds(outcome.redundant_after), f"{verdict} (control)" if outcome.strike.loses else verdict]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def align(rows: list[list[str]]) -> list[str]:
    """Columns: the first and last to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    last = len(widths) - 1
    return ["  ".join(cell.ljust(width) if column in (0, last) else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
