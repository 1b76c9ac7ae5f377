"""What the machine is, and what else it was doing."""

import contextlib
import os
import pathlib
import time

TICKS = os.sysconf("SC_CLK_TCK")


def describe():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = [line.split(":", 1)[1].strip() for line in text.splitlines()
             if line.startswith("model name")]
    return {"processor": names[0] if names else os.uname().machine,
            "cores": len(os.sched_getaffinity(0)), "l3_bytes": _l3_bytes()}


def _l3_bytes():
    with contextlib.suppress(OSError, ValueError):
        size = pathlib.Path("/sys/devices/system/cpu/cpu0/cache/index3/size").read_text().strip()
        return int(size.rstrip("KM")) << {"K": 10, "M": 20}.get(size[-1], 0)
    return None


class Disturbance:
    """How much of the processors other programs took between two moments."""

    def __init__(self):
        self.started = time.monotonic()
        self.busy = _busy_seconds()
        self.own = _own_seconds()

    def share(self):
        """0 .. 1 of all cores. Counts the ended children of this process as its own."""
        all_cores = (time.monotonic() - self.started) * os.cpu_count()
        others = (_busy_seconds() - self.busy) - (_own_seconds() - self.own)
        return max(0.0, others / all_cores) if all_cores else 0.0


def _busy_seconds():
    line = pathlib.Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()
    user, nice, system, _, _, irq, softirq, steal = map(int, line[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def _own_seconds():
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
