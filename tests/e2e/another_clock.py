"""A troupe on a machine with a clock of its own, as far as its processes can tell.

The time of day is libfaketime's (Debian's faketime); the time since boot, by which programs wait, that of a time
namespace, which needs root.
"""

import glob
import os
import sys

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)

PROGRAM = """#!{python}
import ctypes, os, sys
NEW_TIME = 0x80  # CLONE_NEWTIME
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(NEW_TIME):
    sys.exit("unshare: " + os.strerror(ctypes.get_errno()))
with open("/proc/self/timens_offsets", "w") as offsets:
    offsets.write("monotonic {uptime} 0\\nboottime {uptime} 0\\n")
# Only a process that comes later would be in it otherwise, and this one is to keep its id.
if libc.setns(os.open("/proc/self/ns/time_for_children", os.O_RDONLY | os.O_CLOEXEC), NEW_TIME):
    sys.exit("setns: " + os.strerror(ctypes.get_errno()))
os.environ.update(LD_PRELOAD="{library}", FAKETIME="{day}", FAKETIME_DONT_FAKE_MONOTONIC="1")
os.execv("{binary}", ["{binary}", *sys.argv[1:]])
"""


def missing():
    """Why there can be no such machine here; empty: there can."""
    if os.geteuid():
        return "time namespaces need root"
    if not os.path.exists("/proc/self/timens_offsets"):
        return "this kernel has no time namespaces"
    return "" if LIBRARY else "faketime is not installed"


def with_clock(binary, path, day, uptime):
    """Makes a program at `path` that is `binary`, with its day off by `day` ("+26h") and up for `uptime` seconds more."""
    path.write_text(PROGRAM.format(python=sys.executable, library=LIBRARY, day=day, uptime=uptime,
                                   binary=os.path.abspath(binary)))
    path.chmod(0o755)
    return str(path)
