"""From the bytes of an answer to its tokens, text, scores and arrival times."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from harness.client import RawStream
from harness.trace import Request

_FIELD, _NUMBER = b"data:", b"id:"
DONE = b"[DONE]"


class Event(NamedTuple):
    """A server-sent event, with the arrival of its last byte. `number`: its id, from 1 on, where the stream
    can be resumed."""

    when: float
    data: bytes
    number: int | None = None


@dataclasses.dataclass
class Choice:
    """One answer of a stream. `scores` holds what the API says of each token, as it says it."""

    opened: bool = False  # what comes before the first token: the role, the prompt's tokens
    prompt: list[int] = dataclasses.field(default_factory=list)
    tokens: list[int] = dataclasses.field(default_factory=list)
    text: str = ""
    scores: list[Any] = dataclasses.field(default_factory=list)
    finish: str | None = None
    events: list[Any] = dataclasses.field(default_factory=list)  # its part of each, as it came
    arrivals: list[tuple[float, int]] = dataclasses.field(default_factory=list)  # when, how many tokens


@dataclasses.dataclass
class Stream:
    """A decoded answer. `broken` says why it is no whole one, `doubled` what came more than once, `missing`
    what its numbers say has not come."""

    request: Request
    started: float
    hung_up: bool
    choices: dict[int, Choice] = dataclasses.field(default_factory=dict)
    usage: dict[str, int] | None = None
    done: bool = False
    broken: str | None = None
    doubled: list[str] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)
    ids: set[str] = dataclasses.field(default_factory=set)
    last: int | None = None  # the highest number of an event

    def tokens(self) -> int:
        return sum(count for choice in self.choices.values() for _, count in choice.arrivals)


def events_of(raw: RawStream) -> Iterator[Event]:
    """Each event whose data has come."""
    rest, number = b"", None
    for when, piece in raw.pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(_NUMBER):
                number = int(line[len(_NUMBER):])
            elif line.startswith(_FIELD):
                yield Event(when, line[len(_FIELD):].strip(), number)
                number = None


def decode(raw: RawStream) -> Stream:
    """What came. Whatever the server sent, this returns: nonsense is noted in `broken`."""
    stream = Stream(raw.request, raw.started, raw.hung_up, broken=raw.failure)
    for event in events_of(raw):
        try:
            _count(stream, event.number)
            _take(stream, event.when, event.data)
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            stream.broken = stream.broken or f"no event of the API: {event.data[:200]!r} ({e!r})"
    if not stream.broken and not stream.hung_up:
        stream.broken = _what_is_missing(stream)
    return stream


def _what_is_missing(stream: Stream) -> str | None:
    unfinished = [index for index, choice in stream.choices.items() if choice.finish is None]
    if not stream.choices:
        return "it ended without an answer"
    if unfinished:
        return f"choice {unfinished[0]} has no finish reason"
    if stream.usage is None:
        return "it ended without usage"
    return None if stream.done else "it ended without [DONE]"


def _count(stream: Stream, number: int | None) -> None:
    """What the numbers say by themselves, whatever the events hold."""
    if number is None:
        return
    last = stream.last or 0
    if number <= last:
        stream.doubled.append(f"event {number} after event {last}")
    elif number > last + 1:
        stream.missing.append(f"events {last + 1} to {number - 1} did not come")
    stream.last = max(last, number)


def _take(stream: Stream, when: float, data: bytes) -> None:
    if stream.done:
        stream.doubled.append(f"{data[:80]!r} after [DONE]")
        return
    if data == DONE:
        stream.done = True
        return
    event = json.loads(data)
    if "error" in event:
        stream.broken = stream.broken or f"error event: {event['error'].get('message')}"
        return
    stream.ids.add(event["id"])
    if event.get("usage"):
        if stream.usage is not None:
            stream.doubled.append("usage")
        # How much came from the prefix cache may differ from run to run.
        stream.usage = {name: event["usage"][name] for name in ("prompt_tokens", "completion_tokens")}
    for part in event["choices"]:
        choice = stream.choices.setdefault(part["index"], Choice())
        prompt = part.get("prompt_token_ids", event.get("prompt_token_ids"))
        _take_part(stream, choice, when, part, prompt)


def _take_part(stream: Stream, choice: Choice, when: float, part: dict[str, Any],
               prompt: list[int] | None) -> None:
    index = part["index"]
    choice.events.append(part)
    if choice.finish is not None:
        stream.doubled.append(f"choice {index}: an event after its finish reason")
    delta = part.get("delta", {})
    if prompt is not None or "role" in delta:
        if choice.opened:
            stream.doubled.append(f"choice {index}: its opening")
        choice.opened, choice.prompt = True, prompt or []
    text = delta.get("content") or "" if "delta" in part else part["text"]
    ids, scores = part.get("token_ids", []), _scores(part.get("logprobs"))
    count = len(ids) or len(scores) or (1 if text else 0)
    choice.text += text
    choice.tokens += ids
    choice.scores += scores
    choice.finish = part["finish_reason"] or choice.finish
    if count:
        choice.arrivals.append((when, count))


def _scores(logprobs: dict[str, Any] | None) -> list[Any]:
    """An entry a token: chat's are that already, a completion's are lists side by side."""
    if not logprobs:
        return []
    if "content" in logprobs:
        return logprobs["content"] or []
    names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    return list(zip(*(logprobs[name] for name in names), strict=True))
