"""A client that wants one answer whole: where its connection breaks off it comes back for the rest at the
next address, as docs/api.md says: by the response's id and the number of the last event that it has.

Nothing is parsed while an answer comes, only where it has broken off."""

import dataclasses
import http.client
import json
import re
import time
from collections.abc import Callable

from harness.trace import Request

_MOST_TRIES = 400
_BACK_OFF_SECONDS = 0.1
_PIECE = 1 << 16
_EVENT = b"data: "
_EVENT_END = b"\n\n"
_END = b"data: [DONE]\n\n"
_NUMBER = re.compile(rb"^id: ?(\d+)$", re.MULTILINE)
_FIRST_DATA = re.compile(rb"^data: ?(\{.*\})$", re.MULTILINE)


@dataclasses.dataclass
class RawStream:
    """An answer as it came: pieces of the body with their arrival times (time.monotonic)."""

    request: Request
    started: float
    pieces: list[tuple[float, bytes]] = dataclasses.field(default_factory=list)
    failure: str | None = None  # why it did not end as HTTP says it should
    hung_up: bool = False  # the client did
    resumed: int = 0  # how often the client came back for the rest
    asked_again: int = 0  # how often it asked from the beginning, as nothing had come

    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)


@dataclasses.dataclass(frozen=True)
class Manners:
    """What a client puts up with, in seconds."""

    silence: float = 60  # from a connection; then it is as good as broken
    patience: float = 20  # from when an answer breaks off until somebody goes on with it
    lingering: bool = False  # half of them leave a silent connection open, as if the network had failed them


class Refused(Exception):
    """What a server said for good: to ask again is no use."""


class Unavailable(Exception):
    """What a server said for now."""


class Client:
    """Asks one request after the other. Not for two threads at once."""

    def __init__(self, addresses: Callable[[], list[str]], place: int, manners: Manners,
                 on_events: Callable[[int], None], on_return: Callable[[], None] = lambda: None):
        """`addresses` says where an answer can be had by now, as host:port; `place` is the one of them that
        is asked first. `on_events` hears how many events came, at each piece, `on_return` when somebody
        goes on with a stream that had broken off."""
        self._addresses, self._place = addresses, place
        self._manners, self._on_events, self._on_return = manners, on_events, on_return
        self._lingers = manners.lingering and place // 2 % 2 == 1  # of each of two gateways half
        self._open: list[http.client.HTTPConnection] = []

    def ask(self, request: Request) -> RawStream:
        """The answer; `failure` says why it is no whole one, where the server is to blame."""
        stream = RawStream(request, time.monotonic())
        try:
            stream.failure = self._insist(stream)
        except Refused as e:
            stream.failure = str(e)
        finally:
            self._close()
        return stream

    def _insist(self, stream: RawStream) -> str | None:
        """Why there is no more to be had, after all tries; None: all has come."""
        had, until, why = 0, 0.0, ""
        for attempt in range(_MOST_TRIES):
            try:
                self._once(stream, self._place + attempt)
                return None
            except TimeoutError:
                # The connection is left open until another goes on: who hangs up ends the answer.
                why = f"silent for {self._manners.silence} s"
            except (OSError, http.client.HTTPException) as e:
                why = f"the connection broke: {e!r}"
            except Unavailable as e:
                why = str(e)
            forget_broken_event(stream)
            if stream.body().endswith(_END):
                return None
            now = time.monotonic()
            if attempt == 0 or len(stream.pieces) > had:
                had, until = len(stream.pieces), now + self._manners.patience
            else:
                time.sleep(_BACK_OFF_SECONDS)
            if now > until:
                break
        return f"{why}; nobody went on within {self._manners.patience} s"

    def _once(self, stream: RawStream, place: int) -> None:
        """All that one connection brings of the answer."""
        had = position_of(stream)
        addresses = self._addresses()
        connection = http.client.HTTPConnection(addresses[place % len(addresses)],
                                                timeout=self._manners.silence)
        self._open.append(connection)
        request = stream.request
        if had:
            connection.request("GET", f"{request.path}/{had[0]}?starting_after={had[1]}")
        else:
            connection.request("POST", request.path, json.dumps(request.body),
                               {"Content-Type": "application/json"})
        reply = connection.getresponse()
        if reply.status != 200:
            said = f"status {reply.status}: {reply.read(500).decode(errors='replace')}"
            raise Unavailable(said) if reply.status == 503 else Refused(said)
        if len(self._open) > 1:
            stream.asked_again += had is None
            if had:
                stream.resumed += 1
                self._on_return()
            if not self._lingers:
                self._close(but=connection)
        self._read(reply, stream)

    def _read(self, reply: http.client.HTTPResponse, stream: RawStream) -> None:
        came, most = stream.body().count(_EVENT), stream.request.cancel_after
        while piece := reply.read1(_PIECE):
            stream.pieces.append((time.monotonic(), piece))
            events = piece.count(_EVENT)
            self._on_events(events)
            came += events
            if most is not None and came >= most:
                stream.hung_up = True
                return

    def _close(self, but: http.client.HTTPConnection | None = None) -> None:
        for connection in self._open:
            if connection is not but:
                connection.close()
        self._open = [but] if but else []


def forget_broken_event(stream: RawStream) -> None:
    """Drops what came of an event whose end did not come: it will come again, whole."""
    left = stream.body().rfind(_EVENT_END) + len(_EVENT_END)
    if left < len(_EVENT_END):
        left = 0
    whole = []
    for when, piece in stream.pieces:
        if left > 0:
            whole.append((when, piece[:left]))
        left -= len(piece)
    stream.pieces = whole


def position_of(stream: RawStream) -> tuple[str, int] | None:
    """The response's id and the number of the last event that came; None: nothing has. Raises Refused where
    something came without a number: nobody can come back for such an answer."""
    body = stream.body()
    if _EVENT not in body:
        return None
    first, numbers = _FIRST_DATA.search(body), _NUMBER.findall(body)
    try:
        if first and numbers:
            return str(json.loads(first[1])["id"]), int(numbers[-1])
    except (ValueError, KeyError, TypeError):
        pass
    raise Refused("the connection broke, and its events had no numbers to come back by")
