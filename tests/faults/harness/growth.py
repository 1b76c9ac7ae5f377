"""What processes hold over time: memory, descriptors and threads, which must not grow with what happens to others."""

import collections
import dataclasses
import os
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_LEAST_SAMPLES = 6  # of a process, before anything is said of it
_LEAST_HOLDING = 30  # of one that holds a part of the model: it uses its pages for the first time for so long
_MEMORY_SHARE, _MEMORY_BYTES = 0.05, 8 << 20  # more than both together is growth
_FILES, _THREADS = 4, 2
_MOST_SAMPLES = 20_000


@dataclasses.dataclass(frozen=True)
class Held:
    """By a process at one moment; memory is resident, in bytes."""

    memory: int
    files: int
    threads: int


def held_by(pid: int) -> Held | None:
    """None where the process has ended, whether somebody has waited for it or not."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return None if pages == 0 else Held(pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd")),
                    len(os.listdir(f"/proc/{pid}/task")))
    except OSError:
        return None


def role_of(pid: int) -> str:
    """The command that it was started with, and the name it was given."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return "?"
    named = [word.partition("=")[2] or following for word, following in zip(words, [*words[1:], ""])
             if word.partition("=")[0] in ("--name", "--label")]
    # A script's command stands behind its file.
    commands = [word for word in words[1:3] if word.isalpha()][:1]
    # One that has ended has no words left.
    return " ".join([*(commands or [os.path.basename(words[0]) or "?"]), *named[:1]])


class Growth:
    """Samples of processes, for as long as each lives and has the same to do."""

    def __init__(self) -> None:
        self._samples: dict[int, list[Held]] = collections.defaultdict(list)
        self._roles: dict[int, str] = {}
        self._duties: dict[int, Any] = {}

    def note(self, pids: Iterable[int], duties: Mapping[int, Any] | None = None) -> None:
        """Those that have ended are forgotten: only what outlives all can be asked whether it grows.

        `duties` says of some what they hold for the cluster. One that is given more takes more memory by right: it is
        looked at anew.
        """
        alive = {pid: held for pid in pids if (held := held_by(pid))}
        for pid in set(self._samples) - set(alive):
            del self._samples[pid], self._roles[pid]
            self._duties.pop(pid, None)
        for pid, held in alive.items():
            self._roles[pid] = role_of(pid)  # a child is its parent at first
            duty = (duties or {}).get(pid)
            if duty != self._duties.get(pid):
                self._duties[pid] = duty
                self._samples[pid].clear()
            if len(self._samples[pid]) < _MOST_SAMPLES:
                self._samples[pid].append(held)

    def report(self) -> list[dict[str, Any]]:
        """Of each process that was seen often enough: the medians of the middle and of the last third."""
        rows = []
        for pid, samples in sorted(self._samples.items()):
            if len(samples) < (_LEAST_HOLDING if self._duties.get(pid) else _LEAST_SAMPLES):
                continue
            third = len(samples) // 3
            middle, last = ({field.name: statistics.median(getattr(s, field.name) for s in part)
                             for field in dataclasses.fields(Held)} for part in (samples[third:-third], samples[-third:]))
            rows.append({"process": self._roles[pid], "pid": pid, "samples": len(samples), "middle": middle,
                         "last": last, "flat": _flat(middle, last)})
        return rows

    def lines(self) -> list[str]:
        """For a person."""
        return [f"{row['process']} ({row['pid']}): memory {row['middle']['memory'] / 2**20:.0f} -> "
                f"{row['last']['memory'] / 2**20:.0f} MiB, files {row['middle']['files']:.0f} -> "
                f"{row['last']['files']:.0f}, threads {row['middle']['threads']:.0f} -> "
                f"{row['last']['threads']:.0f}: {'flat' if row['flat'] else 'GROWS'}" for row in self.report()]


def _flat(middle: dict[str, float], last: dict[str, float]) -> bool:
    return (last["memory"] <= middle["memory"] * (1 + _MEMORY_SHARE) + _MEMORY_BYTES and
            last["files"] <= middle["files"] + _FILES and last["threads"] <= middle["threads"] + _THREADS)
