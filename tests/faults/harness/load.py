"""Clients that keep servers busy with a trace and note when each piece of an answer came.

Nothing is parsed while streams run: that would delay the notes of the others."""

import itertools
import math
import threading
import time
from collections.abc import Callable

from harness.client import Client, Manners, RawStream
from harness.trace import Request

_BACK_OFF_SECONDS = 0.2


class Load:
    """`clients` threads that ask the requests of a trace one after the other, again and again until
    `finish` is called, and each at least once."""

    def __init__(self, addresses: Callable[[], list[str]], trace: list[Request], clients: int,
                 consume: Callable[[RawStream], None], manners: Manners = Manners()):
        """Clients are spread over the addresses. `consume` gets each answer, on the thread that asked for
        it."""
        self._addresses, self._manners = addresses, manners
        self._trace, self._consume = trace, consume
        self._next = itertools.count()
        self._events, self._returns = [0] * clients, [0] * clients
        self._finish = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True)
                         for number in range(clients)]
        self.error: BaseException | None = None  # of the harness itself
        self.started = time.monotonic()
        self.asked_all = math.inf  # when a client first found the whole trace asked

    def start(self) -> None:
        self.started = time.monotonic()
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Lets each client end once its answer is over and the trace has been asked once."""
        self._finish.set()

    def join(self, seconds: float) -> bool:
        """Waits for every client; whether all have ended. Raises what went wrong in the harness."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        if self.error:
            raise self.error
        return not self.running()

    def running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def events(self) -> int:
        """Events that have come so far, about one a token."""
        return sum(self._events)

    def returns(self) -> int:
        """How often a client has come back for a stream so far."""
        return sum(self._returns)

    def _work(self, number: int) -> None:
        def count(events: int) -> None:
            self._events[number] += events

        def come_back() -> None:
            self._returns[number] += 1

        client = Client(self._addresses, number, self._manners, count, come_back)
        try:
            while True:
                turn = next(self._next)
                if turn == len(self._trace):
                    self.asked_all = time.monotonic()
                if turn >= len(self._trace) and self._finish.is_set():
                    break
                stream = client.ask(self._trace[turn % len(self._trace)])
                self._consume(stream)
                if stream.failure:  # a server that is gone refuses at once: no need to hear it so often
                    self._finish.wait(_BACK_OFF_SECONDS)
        except BaseException as e:  # told to whoever joins
            self.error = e
