#!/usr/bin/env bash
# Installs what the tests need, builds and runs every test, and ends with one line:
# "N passed, N failed". Exit code 0 only where nothing failed.
#
# Environment:
#   TROUPE_SUITES   which to run, default "release fuzz asan tsan", and "cuda" where nvcc is: it
#                   compiles and links the GPU's side, and runs what of it needs a GPU where one is.
#                   There is also "tidy", clang-tidy over what differs from TROUPE_TIDY_BASE (a
#                   commit, default HEAD), and "arm64", the kernels for 64-bit Arm under an emulator,
#                   which takes half an hour
#   TROUPE_FILTER   only tests whose name matches this regular expression (ctest -R)
#   TROUPE_JOBS     tests run at once, default: one a core
#   TROUPE_INSTALL  0: install no packages, fetch nothing
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

nvcc=$(PATH=$PATH:/usr/local/cuda/bin command -v nvcc || true)
suites=${TROUPE_SUITES:-release fuzz asan tsan${nvcc:+ cuda}}
jobs=${TROUPE_JOBS:-$(nproc)}
results=$root/build/results
rm -rf "$results"
mkdir -p "$results"

if [[ ${TROUPE_INSTALL:-1} != 0 ]]; then
  "$root/tools/install-deps.sh" --tests
  "$root/tools/fetch-model.sh" >/dev/null
  "$root/tools/fetch-test-data.sh" >/dev/null
  [[ " $suites " != *" arm64 "* ]] || "$root/tools/install-deps.sh" --arm64
  [[ " $suites " != *" tsan "* ]] || "$root/tools/xgrammar.sh" thread >/dev/null
  if [[ " $suites " == *" release "* ]]; then
    "$root/tools/venv.sh" -c ''
    "$root/tools/ucx-cuda.sh" >/dev/null || say "The transport is not tested on a UCX that knows GPU memory."
  fi
fi

# A suite that cannot even be built is one failure, and the others still run.
failed_step() { echo "$2" >"$results/$1.failed"; }

# run_suite PRESET TARGET CTEST-ARGUMENT...
run_suite() {
  local preset=$1 target=$2
  shift 2
  [[ -n ${TROUPE_FILTER:-} ]] && set -- "$@" -R "$TROUPE_FILTER"
  if ! (build "$preset" "$target"); then
    failed_step "$preset" build
    return
  fi
  say "Running the $preset tests ..."
  ctest --test-dir "$root/build/$preset" -j "$jobs" --output-on-failure --no-tests=ignore \
    --test-output-size-passed 1000000 --test-output-size-failed 1000000 \
    --output-junit "$results/$preset.xml" "$@" || true
}

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1:suppressions=$root/tests/support/tsan.supp}

for suite in $suites; do
  case $suite in
    release) run_suite release all ;;
    # Structure and scripts are matters of the sources, the same in every build.
    asan) run_suite asan all -LE '^(structure|bench|faults|release_only)$' ;;
    tsan) run_suite tsan troupe_tsan_tests -L '^tsan$' ;;
    cuda) run_suite cuda troupe_cuda_tests -R '^cuda_' ;;
    arm64) run_suite arm64 all ;;
    fuzz) run_suite fuzz troupe_fuzzers -L '^fuzz$' ;;
    tidy) "$root/tools/tidy.sh" "${TROUPE_TIDY_BASE:-HEAD}" || failed_step tidy clang-tidy ;;
    *) die "unknown suite $suite in TROUPE_SUITES; there are: release fuzz asan tsan cuda arm64 tidy" ;;
  esac
done

python3 "$root/tools/summarise_tests.py" "$results"
