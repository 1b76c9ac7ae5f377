"""A program that measures on request, in a process of its own: JSON lines in, JSON lines out."""

import contextlib
import json
import os
import pathlib
import selectors
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 300
ANSWER_SECONDS = 900
END_SECONDS = 10


class WorkerError(Exception):
    """A worker could not start, died or said no; the text says which and why."""


class Worker:
    """For use in a `with` statement, which ends the process. `greeting` is its first line, which came
    `load_seconds` after its start."""

    def __init__(self, name, command):
        self.name = name
        self.received = b""
        self.log = tempfile.TemporaryFile()
        self.started = time.monotonic()
        # In a group of its own, so that Ctrl-C reaches only the one who ends it.
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log,
                                        process_group=0)
        os.set_blocking(self.process.stdout.fileno(), False)
        try:
            self.greeting = self._line(START_SECONDS)
        except BaseException:
            self.close(at_once=True)
            raise
        self.load_seconds = time.monotonic() - self.started

    def ask(self, **question):
        """Sends a question and returns the answer."""
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        answer = self._line(ANSWER_SECONDS)
        if "error" in answer:
            raise WorkerError(f"{self.name}: {answer['error']}")
        return answer

    def cpu_seconds(self):
        """Processor time of all its threads so far."""
        fields = self._proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_memory(self):
        """The most bytes that were resident at once, mapped files included."""
        return next(int(line.split()[1]) * 1024 for line in self._proc("status").splitlines()
                    if line.startswith("VmHWM:"))

    def close(self, at_once=False):
        """Ends it by the end of its input, else by a signal."""
        ends = [self.process.stdin.close, self.process.terminate, self.process.kill]
        for end in ends[1:] if at_once else ends:
            try:
                end()
                self.process.wait(END_SECONDS)
                break
            except (subprocess.TimeoutExpired, BrokenPipeError):
                continue
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def _proc(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text(encoding="utf-8")

    def _line(self, seconds):
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.received:
                if not ready.select(max(deadline - time.monotonic(), 0)):
                    raise WorkerError(f"{self.name} did not answer within {seconds} s")
                part = self.process.stdout.read()
                if part == b"":
                    raise self._ended()
                self.received += part or b""
        line, self.received = self.received.split(b"\n", 1)
        return json.loads(line)

    def _ended(self):
        self.log.seek(0)
        said = self.log.read().decode(errors="replace").strip().splitlines()
        return WorkerError(f"{self.name} ended: {said[-1] if said else 'it did not say why'}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(at_once=kind is not None)
