# shellcheck shell=bash
# What the scripts share. Source it after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/troupe

# say TEXT: one line of progress, on standard error so that output stays a program's own.
say() { printf '%s\n' "$*" >&2; }

# die TEXT: one line of what went wrong, and out.
die() {
  say "${0##*/}: $*"
  exit 1
}

# build_jobs: parallel compilations that fit both the cores and the memory (about 1.5 GiB each).
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1572864)}' /proc/meminfo)
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}

# configure PRESET: runs CMake once; Ninja runs it again whenever its inputs change.
configure() {
  local log=$root/build/$1.configure.log
  [[ -f $root/build/$1/build.ninja ]] && return
  say "Configuring build/$1 ..."
  mkdir -p "$root/build"
  if ! (cd "$root" && cmake --preset "$1") >"$log" 2>&1; then
    # The reason stands after "CMake Error"; the log has the rest.
    grep -A 3 'CMake Error' "$log" >&2 || tail -n 20 "$log" >&2
    die "cannot configure the build; the log is $log"
  fi
}

# build PRESET [TARGET...]: builds with one line of progress a step.
build() {
  local preset=$1
  shift
  configure "$preset"
  NINJA_STATUS="[$preset %f/%t] " ninja -C "$root/build/$preset" -j "$(build_jobs)" "$@"
}
