#!/usr/bin/env bash
# Gets a UCX that knows GPU memory, which Debian's does not (NVIDIA's wheel libucx-cu13), into the
# cache folder and prints the folder to name in LD_LIBRARY_PATH.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=tools/lib/wheel.sh
source "$root/tools/lib/wheel.sh"

[[ $(uname -m) == x86_64 ]] || die "the wheel that is known here is for x86_64"
target=$cache/libucx-cu13
wheel_folder libucx-cu13 1.22.0 c6e0aaa82dc6e49dc3ddaac465b530e014f48b6c1c6b5ae74fbdd199d824351b \
  libucx/lib "$target"
echo "$target"
