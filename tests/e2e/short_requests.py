"""Clients that ask for short answers again and again, as behind a balancer that only knows who takes connections."""

import http.client
import json
import threading
import time
import urllib.parse

CLIENTS = 4
PATIENCE_SECONDS = 20


class ShortRequests:
    """From entering a `with` statement to its end; `whole` then counts answers, `wrong` has all else."""

    def __init__(self, urls, model):
        self.urls, self.model = urls, model
        self.whole, self.wrong, self.texts = 0, [], {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(CLIENTS)]

    def _ask(self, url, prompt):
        at = urllib.parse.urlparse(url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        try:
            connection.request("POST", "/v1/completions", json.dumps(
                {"model": self.model, "prompt": prompt, "max_tokens": 12, "temperature": 0, "ignore_eos": True}),
                {"Content-Type": "application/json"})
            reply = connection.getresponse()
            body = reply.read().decode()
        finally:
            connection.close()
        if reply.status != 200:
            raise ValueError(f"{reply.status} {body[:300]}")
        return json.loads(body)["choices"][0]["text"]

    def _whoever_connects(self, turn, prompt):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._ask(self.urls[turn % len(self.urls)], prompt)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "nobody takes connections"
                turn += 1
                time.sleep(0.01)

    def _run(self, number):
        prompt, turn = f"Client {number}", number
        while not self._stop.is_set():
            turn += 1
            try:
                text = self._whoever_connects(turn, prompt)
            except (OSError, ValueError, AssertionError, http.client.HTTPException) as e:
                with self._lock:
                    self.wrong.append(f"{type(e).__name__}: {e}")
                continue
            with self._lock:
                if self.texts.setdefault(prompt, text) == text:
                    self.whole += 1
                else:
                    self.wrong.append(f"another answer: {text}")

    def wait_for(self, more):
        """Until so many more answers have come."""
        wanted, deadline = self.whole + more, time.monotonic() + PATIENCE_SECONDS
        while self.whole < wanted and not self.wrong:
            assert time.monotonic() < deadline, f"{self.whole} of {wanted} answers"
            time.sleep(0.01)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
