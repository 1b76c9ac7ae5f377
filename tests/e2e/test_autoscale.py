"""Nodes that come and go with the load, as processes of the server and by an operator's script."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from test_cluster import until as cluster_until
from test_cluster import view
from troupe_server import BINARY, MODELS, Server, troupe

MODEL = MODELS / "tiny-qwen3-moe"
DEADLINE = 90
TOKENS = 120
# Answers at once; all others wait, which is what makes the cluster grow.
CONFIG = """
[autoscale]
queued_high_ms = 50
queued_low_ms = 20
up_after_s = 1
down_after_s = 2
up_cooldown_s = 1
down_cooldown_s = 2
call_timeout_s = 20
join_timeout_s = 60
"""


def until(server, wanted, what):
    return cluster_until(server, wanted, what, DEADLINE)


def up(seen):
    return {n["name"] for n in seen["nodes"] if n["state"] == "up"}


def busy(seen):
    """Nodes that hold something."""
    return {n["name"] for n in seen["nodes"] if n["state"] == "up" and n["holds"]}


def events(seen):
    return [e["text"] for e in seen["events"] if e["text"].startswith("autoscaling: ")]


def ask(server, index, tokens=TOKENS):
    """One streamed answer, as everything of it that must not change."""
    body = {"model": server.model, "prompt": f"Story number {index} of the sea and the", "max_tokens": tokens,
            "temperature": 0 if index % 2 == 0 else 0.8, "seed": index, "stream": True, "logprobs": 2,
            "ignore_eos": True}
    with server.stream("/v1/completions", body) as stream:
        return [json.dumps(event["choices"]) for event in stream]


class Load:
    """Clients that ask without end; every answer is compared with the first of its kind."""

    def __init__(self, server, expected, clients):
        self.server, self.expected = server, expected
        self.wrong, self.answers = [], 0
        self._lock, self._over = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(i,)) for i in range(clients)]

    def _work(self, index):
        while not self._over.is_set():
            try:
                answer = ask(self.server, index)
                problem = None if answer == self.expected[index] else f"{index}: altered: {answer}"
            except OSError as e:
                problem = f"{index}: lost: {e!r}"
            with self._lock:
                self.answers += 1
                if problem:
                    self.wrong.append(problem)

    def __enter__(self):
        for t in self._threads:
            t.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for t in self._threads:
            t.join(DEADLINE)
        assert not any(t.is_alive() for t in self._threads), "streams did not end"


@pytest.fixture(scope="module")
def expected():
    """What one process answers."""
    with Server(MODEL) as alone:
        return [ask(alone, index) for index in range(8)]


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "troupe.toml"
    # Two requests at once, and the others wait.
    file.write_text("[http]\nrunning_requests = 2\n" + CONFIG, encoding="utf-8")
    return file


def test_load_brings_a_process_and_idleness_drains_one_and_no_stream_is_lost_or_altered(config, expected):
    with Server(MODEL, "--config", config, "--workers", 2, "--autoscale", "processes", "--most-nodes", 3) as server:
        until(server, lambda v: v["redundant"], "it begins with all copies")
        with Load(server, expected, 8) as load:
            grown = until(server, lambda v: len(up(v)) == 3, "it grows under load")
            assert grown["autoscale"]["wanted"] == 3
            until(server, lambda v: "worker-2" in busy(v), "the new node is of use")
        assert load.answers >= 8 and not load.wrong, load.wrong[:3]
        # One stream goes on while a node is drained.
        quiet = {}
        listener = threading.Thread(target=lambda: quiet.update(answer=ask(server, 1, 2000)))
        listener.start()
        shrunk = until(server, lambda v: len(up(v)) == 2 and v["autoscale"]["removed"] == 1, "it shrinks when idle")
        listener.join(DEADLINE)
        assert quiet["answer"][:TOKENS - 1] == expected[1][:TOKENS - 1]
        assert up(shrunk) == {"worker-0", "worker-1"}
        said = events(shrunk)
        assert any("asking for 1 node more: requests wait" in e for e in said), said
        assert any("there are 3 nodes now" in e for e in said), said
        assert any("draining worker-2" in e for e in said), said
        assert any("worker-2 has been taken away" in e for e in said), said
        assert shrunk["autoscale"]["failures"] == 0
        assert server.metric("troupe_cluster_autoscale_nodes_total") == 2
        code, out, err = troupe("status", "--url", server.url)
        assert code == 0 and "autoscaling" in out and "2 nodes wanted (2 to 3)" in out, out + err
        code, out, err = troupe("events", "--url", server.url)
        assert code == 0 and "autoscaling: draining worker-2" in out, out + err
        assert [ask(server, index) for index in range(8)] == expected


def test_a_worker_that_is_killed_is_started_again_and_not_replaced(config, expected):
    with Server(MODEL, "--config", config, "--workers", 2, "--autoscale", "processes", "--most-nodes", 3) as server:
        seen = until(server, lambda v: v["redundant"], "it begins with all copies")
        struck = seen["nodes"][0]
        os.kill(struck["pid"], signal.SIGKILL)
        until(server, lambda v: v["redundant"] and up(v) == {"worker-0", "worker-1"} and
              all(n["peer"] != struck["peer"] or n["state"] == "gone" for n in v["nodes"]), "it comes back")
        assert not events(view(server))
        assert ask(server, 0) == expected[0]


SCRIPT = """#!/bin/sh
# What an operator writes: nodes are processes here; elsewhere they are machines.
here=$(dirname "$0")
echo "$@" >> "$here/calls"
case "$1" in
grow)
  if [ -e "$here/broken" ]; then echo "no quota in this zone" >&2; exit 3; fi
  if [ -e "$here/hangs" ]; then echo "asking the cloud" >&2; sleep 600; fi
  for i in $(seq "$3"); do
    number=$(wc -l < "$here/calls")
    "$TROUPE_BIN" node --join "$5" --model "$7" --name "bought-$number-$i" > "$here/log-$number-$i" 2>&1 &
    echo $! > "$here/bought-$number-$i.pid"
  done ;;
shrink)
  # It has left the cluster; its process has ended by itself.
  echo "$2" > "$here/shrunk" ;;
esac
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    file = tmp_path / "scale"
    file.write_text(SCRIPT, encoding="utf-8")
    file.chmod(0o700)
    monkeypatch.setenv("TROUPE_BIN", os.path.abspath(BINARY))
    yield file
    for pid in tmp_path.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGTERM)


def test_an_operators_script_brings_nodes_and_hears_which_have_left(config, script, expected):
    with Server(MODEL, "--config", config, "--workers", 2, "--autoscale", "command",
                "--autoscale-command", script, "--most-nodes", 3) as server:
        until(server, lambda v: v["redundant"], "it begins with all copies")
        (script.parent / "broken").touch()
        with Load(server, expected, 8) as load:
            failed = until(server, lambda v: v["autoscale"]["failures"] >= 1, "the script fails")
            assert any("exit status 3: no quota in this zone" in e for e in events(failed)), events(failed)
            (script.parent / "broken").unlink()
            grown = until(server, lambda v: len(up(v)) == 3, "the script brings a node")
            bought = next(n for n in up(grown) if n.startswith("bought-"))
        assert load.answers >= 8 and not load.wrong, load.wrong[:3]
        call = (script.parent / "calls").read_text().splitlines()[-1].split()
        assert call[:5] == ["grow", "--count", "1", "--join", server.join_address()]
        assert call[5:] == ["--model", str(MODEL)]
        shrunk = until(server, lambda v: v["autoscale"]["removed"] == 1, "it shrinks when idle")
        assert any("autoscaling: draining" in e for e in events(shrunk))
        call = (script.parent / "calls").read_text().splitlines()[-1].split()
        assert call[:2] == ["shrink", bought] and call[2] == "--host"
        assert (script.parent / "shrunk").read_text() == bought + "\n"
        assert [ask(server, index) for index in range(8)] == expected


def test_a_script_that_hangs_is_ended_at_its_deadline_and_answers_go_on(config, script, expected):
    (script.parent / "hangs").touch()
    config.write_text(config.read_text().replace("call_timeout_s = 20", "call_timeout_s = 1"))
    with Server(MODEL, "--config", config, "--workers", 2, "--autoscale", "command",
                "--autoscale-command", script, "--most-nodes", 3) as server:
        with Load(server, expected, 8) as load:
            said = "did not end within 1 s and was killed: asking the cloud"
            seen = until(server, lambda v: v["autoscale"]["failures"] >= 1 and any(said in e for e in events(v)),
                         "the call is ended")
        assert not load.wrong, load.wrong[:3]
        assert seen["autoscale"]["added"] == 0


@pytest.mark.parametrize("options, complaint", [
    (["--autoscale", "processes", "--most-nodes", 2], "give --workers N"),
    (["--workers", 2, "--autoscale", "processes"], "--most-nodes"),
    (["--workers", 2, "--autoscale", "command", "--most-nodes", 3], "--autoscale-command"),
    (["--workers", 2, "--autoscale", "command", "--most-nodes", 3, "--autoscale-command", "/etc/passwd"],
     "not a file that can be run")])
def test_settings_that_cannot_work_are_refused_before_anything_starts(options, complaint):
    done = subprocess.run([BINARY, "serve", str(MODEL), *map(str, options), "--port", "0"], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode != 0 and complaint in done.stderr, done.stderr
