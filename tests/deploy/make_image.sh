#!/usr/bin/env bash
# Makes a small Debian root that the deployment's test makes its machines from:
#   tests/deploy/make_image.sh DIRECTORY
# It holds what a machine in a datacenter has from its own image or gets from its mirror: the test's machines have no
# way out. Made once; a changed list of packages makes it anew.
set -euo pipefail
target=$1
packages=(systemd systemd-sysv dbus openssh-server python3 python3-apt openssl procps iproute2 adduser
  etcd-server etcd-client prometheus prometheus-node-exporter libucx0 ucx-utils
  libboost-json1.81.0 libboost-url1.81.0 libspdlog1.10 libfmt9 libutf8proc2 libprometheus-cpp-core1.0 libssl3
  libsqlite3-0 libpq5 libedit2 libhwy1 libnuma1 libtomlplusplus3 libcaf-core0.17 libcaf-io0.17 libcaf-openssl0.17)
if [[ -f $target/.packages && $(cat "$target/.packages") == "${packages[*]}" ]]; then exit 0; fi

rm -rf "$target" "$target.part"
debootstrap --variant=minbase bookworm "$target.part" http://deb.debian.org/debian >&2
# Nothing is started while it is made.
printf '#!/bin/sh\nexit 101\n' >"$target.part/usr/sbin/policy-rc.d"
chmod 755 "$target.part/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$target.part/etc/resolv.conf"
chroot "$target.part" env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
  apt-get -q -y install --no-install-recommends "${packages[@]}" >&2
rm "$target.part/usr/sbin/policy-rc.d"
# A machine starts with what it is told to serve, and nothing else.
chroot "$target.part" systemctl --quiet disable etcd prometheus prometheus-node-exporter e2scrub_reap apt-daily.timer \
  apt-daily-upgrade.timer >&2
rm -f "$target.part"/etc/systemd/system/*.wants/systemd-timesyncd.service
rm -rf "$target.part"/var/lib/apt/lists/* "$target.part"/var/cache/apt/archives/*.deb "$target.part"/etc/ssh/ssh_host_*
: >"$target.part/etc/machine-id"
echo "${packages[*]}" >"$target.part/.packages"
mv "$target.part" "$target"
