#!/usr/bin/env bash
# Installs the Debian packages that troupe is built from, only those that are missing, and builds
# xgrammar, which Debian does not have (tools/xgrammar.sh).
#   tools/install-deps.sh           what the build needs
#   tools/install-deps.sh --tests   and what the tests need
#   tools/install-deps.sh --arm64   and what compiles and runs the kernels for 64-bit Arm
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

packages=(
  # tools
  build-essential cmake ninja-build ccache mold unzip ca-certificates python3 python3-pip
  # libraries
  libcaf-dev libucx-dev libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libhwy-dev
  libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev libutf8proc-dev prometheus-cpp-dev
  libexpected-dev libssl-dev libsqlite3-dev libpq-dev libedit-dev doctest-dev)
tests=(clang clang-tidy clang-format libclang-rt-dev shellcheck curl iproute2 python3-venv
  python3-jinja2 etcd-server openssl libboost-context1.81-dev prometheus postgresql systemd debootstrap openssh-client zsh fish faketime)

arm64=(g++-aarch64-linux-gnu qemu-user-static doctest-dev libhwy-dev:arm64)

architectures=()
case ${1:-} in
  '') ;;
  --tests) packages+=("${tests[@]}") ;;
  --arm64) packages+=("${arm64[@]}") architectures+=(arm64) ;;
  *) die "unknown argument $1. Usage: tools/install-deps.sh [--tests|--arm64]" ;;
esac

command -v apt-get >/dev/null ||
  die "apt-get is missing: this script is for Debian 12. Install what these packages hold: ${packages[*]}"

native=$(dpkg --print-architecture)
missing=()
for package in "${packages[@]}"; do
  architecture=$native
  [[ $package != *:* ]] || architecture=${package#*:}
  # A package may be there for several architectures, or be of all.
  dpkg-query -W -f='${db:Status-Status} ${Architecture}\n' "$package" 2>/dev/null |
    grep -Eqx "installed (all|$architecture)" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  exec "$root/tools/xgrammar.sh" >/dev/null
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || die "not root, and sudo is missing. As root, run: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

# The tests start databases of their own: none is made for the system.
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
  "${as_root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' |
    "${as_root[@]}" tee /etc/postgresql-common/createcluster.d/troupe.conf >/dev/null
fi

say "Installing Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for each in "${architectures[@]}"; do "${as_root[@]}" dpkg --add-architecture "$each"; done
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >>"$log" 2>&1; }
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; }; then
  grep '^E:' "$log" >&2 || tail -n 20 "$log" >&2
  die "apt-get could not install the packages; its reason is above"
fi
exec "$root/tools/xgrammar.sh" >/dev/null
