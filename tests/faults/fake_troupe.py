#!/usr/bin/env python3
"""Plays `troupe` for the harness's own tests: real processes, invented tokens (fake_answers.py), gateways
(fake_gateway.py).

FAKE_FAULT: what a stream that was open when a worker was struck does wrong: drop, repeat, alter, score
or cut; none: it pauses, and nothing else. Gateways know more of them."""

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
import fake_answers
import fake_gateway

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
        self.answers = {}  # what was asked at gateways, by the answer's id

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
            name = f"n{self.count}-{pid}"  # those of another head are others
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
        self.whole_from = time.monotonic() + fake_answers.RECOVERY_SECONDS

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
        if self.path == "/cluster":
            self.answer(self.fake.view())
        elif asked := self.fake.answers.get(self.path.removeprefix("/answers/")):
            self.answer(asked)
        else:
            self.send_error(404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/join":
            self.answer({"name": self.fake.add(body["pid"])})
        elif self.path == "/answers":
            self.fake.answers[body["name"]] = body["body"]
            self.answer({})
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
        fake_answers.send(self, fake_answers.events(body, "chat" in self.path, self.fake))


def serve(options):
    Handler.fake = fake = Fake(options.workers, options.redundancy)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.join_port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    fake.start(address)
    print(f"Serving fake at http://{address}/v1 (nothing). Nodes join {address}. Try:\n  nothing", flush=True)
    while True:
        time.sleep(0.1)  # not pause: another thread may get the signal


def node(options):
    """Runs until it is no longer listed, or nobody is there to ask."""
    name = fake_gateway.ask(options.join, "/join", {"pid": os.getpid()})["name"]
    try:
        while True:
            time.sleep(0.05)
            if name not in [listed["name"] for listed in fake_gateway.ask(options.join, "/cluster")["nodes"]]:
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
    serving.add_argument("--join-port", type=int, default=0)
    serving.add_argument("--workers", type=int, default=0)
    serving.add_argument("--redundancy", type=int, default=2)
    commands.add_parser("node").add_argument("--join")
    gateway = commands.add_parser("gateway")
    gateway.add_argument("--join")
    gateway.add_argument("--port")
    draining = commands.add_parser("drain")
    draining.add_argument("name")
    draining.add_argument("--url")
    options = parser.parse_args()
    match options.command:
        case "serve":
            serve(options)
        case "node":
            node(options)
        case "gateway":
            fake_gateway.run(options.join)
        case "drain":
            fake_gateway.ask(options.url.removeprefix("http://"), "/drain", {"name": options.name})


if __name__ == "__main__":
    main()
