#!/usr/bin/env bash
# Runs a module of tests/bench/peer in Python with llama.cpp and what else it needs
# (requirements.txt), making the virtual environment build/bench/venv first where it is missing or
# out of date: about ten minutes on two cores, for llama.cpp is compiled for this machine.
#   tests/bench/peer/run.sh peer.compare --quick
#
# Environment:
#   TROUPE_BENCH_PYTHON   a Python that has it all, instead of build/bench/venv
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../../tools/lib/common.sh"

make_venv() {
  local requirements=$root/tests/bench/peer/requirements.txt venv=$root/build/bench/venv lock
  mkdir -p "$root/build/bench"
  exec {lock}>"$root/build/bench/venv.lock"
  flock -w 1800 "$lock" || die "another process has held build/bench/venv.lock for half an hour"
  if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    say "Making build/bench/venv; llama.cpp is compiled, which takes minutes ..."
    rm -rf "$venv"
    local python=python3
    "$python" -c 'import ensurepip' 2>/dev/null || python=/usr/bin/python3
    "$python" -m venv "$venv" ||
      die "cannot make a virtual environment. Install it: apt-get install python3-venv  (or run tools/install-deps.sh --tests)"
    # --verbose is what lets the compiler's progress through; only its lines are of interest.
    CMAKE_ARGS="-DGGML_NATIVE=ON" CMAKE_BUILD_PARALLEL_LEVEL=$(build_jobs) \
      "$venv/bin/pip" --disable-pip-version-check install --verbose \
      --no-binary llama_cpp_python -r "$requirements" 2>&1 |
      tee "$root/build/bench/venv.log" | grep --line-buffered -E '^ *(Collecting|Building|\[[0-9]+/[0-9]+\])' >&2 || true
    "$venv/bin/python" -c 'import gguf, llama_cpp, matplotlib' ||
      die "cannot install tests/bench/peer/requirements.txt; the log is build/bench/venv.log"
    cp "$requirements" "$venv/requirements.txt"
  fi
  exec {lock}>&-
}

python=${TROUPE_BENCH_PYTHON:-$root/build/bench/venv/bin/python}
[[ -n ${TROUPE_BENCH_PYTHON:-} ]] || make_venv
export PYTHONPATH=$root/tests/bench PYTHONDONTWRITEBYTECODE=1
exec "$python" -m "$@"
