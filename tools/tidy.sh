#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over the sources that differ from a commit; over all without one.
#   tools/tidy.sh             everything (about ten seconds a file on one core)
#   tools/tidy.sh HEAD~1      what has changed since
# TROUPE_TIDY_SECONDS bounds the time, and so does TROUPE_TIDY_BY (seconds since 1970); files that are
# not reached are named and do not fail.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

configure tidy
# Sources may have come since it was configured.
ninja -C "$root/build/tidy" build.ninja >/dev/null
cd "$root"
if (($#)); then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$1" -- '*.cpp')
else
  mapfile -t files < <(git ls-files '*.cpp')
fi
# What this build does not compile (fuzz targets, GPU code) has no compile command.
known=()
for file in "${files[@]}"; do
  if grep -qF "\"file\": \"$root/$file\"" build/tidy/compile_commands.json; then known+=("$file"); fi
done
((${#known[@]})) || exit 0
say "Running clang-tidy over ${#known[@]} files ..."
export deadline=$((${TROUPE_TIDY_SECONDS:-86400} + EPOCHSECONDS))
if [[ -n ${TROUPE_TIDY_BY:-} ]] && ((TROUPE_TIDY_BY < deadline)); then deadline=$TROUPE_TIDY_BY; fi
# shellcheck disable=SC2016  # expanded by the shell that xargs starts
printf '%s\0' "${known[@]}" | xargs -0 -n 1 -P "$(build_jobs)" bash -c '
  if ((EPOCHSECONDS > deadline)); then echo "not reached in time: $0"; exit 0; fi
  clang-tidy --quiet -p build/tidy "$0" 2> >(grep -Ev "warnings? (and [0-9]+ errors? )?generated" >&2)'
