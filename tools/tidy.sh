#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over the sources that differ from TROUPE_TIDY_BASE, a commit; over
# all of them where it is not set.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

configure tidy
cd "$root"
if [[ -n ${TROUPE_TIDY_BASE:-} ]]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$TROUPE_TIDY_BASE" -- '*.cpp')
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
printf '%s\0' "${known[@]}" |
  xargs -0 -n 1 -P "$(build_jobs)" clang-tidy --quiet -p build/tidy 2> >(grep -v 'warnings generated' >&2)
