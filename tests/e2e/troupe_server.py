"""Starts `troupe serve` or `troupe gateway` for a test and ends it again."""

import contextlib
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

BINARY = os.environ.get("TROUPE_BIN", "build/release/bin/troupe")
# The same program as the release before, the next one, and one that is too far away (tests/releases).
BEFORE, NEXT, FAR = (f"{BINARY}-{name}" for name in ("before", "next", "far"))
DATA = pathlib.Path(os.environ.get("TROUPE_TEST_DATA", pathlib.Path(__file__).parents[1] / "data"))
MODELS = DATA / "reference" / "models"
START_SECONDS = 120


def smollm2():
    """The fetched SmolLM2 file; may be missing."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    default = pathlib.Path(cache) / "troupe" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    return pathlib.Path(os.environ.get("TROUPE_TEST_MODEL") or default)


def troupe(*arguments, stdin=None, seconds=300, env=None, binary=None):
    """Runs a command to its end: (exit code, standard output, standard error)."""
    done = subprocess.run([binary or BINARY, *map(str, arguments)], input=stdin, capture_output=True, text=True,
                          timeout=seconds, check=False, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


class Server:
    """A server on a free port, for use in a `with` statement."""

    command = "serve"

    def __init__(self, *options, authority=None, binary=None, port=0):
        """`authority`: whom to believe where the server speaks https; `binary`: another troupe; `port`: 0: a free one."""
        self.tls = ssl.create_default_context(cafile=authority) if authority else None
        self.log = tempfile.TemporaryFile(mode="w+")
        self.output = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [binary or BINARY, self.command, *map(str, options), "--port", str(port)],
            stdout=self.output, stderr=self.log, text=True)
        self.greeting = self._wait_for_greeting()
        self.url = re.search(r"at (https?://\S+)/v1", self.greeting).group(1)
        self.model = re.search(r"Serving (\S+) at", self.greeting).group(1)

    def _wait_for_greeting(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            text = read(self.output)
            if text.count("\n") >= 2:
                return text
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"the server did not start:\n{read(self.output)}{read(self.log)}")

    def join_address(self):
        """Where nodes and gateways join."""
        return re.search(r"Nodes join (\S+)\.", self.greeting).group(1)

    def errors(self):
        """What the server wrote to standard error so far."""
        return read(self.log)

    def get(self, path):
        """(status, body) of a plain GET."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30, context=self.tls) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def post(self, path, body, content_type="application/json"):
        """(status, body) of a POST of raw bytes."""
        request = urllib.request.Request(self.url + path, data=body,
                                         headers={"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=120, context=self.tls) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    @contextlib.contextmanager
    def stream(self, path, body):
        """The events of a streamed answer, as they come."""
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})

        def events(reply):
            for line in reply:
                field, _, data = line.decode().strip().partition(": ")
                if data == "[DONE]":
                    return
                if field == "data":
                    yield json.loads(data)

        with urllib.request.urlopen(request, timeout=120, context=self.tls) as reply:
            yield events(reply)

    def metric(self, name):
        """The sum of a metric over its labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            if re.match(rf"{name}[ {{]", line):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def wait_for_metric(self, name, wanted, seconds=20):
        """Waits until the metric satisfies `wanted`; returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = self.metric(name)
            if wanted(value) or time.monotonic() > deadline:
                return value
            time.sleep(0.05)

    def stop(self, seconds=60):
        """Ends the server as Ctrl-C does; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = self.stop()
        if kind is None:
            assert code == 0, f"the server ended with {code}:\n{self.errors()[-5000:]}"


class Gateway(Server):
    """A gateway of clusters that have these servers as heads, in that order."""

    command = "gateway"

    def __init__(self, *heads, options=(), **more):
        super().__init__("--join", ",".join(h.join_address() for h in heads), *options, **more)


def read(file):
    """All that a process wrote so far, from where this process and it share no position in the file."""
    data = b""
    while more := os.pread(file.fileno(), 1 << 20, len(data)):
        data += more
    return data.decode(errors="replace")
