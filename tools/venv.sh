#!/usr/bin/env bash
# Runs Python with the packages that the end-to-end tests use (tests/e2e/requirements.txt), making
# the virtual environment build/venv first where it is missing or out of date. With --for NAME they
# are those of tests/e2e/requirements-NAME.txt, in build/venv-NAME: for clients that bring so much
# that only their own test should wait for it.
#   tools/venv.sh -m pytest tests/e2e
#   tools/venv.sh --for lm-eval -m lm_eval --help
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

suffix=
if [[ ${1:-} == --for ]]; then
  suffix=-${2:?--for needs a name}
  shift 2
fi
requirements=$root/tests/e2e/requirements$suffix.txt
venv=$root/build/venv$suffix
[[ -f $requirements ]] || die "there is no ${requirements#"$root/"}"
mkdir -p "$root/build"
exec {lock}>"$venv.lock"
flock -w 600 "$lock" || die "another process has held ${venv#"$root/"}.lock for ten minutes"
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
  say "Making ${venv#"$root/"} for the end-to-end tests ..."
  rm -rf "$venv"
  python=python3
  "$python" -c 'import ensurepip' 2>/dev/null || python=/usr/bin/python3
  "$python" -m venv "$venv" ||
    die "cannot make a virtual environment. Install it: apt-get install python3-venv  (or run tools/install-deps.sh --tests)"
  "$venv/bin/pip" --disable-pip-version-check install -q -r "$requirements" >&2 ||
    die "cannot install ${requirements#"$root/"}; pip's reason is above"
  cp "$requirements" "$venv/requirements.txt"
fi
exec {lock}>&-
exec "$venv/bin/python" "$@"
