"""What processes hold is told apart from what grows."""

import os
import subprocess
import sys
import threading

from harness.growth import Growth, Held, held_by, role_of

MIB = 1 << 20


def growth_of(samples, monkeypatch):
    series = iter(samples)
    monkeypatch.setattr("harness.growth.held_by", lambda pid: next(series))
    growth = Growth()
    for _ in samples:
        growth.note([os.getpid()])
    return growth.report()


def test_a_process_says_what_it_holds():
    before = held_by(os.getpid())
    assert before.memory > MIB and before.files >= 3 and before.threads >= 1
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    with open(os.devnull, encoding="ascii"):
        now = held_by(os.getpid())
    over.set()
    thread.join()
    assert (now.files, now.threads) == (before.files + 1, before.threads + 1)
    assert held_by(2**22 - 1) is None


def test_what_levels_off_is_flat_and_what_goes_on_growing_is_not(monkeypatch):
    warm = [Held(MIB * min(100 + 50 * i, 300), 20 + min(i, 5), 8) for i in range(30)]
    [row] = growth_of(warm, monkeypatch)
    assert row["flat"] and row["samples"] == 30
    for leak in ({"memory": 5 * MIB}, {"files": 1}, {"threads": 1}):
        grows = [Held(300 * MIB + i * leak.get("memory", 0), 20 + i * leak.get("files", 0),
                      8 + i * leak.get("threads", 0)) for i in range(30)]
        [row] = growth_of(grows, monkeypatch)
        assert not row["flat"], leak


def test_who_is_given_more_to_hold_is_looked_at_anew(monkeypatch):
    monkeypatch.setattr("harness.growth.held_by", lambda pid: Held(held * MIB, 20, 8))
    growth = Growth()
    for held, holds in [(100, "a")] * 40 + [(300, "a, b")] * 40:
        growth.note([os.getpid()], {os.getpid(): holds})
        if len(growth.report()) == 1:
            assert growth.report()[0]["flat"]
    [row] = growth.report()
    assert row["samples"] == 40


def test_only_what_outlives_all_is_judged():
    child = subprocess.Popen([sys.executable, "-c", "print(); input()", "--name", "n1"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, bufsize=1, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert child.stdout and child.stdout.readline() == "\n"  # it is what it was started as
    growth = Growth()
    for _ in range(12):
        growth.note([os.getpid(), child.pid])
    assert role_of(child.pid).endswith(" n1")
    assert [row["pid"] for row in growth.report()] == sorted([os.getpid(), child.pid])
    child.communicate("\n", timeout=20)
    growth.note([os.getpid()])
    assert [row["pid"] for row in growth.report()] == [os.getpid()]
    assert "flat" in growth.lines()[0] and "threads" in growth.lines()[0]


def test_a_process_that_nobody_has_waited_for_has_no_words_left_and_holds_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert role_of(child.pid) == "?" and held_by(child.pid) is None
