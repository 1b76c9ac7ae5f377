"""Clients that keep a server busy with a trace and note when each piece of an answer came.

Nothing is parsed while streams run: that would delay the notes of the others."""

import dataclasses
import http.client
import itertools
import json
import math
import threading
import time
import urllib.parse
from collections.abc import Callable

from harness.trace import Request

SILENCE_SECONDS = 60  # a stream that says nothing for so long is lost
_BACK_OFF_SECONDS = 0.2
_PIECE = 1 << 16
_EVENT = b"data: "


@dataclasses.dataclass
class RawStream:
    """An answer as it came: pieces of the body with their arrival times (time.monotonic)."""

    request: Request
    started: float
    pieces: list[tuple[float, bytes]] = dataclasses.field(default_factory=list)
    failure: str | None = None  # why it did not end as HTTP says it should
    hung_up: bool = False  # the client did


class Load:
    """`clients` threads that ask the requests of a trace one after the other, again and again until
    `finish` is called, and each at least once."""

    def __init__(self, url: str, trace: list[Request], clients: int,
                 consume: Callable[[RawStream], None]):
        """`consume` gets each answer, on the thread that asked for it."""
        self._address = urllib.parse.urlsplit(url).netloc
        self._trace, self._consume = trace, consume
        self._next = itertools.count()
        self._events = [0] * clients
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

    def _work(self, number: int) -> None:
        try:
            while True:
                turn = next(self._next)
                if turn == len(self._trace):
                    self.asked_all = time.monotonic()
                if turn >= len(self._trace) and self._finish.is_set():
                    break
                stream = self._ask(self._trace[turn % len(self._trace)], number)
                self._consume(stream)
                if stream.failure:  # a server that is gone refuses at once: no need to hear it so often
                    self._finish.wait(_BACK_OFF_SECONDS)
        except BaseException as e:  # told to whoever joins
            self.error = e

    def _ask(self, request: Request, number: int) -> RawStream:
        stream = RawStream(request, time.monotonic())
        connection = http.client.HTTPConnection(self._address, timeout=SILENCE_SECONDS)
        try:
            connection.request("POST", request.path, json.dumps(request.body),
                               {"Content-Type": "application/json"})
            reply = connection.getresponse()
            if reply.status != 200:
                stream.failure = f"status {reply.status}: {reply.read(500).decode(errors='replace')}"
            else:
                self._read(reply, stream, number)
        except TimeoutError:
            stream.failure = f"silent for {SILENCE_SECONDS} s"
        except (OSError, http.client.HTTPException) as e:
            stream.failure = f"the connection broke: {e!r}"
        finally:
            connection.close()
        return stream

    def _read(self, reply: http.client.HTTPResponse, stream: RawStream, number: int) -> None:
        came, most = 0, stream.request.cancel_after
        while piece := reply.read1(_PIECE):
            stream.pieces.append((time.monotonic(), piece))
            events = piece.count(_EVENT)
            self._events[number] += events
            came += events
            if most is not None and came >= most:
                stream.hung_up = True
                return
