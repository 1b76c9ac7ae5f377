#!/usr/bin/env python3
"""Plays `troupe` for the harness's own tests: real processes, invented tokens.

FAKE_FAULT: what a stream that was open when a worker was struck does wrong: drop, repeat, alter, score
or cut; none: it pauses, and nothing else."""

import argparse
import http.server
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request

TOKEN_SECONDS = 0.002
RECOVERY_SECONDS = 0.1
STAGES = 2


def process_state(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


class Fake:
    """The cluster's state: nodes by name, in the order in which they came."""

    def __init__(self, workers, redundancy):
        self.lock = threading.Lock()
        self.nodes, self.epoch, self.redundancy = {}, 1, redundancy
        self.whole_from, self.count, self.address = 0.0, 0, None
        self.wanted, self.children = workers, []

    def start(self, address):
        self.address = address
        self.children = [subprocess.Popen([sys.executable, __file__, "node", "--join", address])
                         for _ in range(self.wanted)]
        while len(self.nodes) < self.wanted:
            time.sleep(0.01)
        threading.Thread(target=self.look, daemon=True).start()

    def add(self, pid):
        with self.lock:
            self.count += 1
            name = f"n{self.count}"
            self.nodes[name] = {"peer": random.getrandbits(64), "pid": pid, "state": "up"}
            return name

    def look(self):
        while True:
            for child in self.children:
                child.poll()
            with self.lock:
                for name, node in list(self.nodes.items()):
                    state = process_state(node["pid"])
                    if state in "XZ":
                        self.leave(name)
                    elif state == "T" and node["state"] == "up":
                        node["state"] = "suspect"
                        self.change()
                    elif state != "T" and node["state"] == "suspect":
                        node["state"] = "up"
            time.sleep(0.005)

    def leave(self, name):
        del self.nodes[name]
        self.change()

    def change(self):
        self.epoch += 1
        self.whole_from = time.monotonic() + RECOVERY_SECONDS

    def view(self):
        with self.lock:
            up = [name for name, node in self.nodes.items() if node["state"] == "up"]
            stages = [{"first": 2 * i, "last": 2 * i + 1, "node": up[i % len(up)],
                       "buddy": up[(i + 1) % len(up)] if len(up) > 1 else None} for i in range(STAGES) if up]
            nodes = [{"name": name, **node, "holds": ["experts 0-7"] if i > STAGES else ["stage"]}
                     for i, (name, node) in enumerate(self.nodes.items())]
            redundant = len(up) > 1 and self.redundancy > 1 and time.monotonic() > self.whole_from
            return {"epoch": self.epoch, "nodes": nodes, "stages": stages, "redundant": redundant,
                    "join": self.address}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Fake

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(self.fake.view())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/join":
            self.answer({"name": self.fake.add(body["pid"])})
        elif self.path == "/drain":
            with self.fake.lock:
                self.fake.leave(body["name"])
            self.answer({})
        else:
            self.stream(body)

    def answer(self, what):
        text = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        try:
            for data in events(body, "chat" in self.path, self.fake):
                text = b"data: " + data + b"\n\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass


def events(body, chat, fake):
    """The data of each event; ends early where the fault is to cut."""
    fault, epoch = os.environ.get("FAKE_FAULT"), fake.epoch
    draw = random.Random(json.dumps(body, sort_keys=True))
    choices, count = body.get("n", 1), body["max_tokens"]

    def event(parts, usage=None):
        return json.dumps({"id": "one", "choices": parts, "usage": usage}).encode()

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
        time.sleep(TOKEN_SECONDS)
        struck = fake.epoch != epoch
        if struck:
            time.sleep(RECOVERY_SECONDS)
            epoch = fake.epoch
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


def serve(options):
    Handler.fake = fake = Fake(options.workers, options.redundancy)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    fake.start(address)
    print(f"Serving fake at http://{address}/v1 (nothing). Try:\n  nothing", flush=True)
    while True:
        time.sleep(0.1)  # not pause: another thread may get the signal


def post(address, path, body):
    request = urllib.request.Request(f"http://{address}{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=5) as reply:
        return json.loads(reply.read())


def node(options):
    """Runs until it is no longer listed, or nobody is there to ask."""
    name = post(options.join, "/join", {"pid": os.getpid()})["name"]
    try:
        while True:
            time.sleep(0.05)
            with urllib.request.urlopen(f"http://{options.join}/cluster", timeout=5) as reply:
                if name not in [listed["name"] for listed in json.loads(reply.read())["nodes"]]:
                    return
    except OSError:
        return


def main():
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve")
    serving.add_argument("model")
    serving.add_argument("--port")
    serving.add_argument("--workers", type=int, default=0)
    serving.add_argument("--redundancy", type=int, default=2)
    commands.add_parser("node").add_argument("--join")
    draining = commands.add_parser("drain")
    draining.add_argument("name")
    draining.add_argument("--url")
    options = parser.parse_args()
    match options.command:
        case "serve":
            serve(options)
        case "node":
            node(options)
        case "drain":
            post(options.url.removeprefix("http://"), "/drain", {"name": options.name})


if __name__ == "__main__":
    main()
