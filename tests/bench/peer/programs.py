"""Where the programs are, and how they are started."""

import json
import os
import pathlib
import subprocess
import sys

from peer.worker import Worker

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BUILD = ROOT / "build"
PYTHON = sys.executable
RUN_SECONDS = 1800
_troupe = BUILD / "release" / "bin" / "troupe"


class ProgramError(Exception):
    """A program is missing or failed; the text says which and what to do."""


def use_troupe(path):
    """Has every later call run this binary; None: the release build's, brought up to date."""
    global _troupe
    if path:
        _troupe = pathlib.Path(path)
    else:
        build = 'set -euo pipefail; source "$1/tools/lib/common.sh"; build release troupe >&2'
        if subprocess.run(["bash", "-c", build, "build", ROOT], check=False).returncode:
            raise ProgramError("cannot build troupe; run tools/install-deps.sh, or give --troupe PATH")
    if not os.access(_troupe, os.X_OK):
        raise ProgramError(f"{_troupe} is missing; leave --troupe out to have it built")


def cores():
    return len(os.sched_getaffinity(0))


def run(command):
    """Runs a program to its end and returns its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          timeout=RUN_SECONDS)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it did not say why").splitlines()[-1]
        raise ProgramError(f"{pathlib.Path(command[0]).name} failed: {said}")
    return done.stdout


def inspect(model):
    return json.loads(run([_troupe, "inspect", model, "--json"]))


def start_troupe(model, threads, streams=1, kv_bytes=0):
    """`kv_bytes`: room for keys and values; 0: what fits the machine."""
    return Worker("troupe", [_troupe, "bench", "--lines", "--model", model, "--threads", threads,
                             "--max-sequences", streams, "--kv-memory-mib", -(-kv_bytes // 2**20)])


def start_llama_cpp(model, threads):
    return Worker("llama.cpp", [PYTHON, HERE / "llama_worker.py", model, threads])
