"""How much sooner the second turn of a long conversation starts than the first.

Against a running server:  tools/venv.sh tests/e2e/second_turn.py --url http://127.0.0.1:8080
"""

import argparse
import json
import random
import time
import urllib.request

import openai

WORDS = "the cat sat on a mat and looked at its own tail for a very long while".split()


def words(count, seed=1):
    """Words that no other seed's begin with."""
    draw = random.Random(seed)
    return f"{seed} " + " ".join(draw.choice(WORDS) for _ in range(count))


def count_tokens(url, text):
    request = urllib.request.Request(url + "/tokenize", data=json.dumps({"prompt": text}).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)["count"]


def turn(client, model, messages):
    """(seconds to the first token, the answer's text, usage)."""
    begun = time.monotonic()
    stream = client.chat.completions.create(
        model=model, messages=messages, max_tokens=8, temperature=0, stream=True,
        stream_options={"include_usage": True}, extra_body={"ignore_eos": True})
    first, said, usage = None, "", None
    for chunk in stream:
        if chunk.choices and first is None and chunk.choices[0].delta.content:
            first = time.monotonic() - begun
        if chunk.choices:
            said += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    return first or time.monotonic() - begun, said, usage


def measure(url, model, tokens, seed):
    """Two turns of a conversation whose first has about so many tokens."""
    client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0, timeout=900)
    sample = count_tokens(url, words(200, seed))
    messages = [{"role": "user", "content": words(tokens * 200 // sample, seed)}]
    first = turn(client, model, messages)
    messages += [{"role": "assistant", "content": first[1]}, {"role": "user", "content": "And then?"}]
    return first, turn(client, model, messages)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    options = parser.parse_args()
    with urllib.request.urlopen(options.url + "/v1/models", timeout=60) as reply:
        model = json.load(reply)["data"][0]["id"]
    first, second = measure(options.url, model, options.tokens, options.seed)
    for name, (seconds, _, usage) in (("first", first), ("second", second)):
        print(f"{name} turn: {usage.prompt_tokens} tokens, {usage.prompt_tokens_details.cached_tokens} "
              f"cached, {seconds:.3f} s to the first token")
    print(f"{first[0] / second[0]:.0f} times sooner")


if __name__ == "__main__":
    main()
