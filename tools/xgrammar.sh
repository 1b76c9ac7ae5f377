#!/usr/bin/env bash
# Builds xgrammar, which holds answers to grammars, as a static library in the cache folder, once,
# from the sources of its PyPI package, and prints where it is. CMake finds it there.
#   tools/xgrammar.sh           for every build but the next
#   tools/xgrammar.sh thread    for ThreadSanitizer, which has to see its locks
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=tools/lib/wheel.sh
source "$root/tools/lib/wheel.sh"

version=0.2.8
sha=8305646fd2b319d6c3003f51a1665e54cbbe9cba1fb636bc41d0b46434ccbb80
variant=${1:-plain}
# Its own flags ask for link-time optimisation, whose objects only the same compiler can link.
flags='-fno-lto -w'
case $variant in
  plain) ;;
  thread) flags+=' -fsanitize=thread -g1' ;;
  *) die "unknown argument $variant. Usage: tools/xgrammar.sh [thread]" ;;
esac

target=$cache/xgrammar-$version/$variant
if [[ -f $target/complete && $(<"$target/complete") == "$sha" ]]; then
  echo "$target"
  exit 0
fi
mkdir -p "$cache/xgrammar-$version"
exec {lock}>"$target.lock"
flock -w 900 "$lock" || die "another process has held $target.lock for a quarter of an hour"
if [[ -f $target/complete && $(<"$target/complete") == "$sha" ]]; then
  echo "$target"
  exit 0
fi

work=$(mktemp -d "$cache/xgrammar-$version/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "Fetching xgrammar $version (PyPI package xgrammar) ..."
"$(python_with_pip)" -m pip --disable-pip-version-check download --no-deps --no-binary xgrammar \
  --no-cache-dir --dest "$work" "xgrammar==$version" >"$work/pip.log" 2>&1 || {
  tail -n 20 "$work/pip.log" >&2
  die "cannot download xgrammar $version; pip's reason is above"
}
sdist=$work/xgrammar-$version.tar.gz
got=$(sha256sum <"$sdist")
[[ $got == "$sha  -" ]] || die "xgrammar $version: SHA-256 is ${got%% *}, expected $sha; nothing was kept"
tar -xzf "$sdist" -C "$work"

say "Building xgrammar $version ($variant); this takes a minute or two, once ..."
mkdir "$work/build"
echo 'set(XGRAMMAR_BUILD_PYTHON_BINDINGS OFF)' >"$work/build/config.cmake"
launcher=$(command -v ccache || true)
if ! {
  cmake -S "$work/xgrammar-$version" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    ${launcher:+"-DCMAKE_CXX_COMPILER_LAUNCHER=$launcher"} \
    -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_INSTALL_PREFIX="$work/out" &&
    ninja -C "$work/build" -j "$(build_jobs)" install
} >"$work/build.log" 2>&1; then
  tail -n 30 "$work/build.log" >&2
  die "cannot build xgrammar $version; the end of its log is above"
fi
rm -rf "$target"
mv "$work/out" "$target"
echo "$sha" >"$target/complete"
echo "$target"
