#!/usr/bin/env python3
"""Keeps many streaming clients busy and compares each answer with the one it gets alone.

  tools/venv.sh tests/e2e/soak.py --url http://127.0.0.1:8080 --clients 32 --seconds 60
"""

import argparse
import dataclasses
import threading
import time

import openai

TOPICS = ["the sea", "a mutex", "prime numbers", "Paris", "bread", "the moon", "a violin", "rain"]


@dataclasses.dataclass
class Soak:
    answers: int = 0
    tokens: int = 0
    seconds: float = 0
    differences: list = dataclasses.field(default_factory=list)
    failures: list = dataclasses.field(default_factory=list)


def request_of(number, model, tokens):
    """Greedy and drawn requests of several lengths; the same number is the same request."""
    topic = TOPICS[number % len(TOPICS)]
    return dict(model=model, max_tokens=tokens + number % 5, seed=number,
                temperature=0 if number % 2 == 0 else 0.9, top_p=0.95,
                messages=[{"role": "user", "content": f"{number}: tell me about {topic}."}])


def ask(client, request):
    """The whole answer of one stream: text and how it ended."""
    text, finish = "", None
    for chunk in client.chat.completions.create(stream=True, **request):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
    return text, finish


def run_soak(url, model, clients, seconds, tokens):
    """`seconds` 0 has each client ask once."""
    connect = lambda: openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0, timeout=600)
    alone = [ask(connect(), request_of(i, model, tokens)) for i in range(clients)]
    result, lock, started = Soak(), threading.Lock(), time.monotonic()

    def work(number):
        client = connect()
        while True:
            try:
                got = ask(client, request_of(number, model, tokens))
            except Exception as e:  # whatever it is, it is a finding
                with lock:
                    result.failures.append(f"client {number}: {e!r}")
                return
            with lock:
                result.answers += 1
                result.tokens += tokens + number % 5
                if got != alone[number]:
                    result.differences.append((number, alone[number], got))
            if time.monotonic() - started >= seconds:
                return

    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.seconds = time.monotonic() - started
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tokens", type=int, default=32)
    options = parser.parse_args()
    model = openai.OpenAI(base_url=options.url + "/v1", api_key="none").models.list().data[0].id
    result = run_soak(options.url, model, options.clients, options.seconds, options.tokens)
    print(f"{result.answers} answers in {result.seconds:.1f} s "
          f"(at most {result.tokens / result.seconds:.0f} tokens/s), "
          f"{len(result.differences)} differ from the answer alone, {len(result.failures)} failed")
    for line in [*result.differences[:3], *result.failures[:3]]:
        print(line)
    return 1 if result.differences or result.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
