"""The negative control of the comparison: a recorded stream is spoilt on purpose, at the level of the
bytes that came, and the comparison must say so and call it by its name."""

import copy
import json
import math
from collections.abc import Callable
from typing import Any

from harness.client import RawStream
from harness.compare import Fault, compare
from harness.decode import DONE, decode, events_of

Events = list[tuple[float, Any]]  # arrival, and the event's JSON or DONE


def check_comparison(streams: list[RawStream]) -> list[str]:
    """Spoils one stream in every way. What the comparison missed, and what it found in the whole one;
    empty: it works."""
    raw = next((s for s in streams if _suits(s)), None)
    if raw is None:
        return ["no stream of the trace has tokens and scores enough to be spoilt"]
    whole = decode(raw)
    problems = [f"an unspoilt stream was reported: {f.what}" for f in compare(whole, decode(raw))]
    for name, (fault, spoil) in TAMPERINGS.items():
        found = {f.fault for f in compare(whole, decode(_spoilt(raw, spoil)))}
        if fault not in found:
            said = ", ".join(sorted(f.value for f in found)) or "nothing"
            problems.append(f"{name}: {said} reported instead of {fault.value}")
    return problems


def _suits(raw: RawStream) -> bool:
    stream = decode(raw)
    choice = stream.choices.get(0)
    return bool(stream.done and len(stream.choices) == 1 and choice and len(set(choice.tokens)) >= 8
                and len(choice.arrivals) >= 8 and choice.scores)


def _spoilt(raw: RawStream, spoil: Callable[[Events], None]) -> RawStream:
    events = [(when, data if data == DONE else json.loads(data)) for when, data, _ in events_of(raw)]
    spoil(events)
    result = copy.copy(raw)
    result.pieces = [(when, b"data: " + (data if data == DONE else json.dumps(data).encode()) + b"\n\n")
                     for when, data in events]
    return result


def _middle(events: Events) -> int:
    """An event in the middle that brings a token other than the next one's."""
    bringing = [i for i, (_, data) in enumerate(events)
                if data != DONE and data["choices"] and data["choices"][0].get("token_ids")]
    ids = [events[i][1]["choices"][0]["token_ids"] for i in bringing]
    middle = len(bringing) // 2
    places = [*range(middle, len(bringing) - 1), *range(middle)]
    return bringing[next(place for place in places if ids[place] != ids[place + 1])]


def _alter_token(events: Events) -> None:
    events[_middle(events)][1]["choices"][0]["token_ids"][0] ^= 1


def _drop_token(events: Events) -> None:
    del events[_middle(events)]


def _repeat_token(events: Events) -> None:
    at = _middle(events)
    events.insert(at, copy.deepcopy(events[at]))


def _alter_score(events: Events) -> None:
    scores = events[_middle(events)][1]["choices"][0]["logprobs"]
    if "content" in scores:
        scores["content"][0]["logprob"] = math.nextafter(scores["content"][0]["logprob"], 0)
    else:
        scores["token_logprobs"][0] = math.nextafter(scores["token_logprobs"][0], 0)


def _cut(events: Events) -> None:
    del events[_middle(events):]


def _drop_end(events: Events) -> None:
    events.pop()


def _repeat_end(events: Events) -> None:
    events.append(events[-1])


def _alter_finish(events: Events) -> None:
    for _, data in events:
        if data != DONE and data["choices"] and data["choices"][0]["finish_reason"]:
            data["choices"][0]["finish_reason"] = "content_filter"


def _alter_usage(events: Events) -> None:
    for _, data in events:
        if data != DONE and data.get("usage"):
            data["usage"]["completion_tokens"] += 1


TAMPERINGS: dict[str, tuple[Fault, Callable[[Events], None]]] = {
    "another token": (Fault.ALTERED, _alter_token),
    "a token left out": (Fault.LOST, _drop_token),
    "a token twice": (Fault.REPEATED, _repeat_token),
    "a logprob's last bit": (Fault.ALTERED, _alter_score),
    "the second half cut off": (Fault.LOST, _cut),
    "no [DONE]": (Fault.LOST, _drop_end),
    "two [DONE]": (Fault.REPEATED, _repeat_end),
    "another finish reason": (Fault.ALTERED, _alter_finish),
    "another usage": (Fault.ALTERED, _alter_usage),
}
