"""The invented answers of fake_troupe.py: a function of the request, at a steady pace."""

import json
import os
import random
import time

TOKEN_SECONDS = 0.002
RECOVERY_SECONDS = 0.1


def send(handler, datas, had=0, numbered=False):
    """Streams events to a client; with `numbered`, those after the number `had`, as gateways do."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.close_connection = True
    try:
        for number, data in enumerate(datas, 1):
            if numbered and number <= had:
                continue
            name = b"id: %d\n" % number if numbered and data != b"[DONE]" else b""
            text = name + b"data: " + data + b"\n\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        handler.wfile.write(b"0\r\n\r\n")
    except OSError:
        pass


def events(body, chat, cluster, name="one", had=0):
    """The data of each event, `had` of them at once; ends early where the fault is to cut. `cluster.epoch`
    changes when a worker is struck."""
    fault, epoch = os.environ.get("FAKE_FAULT"), cluster.epoch
    draw = random.Random(json.dumps(body, sort_keys=True))
    choices, count = body.get("n", 1), body["max_tokens"]

    def event(parts, usage=None):
        return json.dumps({"id": name, "choices": parts, "usage": usage}).encode()

    def part(index, token=None, finish=None, score=0.0):
        text = "" if token is None else f" {token}"
        result = {"index": index, "finish_reason": finish, "logprobs": None}
        result |= {"delta": {"content": text}} if chat else {"text": text}
        if token is not None and body.get("return_token_ids"):
            result["token_ids"] = [token]
        if token is not None and chat and body.get("logprobs"):
            result["logprobs"] = {"content": [{"token": text, "logprob": score}]}
        return result

    for at in range(count):
        if at * choices >= had:
            time.sleep(TOKEN_SECONDS)
        struck = cluster.epoch != epoch
        if struck:
            time.sleep(RECOVERY_SECONDS)
            epoch = cluster.epoch
            if fault == "cut":
                raise ConnectionResetError
        for index in range(choices):
            token, score = at * 1000 + draw.randrange(1000), -draw.random()
            if struck and fault == "drop":
                continue
            token += struck and fault == "alter"
            score *= 1 - 1e-15 if struck and fault == "score" else 1
            yield event([part(index, token, score=score)])
            if struck and fault == "repeat":
                yield event([part(index, token, score=score)])
    for index in range(choices):
        yield event([part(index, finish="length")])
    yield event([], {"prompt_tokens": 5, "completion_tokens": count * choices})
    yield b"[DONE]"
