#!/usr/bin/env bash
# Runs Python with the packages that the end-to-end tests use (tests/e2e/requirements.txt), making
# the virtual environment build/venv first where it is missing or out of date.
#   tools/venv.sh -m pytest tests/e2e
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

requirements=$root/tests/e2e/requirements.txt
venv=$root/build/venv
mkdir -p "$root/build"
exec {lock}>"$root/build/venv.lock"
flock -w 600 "$lock" || die "another process has held build/venv.lock for ten minutes"
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
  say "Making build/venv for the end-to-end tests ..."
  rm -rf "$venv"
  python=python3
  "$python" -c 'import ensurepip' 2>/dev/null || python=/usr/bin/python3
  "$python" -m venv "$venv" ||
    die "cannot make a virtual environment. Install it: apt-get install python3-venv  (or run tools/install-deps.sh --tests)"
  "$venv/bin/pip" --disable-pip-version-check install -q -r "$requirements" >&2 ||
    die "cannot install tests/e2e/requirements.txt; pip's reason is above"
  cp "$requirements" "$venv/requirements.txt"
fi
exec {lock}>&-
exec "$venv/bin/python" "$@"
