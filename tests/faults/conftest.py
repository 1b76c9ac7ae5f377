"""What the harness's own tests share: hand-made streams, and a stand-in for troupe."""

import json
from pathlib import Path

import pytest

from harness.client import RawStream
from harness.programs import troupe_server
from harness.trace import Request

FAKE = Path(__file__).parent / "fake_troupe.py"


@pytest.fixture
def fake(monkeypatch):
    """`troupe` is the stand-in."""
    monkeypatch.setattr(troupe_server, "BINARY", str(FAKE))
    return monkeypatch


def chunk(text="", token=None, index=0, finish=None, score=None, **more):
    """An event of a completion, as a dictionary."""
    part = {"index": index, "text": text, "finish_reason": finish, "logprobs": None}
    if token is not None:
        part["token_ids"] = [token]
        part["logprobs"] = {"tokens": [text], "token_logprobs": [score or -0.5], "top_logprobs": [{text: -0.5}],
                            "text_offset": [0]}
    return {"id": "cmpl-1", "choices": [part], "usage": None, **more}


def whole_events(count=12):
    """A good answer of `count` tokens, all different."""
    usage = {"prompt_tokens": 3, "completion_tokens": count, "total_tokens": count + 3}
    return [*(chunk(f" w{i}", 100 + i, score=-0.1 * i - 0.1) for i in range(count)), chunk(finish="length"),
            {"id": "cmpl-1", "choices": [], "usage": usage}, "[DONE]"]


def raw_of(events, start=10.0, step=0.01, **more):
    """A stream of these events, one every `step` seconds."""
    pieces = [(start + step * i, b"data: " + (e if isinstance(e, str) else json.dumps(e)).encode() + b"\n\n")
              for i, e in enumerate(events)]
    return RawStream(Request(0, "sampled", "/v1/completions", {}), start - step, pieces, **more)


def numbered(raw, numbers=None):
    """The same stream with an id for each event but the last, as gateways give them."""
    numbers = numbers or range(1, len(raw.pieces))
    pieces = [(when, b"id: %d\n" % n + piece) for n, (when, piece) in zip(numbers, raw.pieces)]
    raw.pieces = [*pieces, *raw.pieces[len(pieces):]]
    return raw
