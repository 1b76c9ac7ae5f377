"""Plays `troupe gateway`: numbers the events of invented answers, and goes on with those of another one.

FAKE_FAULT: what it does to the rest of a stream that a client comes back for: resume-drop, resume-repeat,
resume-alter, resume-break (after an event), resume-renumber (drops an event and numbers the others as if it had not), resume-again (tells
it from the beginning) or resume-none (knows nothing of it)."""

import http.server
import itertools
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import fake_answers

_POLL_SECONDS = 0.01
_HEAD_SECONDS = 10


def ask(address, path, body=None):
    """The answer's JSON. Raises OSError."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"http://{address}{path}", data), timeout=5) as reply:
        return json.loads(reply.read())


class Gateway:
    """What it knows of the cluster; the head keeps what was asked."""

    def __init__(self, head):
        self.head, self.epoch = head, 0
        self.epoch = self.insist("/cluster")["epoch"]
        threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        while True:
            self.epoch = self.insist("/cluster")["epoch"]
            time.sleep(_POLL_SECONDS)

    def insist(self, path, body=None):
        """Asks the head, and waits for one that is gone."""
        deadline = time.monotonic() + _HEAD_SECONDS
        while True:
            try:
                return ask(self.head, path, body)
            except urllib.error.HTTPError:
                raise
            except OSError:
                if time.monotonic() > deadline:
                    os._exit(1)
                time.sleep(_POLL_SECONDS)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = uuid.uuid4().hex
        self.gateway.insist("/answers", {"name": name, "body": body})
        fake_answers.send(self, self.events(name, body, 0), numbered=True)

    def do_GET(self):
        where = urllib.parse.urlsplit(self.path)
        name = where.path.rpartition("/")[2]
        had = int(urllib.parse.parse_qs(where.query)["starting_after"][0])
        fault = os.environ.get("FAKE_FAULT")
        try:
            body = self.gateway.insist("/answers/" + ("none" if fault == "resume-none" else name))
        except urllib.error.HTTPError as e:
            self.send_error(e.code, "no such answer")
            return
        events = self.events(name, body, had)
        match fault:
            case "resume-drop":
                had += 1
            case "resume-repeat":
                had -= 1
            case "resume-break":
                events = itertools.chain(itertools.islice(events, had + 1), self.breaks())
            case "resume-again":
                had = 0
            case "resume-renumber":
                kept = list(itertools.islice(events, had))
                next(events)
                events = itertools.chain(kept, events)
            case "resume-alter":
                events = (e.replace(b'": " ', b'": " 1') if at == had else e for at, e in enumerate(events))
        fake_answers.send(self, events, had, numbered=True)

    def breaks(self):
        raise ConnectionResetError
        yield

    def events(self, name, body, had):
        return fake_answers.events(body, "chat" in self.path, self.gateway, name, had)


def run(head):
    Handler.gateway = Gateway(head)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"Serving fake at http://127.0.0.1:{server.server_address[1]}/v1 for the cluster at {head}. Try:\n"
          "  nothing", flush=True)
    while True:
        time.sleep(0.1)  # not pause: another thread may get the signal
