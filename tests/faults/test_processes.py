"""Signals reach what was started, and nothing else."""

import os
import signal
import subprocess
import sys

import pytest

from harness.processes import NotOurs, Process, descendants, descends_from, parent_of

NESTED = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); sys.stdin.read()"


@pytest.fixture
def tree():
    """A process with a child: (its Popen, the child's pid)."""
    root = subprocess.Popen([sys.executable, "-c", NESTED], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)
    child = int(root.stdout.readline())
    yield root, child
    held = Process(child, {child}) if parent_of(child) else None
    if held:
        held.send(signal.SIGKILL)
        held.close()
    root.communicate(timeout=10)


def test_children_are_found_below_their_root(tree):
    root, child = tree
    assert descendants(root.pid) == {child} and parent_of(child) == root.pid
    assert {root.pid, child} <= descendants(os.getpid())
    assert descends_from(child, {root.pid}) and not descends_from(os.getpid(), {root.pid})


def test_a_child_is_killed_and_its_end_is_seen(tree):
    root, child = tree
    process = Process(child, {root.pid})
    assert not process.wait(0)
    process.send(signal.SIGKILL)
    assert process.wait(10)
    process.send(signal.SIGKILL)  # of one that has ended: nothing
    process.close()


def test_a_stranger_is_refused(tree):
    root, _ = tree
    with pytest.raises(NotOurs, match="none of those"):
        Process(os.getpid(), {root.pid})
    with pytest.raises(NotOurs, match="gone"):
        Process(2**22 - 1, {root.pid})
    assert parent_of(2**22 - 1) is None
