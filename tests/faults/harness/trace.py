"""The requests of a run, drawn from a seed: the same seed is the same requests."""

import dataclasses
import random
from collections.abc import Callable
from typing import Any

WORDS = ("sea mutex prime Paris bread moon violin rain kernel river tensor glass winter letter engine "
         "harbour copper orchard signal lantern meadow cipher granite window").split()


@dataclasses.dataclass(frozen=True)
class Size:
    """How much a trace asks for."""

    requests: int = 48
    tokens: int = 96  # of an ordinary answer
    long_words: int = 300  # in a long prompt


@dataclasses.dataclass(frozen=True)
class Request:
    """One stream: what is asked, and after how many tokens the client hangs up."""

    index: int
    kind: str
    path: str
    body: dict[str, Any]
    cancel_after: int | None = None


def make_trace(seed: int, model: str, size: Size) -> list[Request]:
    """`size.requests` requests for `model`, of every kind in turn."""
    kinds = list(_KINDS)
    return [_request(seed, index, kinds[index % len(kinds)], model, size) for index in range(size.requests)]


def _request(seed: int, index: int, kind: str, model: str, size: Size) -> Request:
    draw = random.Random(f"{seed}/{index}")
    body = {"model": model, "stream": True, "stream_options": {"include_usage": True},
            "seed": draw.getrandbits(31), "max_tokens": size.tokens + draw.randrange(size.tokens // 4 + 1),
            "ignore_eos": True, "return_token_ids": True}
    body |= _KINDS[kind](draw, size)
    path = "/v1/chat/completions" if "messages" in body else "/v1/completions"
    cancel_after = draw.randint(size.tokens // 4, size.tokens // 2) if kind == "cancelled" else None
    return Request(index, kind, path, body, cancel_after)


def _text(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words))


def _question(draw: random.Random) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Write a story about the {_text(draw, 4)}."}]


def _greedy(draw: random.Random, _: Size) -> dict[str, Any]:
    return {"messages": _question(draw), "temperature": 0, "logprobs": True, "top_logprobs": 2}


def _sampled(draw: random.Random, _: Size) -> dict[str, Any]:
    return {"prompt": _text(draw, 12), "temperature": 0.9, "top_p": 0.95, "logprobs": 0}


def _choices(draw: random.Random, size: Size) -> dict[str, Any]:
    return {"prompt": _text(draw, 8), "n": 2, "temperature": 1.0, "logprobs": 1,
            "max_tokens": max(size.tokens // 2, 1)}


def _long(draw: random.Random, size: Size) -> dict[str, Any]:
    # Half of it is the same for all, so that the prefix cache has something to find.
    shared = _text(random.Random("shared"), size.long_words // 2)
    return {"prompt": f"{shared} {_text(draw, size.long_words - size.long_words // 2)}", "temperature": 0,
            "logprobs": 3, "max_tokens": max(size.tokens // 2, 1)}


def _penalised(draw: random.Random, _: Size) -> dict[str, Any]:
    return {"prompt": _text(draw, 16), "temperature": 0.8, "top_k": 40, "min_p": 0.01,
            "presence_penalty": 0.4, "frequency_penalty": 0.3, "repetition_penalty": 1.1,
            "logit_bias": {"7": -2, "11": 1}}


def _cancelled(draw: random.Random, size: Size) -> dict[str, Any]:
    return {"prompt": _text(draw, 10), "temperature": 0, "max_tokens": size.tokens * 2}


def _plain(draw: random.Random, _: Size) -> dict[str, Any]:
    # As an ordinary client asks: text only, which ends where the model or a stop string ends it.
    return {"messages": _question(draw), "temperature": 0.7, "stop": ["\n\n\n"], "ignore_eos": False,
            "return_token_ids": False}


_KINDS: dict[str, Callable[[random.Random, Size], dict[str, Any]]] = {
    "greedy": _greedy, "sampled": _sampled, "choices": _choices, "long": _long, "penalised": _penalised,
    "cancelled": _cancelled, "plain": _plain}
