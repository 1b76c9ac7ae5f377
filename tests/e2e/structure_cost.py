#!/usr/bin/env python3
"""What it costs to hold a stream to a structure: time per token beside free streams of the same server, in turn.

  tests/bench/structure                     # SmolLM2, 1 and 8 streams
  tests/bench/structure --streams 1 --rounds 12
"""

import argparse
import concurrent.futures
import statistics
import time

from troupe_server import Server, smollm2

TOKENS = 200
PROMPT = "Here is a list of some people who live in our town, as JSON: "
PERSON = {"type": "object", "required": ["name", "age", "tags"], "additionalProperties": False,
          "properties": {"name": {"type": "string", "minLength": 3, "maxLength": 30}, "age": {"type": "integer"},
                         "tags": {"type": "array", "minItems": 1, "maxItems": 3,
                                  "items": {"type": "string", "maxLength": 10}}}}
HELD_TO = {"a regular expression": {"guided_regex": r"([a-zA-Z ,.'\n]){1500}"},
           "a JSON schema": {"guided_json": {"type": "array", "minItems": 40, "items": PERSON}}}
FREE = {"ignore_eos": True}


def time_per_token(server, held, seed):
    """Of one stream, after its first token, in seconds."""
    body = {"model": server.model, "prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0.7, "seed": seed,
            "stream": True, "return_token_ids": True, **held}
    arrivals = []
    with server.stream("/v1/completions", body) as events:
        for event in events:
            if event["choices"] and event["choices"][0].get("token_ids"):
                arrivals.append((time.monotonic(), len(event["choices"][0]["token_ids"])))
    return (arrivals[-1][0] - arrivals[0][0]) / max(sum(count for _, count in arrivals[1:]), 1)


def at_once(server, streams, held):
    with concurrent.futures.ThreadPoolExecutor(streams) as pool:
        return statistics.mean(pool.map(lambda seed: time_per_token(server, held, seed), range(streams)))


def ratios(server, streams, rounds):
    """By structure: each round's time per token beside that of the free streams before it."""
    for held in HELD_TO.values():
        at_once(server, streams, held)
    found = {name: [] for name in HELD_TO}
    for _ in range(rounds):
        for name, held in HELD_TO.items():
            free = at_once(server, streams, FREE)
            found[name].append(at_once(server, streams, held) / free)
    return found


def main():
    parser = argparse.ArgumentParser(prog="structure", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with Server(smollm2(), "--context", 2048) as server:
        print("held to                streams   time per token of free streams': median, least, most")
        for streams in options.streams:
            for name, found in ratios(server, streams, options.rounds).items():
                print(f"{name:<22} {streams:>7}   {statistics.median(found):.2f}x  {min(found):.2f}x  {max(found):.2f}x",
                      flush=True)


if __name__ == "__main__":
    main()
