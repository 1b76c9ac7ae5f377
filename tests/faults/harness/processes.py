"""Signals to processes that a server started, and to no other."""

import contextlib
import ctypes
import os
import pathlib
import select
import signal

_PR_SET_CHILD_SUBREAPER = 36


class NotOurs(Exception):
    """The process does not belong to what the harness started."""


def parent_of(pid: int) -> int | None:
    """None where there is no such process."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is a name in parentheses and may hold anything.
    return int(stat.rpartition(")")[2].split()[1])


def adopt_orphans() -> None:
    """From now on a process below this one whose parent ends becomes this one's child: whatever was started
    can be found again."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def reap(pid: int) -> None:
    """Takes note that an adopted process has ended, as its parent must; nothing where it has not."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def descends_from(pid: int, roots: set[int]) -> bool:
    """Whether `pid` is one of `roots` or below one."""
    at: int | None = pid
    while at and at not in roots:
        above = parent_of(at)
        # Where a parent has ended meanwhile, its children have another: look again from the start.
        at = pid if above is None and at != pid else above
    return bool(at)


def descendants(root: int) -> set[int]:
    """Every process below `root`."""
    pids = [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]
    return {pid for pid in pids if pid != root and descends_from(pid, {root})}


class Process:
    """A running process, held by a descriptor: its number cannot come to mean another one."""

    def __init__(self, pid: int, roots: set[int]):
        """Raises NotOurs where it is not below one of `roots`, or is gone."""
        self.pid = pid
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            raise NotOurs(f"process {pid} is gone") from None
        # Asked while the descriptor is held: it is the same process.
        if not descends_from(pid, roots):
            self.close()
            raise NotOurs(f"process {pid} is none of those that the harness started")

    def send(self, what: signal.Signals) -> None:
        """A process that has ended takes no notice."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, what)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within `seconds`."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        os.close(self._descriptor)
