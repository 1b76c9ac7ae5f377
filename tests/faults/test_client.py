"""A client comes back for the rest of its answer, and for no more and no less."""

import http.server
import itertools
import threading

import pytest

from conftest import chunk, numbered, raw_of, whole_events
from harness.client import Client, Manners, RawStream, Refused, forget_broken_event, position_of
from harness.compare import Fault, compare
from harness.decode import decode
from harness.trace import Request

REQUEST = Request(0, "sampled", "/v1/completions", {"max_tokens": 12})
PIECES = [piece for _, piece in numbered(raw_of(whole_events())).pieces]
WHOLE = b"".join(PIECES)
MANNERS = Manners(silence=0.3, patience=1)


class Server:
    """Answers each request in turn as one entry of `plays` says, the last one for ever: (status, bytes that
    come, and then: "end", "cut" or "hang")."""

    def __init__(self, *plays):
        self.plays = itertools.chain(plays, itertools.repeat(plays[-1]))
        self.asked, self.over = [], threading.Event()  # over: whoever was left hanging has hung up
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.asked.append(f"{self.command} {self.path}")
                self.rfile.read(int(self.headers.get("Content-Length", 0)))  # unread, it would reset
                self.close_connection = True
                status, text, then = next(outer.plays)
                self.send_response(status)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text) if text else b"")
                self.wfile.write(b"0\r\n\r\n" if then == "end" else b"")
                self.wfile.flush()
                if then == "hang":
                    self.connection.settimeout(10)
                    self.connection.recv(1)
                    outer.over.set()

            do_POST = do_GET

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def ask():
    """Asks servers that play these lists, the first one first: (the stream, what each was asked)."""
    servers = []

    def run(*plays, request=REQUEST):
        servers[:] = [Server(*play) for play in plays]
        addresses = [server.address for server in servers]
        stream = Client(lambda: addresses, 0, MANNERS, lambda count: None).ask(request)
        return stream, [server.asked for server in servers]

    yield run
    for server in servers:
        server.close()


def rest(had):
    return [(200, b"".join(PIECES[had:]), "end")]


def test_an_answer_without_a_fault_is_asked_once(ask):
    stream, asked = ask([(200, WHOLE, "end")], rest(0))
    assert stream.body() == WHOLE and not stream.failure and not stream.resumed
    assert asked == [["POST /v1/completions"], []]


@pytest.mark.parametrize("then", ["cut", "hang"])
@pytest.mark.parametrize("more", [b"", b"id: 6\ndata: {\"id\": \"cm"])
def test_the_rest_comes_from_another_gateway(ask, then, more):
    stream, asked = ask([(200, b"".join(PIECES[:5]) + more, then)], rest(5))
    assert stream.body() == WHOLE and not stream.failure and stream.resumed == 1
    assert asked[1] == ["GET /v1/completions/cmpl-1?starting_after=5"]


def test_an_answer_of_which_nothing_came_is_asked_again(ask):
    stream, asked = ask([(200, b"id: 1\nda", "cut")], rest(0))
    assert stream.body() == WHOLE and not stream.failure
    assert (stream.resumed, stream.asked_again) == (0, 1) and asked[1] == ["POST /v1/completions"]


def test_who_cannot_answer_now_is_asked_later(ask):
    stream, asked = ask([(503, b"no head", "end"), (200, WHOLE, "end")], [(503, b"no head", "end")])
    assert stream.body() == WHOLE and not stream.failure and len(asked[0]) == 2


def test_a_stream_may_break_off_again_and_again(ask):
    stream, asked = ask([(200, b"".join(PIECES[:5]), "cut"), (200, b"".join(PIECES[8:]), "end")],
                        [(200, b"".join(PIECES[5:8]), "cut")])
    assert stream.body() == WHOLE and stream.resumed == 2
    assert asked[0][1] == "GET /v1/completions/cmpl-1?starting_after=8"


def test_a_whole_answer_is_not_asked_for_its_end(ask):
    stream, asked = ask([(200, WHOLE, "cut")], rest(0))
    assert not stream.failure and asked[1] == []


def test_patience_has_an_end(ask):
    stream, asked = ask([(200, b"".join(PIECES[:5]), "cut"), (503, b"", "end")], [(503, b"later", "end")])
    assert "nobody went on within 1 s" in stream.failure and 3 <= len(asked[0] + asked[1]) <= 15


def test_an_answer_that_is_not_known_is_lost(ask):
    stream, _ = ask([(200, b"".join(PIECES[:5]), "cut")], [(404, b"no answer", "end")])
    assert stream.failure == "status 404: no answer"
    assert {finding.fault for finding in compare(decode(numbered(raw_of(whole_events()))), decode(stream))} == {
        Fault.LOST}


def test_a_client_that_hangs_up_counts_what_came_before(ask):
    request = Request(0, "cancelled", "/v1/completions", {}, cancel_after=8)
    stream, _ = ask([(200, b"".join(PIECES[:5]), "cut")], [(200, b"".join(PIECES[5:10]), "hang")],
                    request=request)
    assert stream.hung_up and not stream.failure and stream.resumed == 1


def test_nobody_can_come_back_for_events_without_numbers():
    with pytest.raises(Refused, match="no numbers"):
        position_of(raw_of(whole_events()[:3]))
    assert position_of(raw_of([])) is None
    assert position_of(numbered(raw_of(whole_events()[:3]), [1, 2, 3])) == ("cmpl-1", 3)


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_whole_events_are_kept_whatever_the_pieces(size):
    body = WHOLE[:len(WHOLE) // 2]
    pieces = [(float(at), body[at:at + size]) for at in range(0, len(body), size)]
    stream = RawStream(REQUEST, 0, pieces)
    forget_broken_event(stream)
    assert stream.body() == body[:body.rindex(b"\n\n") + 2]


@pytest.mark.parametrize(("place", "lingers"), [(0, False), (2, True)])
def test_who_lost_the_network_does_not_hang_up(place, lingers):
    servers = [Server((200, b"".join(PIECES[:5]), "hang")), Server(*rest(5))]
    left = []

    def on_events(_):
        if servers[1].asked:
            left.append(servers[0].over.wait(0.2 if lingers else 10))

    addresses = [server.address for server in servers]
    manners = Manners(silence=0.3, lingering=True)
    assert Client(lambda: addresses, place, manners, on_events).ask(REQUEST).body() == WHOLE
    assert left[0] is not lingers and servers[0].over.wait(10)
    for server in servers:
        server.close()


@pytest.mark.parametrize(("kept", "numbers", "fault"), [
    ([0, 1, 2, 3, 4, 5], None, None),
    ([0, 1, 2, 4, 5], [1, 2, 3, 5, 6], Fault.LOST),
    ([0, 1, 2, 4, 5], [1, 2, 3, 4, 5], Fault.LOST),
    ([0, 1, 2, 2, 3, 4, 5], [1, 2, 3, 3, 4, 5, 6], Fault.REPEATED),
    ([0, 1, 2, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7], Fault.REPEATED),
    ([0, 1, 2, 3, 4, 5], [1, 2, 4, 5, 6, 7], Fault.LOST),
    ([0, 1, 2, 3, 4, 5], [1, 2, 2, 3, 4, 5], Fault.REPEATED),
])
def test_what_was_joined_wrongly_is_called_by_its_name(kept, numbers, fault):
    events = whole_events(4)
    got = numbered(raw_of([*(events[at] for at in kept), events[-1]]), numbers)
    found = {finding.fault for finding in compare(decode(numbered(raw_of(events))), decode(got))}
    assert found == ({fault} if fault else set())


def test_the_same_text_in_other_events_is_altered():
    events = [chunk(" a b", 1), *whole_events(4)]
    other = [chunk(" a"), chunk(" b", 1), *whole_events(4)]
    for count in (numbered, lambda raw: raw):
        found = {f.fault for f in compare(decode(count(raw_of(events))), decode(count(raw_of(other))))}
        assert found == {Fault.ALTERED}
