"""Streams that clients come back for: by the response's id at another gateway, or over another connection."""

import http.client
import json
import threading
import urllib.parse

import pytest

from test_cluster import DEADLINE, MODEL
from test_gateway import end, head
from troupe_server import Gateway, Server

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
DASHSCOPE = "/api/v1/services/aigc/text-generation/generation"
TOKENS = 300
STREAMS = 12


@pytest.fixture(scope="module")
def cluster():
    """A head that ends with the tests, whatever became of its gateways."""
    serving = head()
    yield serving
    end(serving)


@pytest.fixture(scope="module")
def survivor(cluster):
    with Gateway(cluster) as gateway:
        yield gateway


def completion(index=0, **more):
    return {"prompt": f"Story number {index} of the sea and the", "max_tokens": TOKENS, "stream": True,
            "logprobs": 1, "ignore_eos": True, **more}


def chat(**more):
    return {"messages": [{"role": "user", "content": "Tell me of the sea."}], "max_tokens": TOKENS,
            "stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True, **more}


def dashscope():
    return {"input": {"prompt": "The sea is"}, "parameters": {"max_tokens": TOKENS, "seed": 7}}


class Stream:
    """One connection's events, byte for byte."""

    def __init__(self, server, path, body=None, headers=None):
        where = urllib.parse.urlparse(server.url)
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=DEADLINE)
        if body is None:
            self.connection.request("GET", path, headers=headers or {})
        else:
            text = json.dumps({"model": server.model, **body})
            self.connection.request("POST", path, text, {"Content-Type": "application/json",
                                                         "X-DashScope-SSE": "enable"})
        self.reply = self.connection.getresponse()
        self.unread = b""

    def events(self, most=None):
        """(whole events from here on, whether the stream came to its end)."""
        events = []
        while most is None or len(events) < most:
            event, mark, rest = self.unread.partition(b"\n\n")
            if mark:
                self.unread = rest
                if not event.startswith(b": "):
                    events.append(event + mark)
                continue
            try:
                more = self.reply.read1(65536)
            except (OSError, http.client.HTTPException):
                return events, False
            if not more:
                return events, True
            self.unread += more
        return events, False


def number_of(event):
    return int(event.partition(b"\n")[0].removeprefix(b"id:"))


def data_of(event):
    line = next(x for x in event.splitlines() if x.startswith(b"data:"))
    return json.loads(line.removeprefix(b"data:"))


def id_of(event):
    data = data_of(event)
    return data.get("id") or data["request_id"]


def break_off(cluster, path, body, after):
    """Asks a gateway of its own, which is killed when `after` events have come."""
    gateway = Gateway(cluster)
    stream = Stream(gateway, path, body)
    had, _ = stream.events(after)
    gateway.process.kill()
    gateway.process.wait(DEADLINE)
    more, whole = stream.events()
    assert not whole
    return had + more


def come_back(server, path, name, had):
    stream = Stream(server, f"{path}/{name}?starting_after={had}")
    assert stream.reply.status == 200
    assert stream.reply.getheader("Content-Type") == "text/event-stream"
    events, whole = stream.events()
    assert whole
    return events


@pytest.mark.parametrize("path, body", [
    (COMPLETIONS, completion(temperature=0)),
    (COMPLETIONS, completion(temperature=0.9, seed=3, n=2, echo=True)),
    (COMPLETIONS, completion(temperature=0.9, stop=["zz"], return_token_ids=True)),
    (CHAT, chat()),
    (DASHSCOPE, dashscope()),
])
def test_a_stream_goes_on_at_another_gateway(cluster, survivor, path, body):
    had = break_off(cluster, path, body, 20)
    name = id_of(had[0])
    rest = come_back(survivor, path, name, number_of(had[-1]))
    joined = had + rest
    # Whatever was cut, the whole is that of one stream.
    assert joined == come_back(survivor, path, name, 0)
    numbers = [number_of(e) for e in joined if e.startswith(b"id:")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(joined) > len(had)
    if path != DASHSCOPE:
        assert joined[-1] == b"data: [DONE]\n\n"
        assert {id_of(e) for e in joined[:-1]} == {name}


def test_the_rest_is_what_a_stream_without_a_fault_says(cluster, survivor):
    body = completion(temperature=0.8, seed=11)
    whole = [data_of(e)["choices"] for e in Stream(survivor, COMPLETIONS, body).events()[0][:-1]]
    had = break_off(cluster, COMPLETIONS, body, 30)
    rest = come_back(survivor, COMPLETIONS, id_of(had[0]), number_of(had[-1]))
    assert [data_of(e)["choices"] for e in (had + rest)[:-1]] == whole


def test_another_connection_takes_a_stream_over(survivor):
    first = Stream(survivor, COMPLETIONS, completion(temperature=0, max_tokens=2000))
    had, _ = first.events(10)
    second = Stream(survivor, f"{COMPLETIONS}/{id_of(had[0])}", headers={"Last-Event-ID": "10"})
    more, _ = second.events(5)
    assert [number_of(e) for e in more] == [11, 12, 13, 14, 15]
    told, whole = first.events()
    assert whole
    assert "another connection has taken the answer over" in data_of(told[-1])["error"]["message"]
    rest, whole = second.events()
    assert whole
    assert rest[-1] == b"data: [DONE]\n\n"


def test_many_streams_go_on_at_once(cluster, survivor):
    gateway = Gateway(cluster)
    begun = threading.Barrier(STREAMS + 1)
    joined = [None] * STREAMS

    def run(index):
        stream = Stream(gateway, COMPLETIONS, completion(index, seed=index, temperature=0.7))
        had, _ = stream.events(5 + index)
        begun.wait(DEADLINE)
        had += stream.events()[0]
        name = id_of(had[0])
        rest = come_back(survivor, COMPLETIONS, name, number_of(had[-1]))
        joined[index] = had + rest == come_back(survivor, COMPLETIONS, name, 0)

    clients = [threading.Thread(target=run, args=(i,)) for i in range(STREAMS)]
    for c in clients:
        c.start()
    begun.wait(DEADLINE)
    gateway.process.kill()
    gateway.process.wait(DEADLINE)
    for c in clients:
        c.join(DEADLINE)
    assert all(joined)


@pytest.mark.parametrize("path, status, why", [
    (COMPLETIONS + "/cmpl-none", 404, "no answer 'cmpl-none' is under way or has ended lately"),
    (COMPLETIONS + "/cmpl-none?starting_after=x", 400, "starting_after must be the id of the last event"),
    (COMPLETIONS + "/cmpl-none?starting_after=", 400, "starting_after must be the id of the last event"),
    (CHAT + "/" + "x" * 200, 404, "no response has so long an id"),
])
def test_what_cannot_be_resumed_is_said(survivor, path, status, why):
    code, body = survivor.get(path)
    assert code == status
    assert why in json.loads(body)["error"]["message"]


def test_an_answer_is_found_at_its_own_endpoint_only(survivor):
    had, _ = Stream(survivor, COMPLETIONS, completion(max_tokens=4)).events()
    code, body = survivor.get(f"{CHAT}/{id_of(had[0])}")
    assert code == 404
    assert "another endpoint's" in json.loads(body)["error"]["message"]


def test_one_process_keeps_no_answers():
    with Server(MODEL) as alone:
        code, body = alone.get(COMPLETIONS + "/cmpl-1")
    assert code == 404
    assert "gateways of a cluster do" in json.loads(body)["error"]["message"]
