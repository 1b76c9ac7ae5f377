#!/usr/bin/env bash
# with_ucx_cuda.sh PROGRAM ARGUMENT...: runs it with the UCX that knows GPU memory, where
# tools/ucx-cuda.sh has put it; skips (77) and says so where it is not.
set -euo pipefail
folder=${XDG_CACHE_HOME:-$HOME/.cache}/troupe/libucx-cu13
if [[ ! -f $folder/libucp.so.0 ]]; then
  echo "skipped: no UCX in $folder; run tools/ucx-cuda.sh"
  exit 77
fi
export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# A wheel's libraries that the loader passes over would prove nothing.
ldd "$1" | grep -q "libucp.so.0 => $folder/" || { echo "$1 does not load $folder/libucp.so.0"; exit 1; }
exec "$@"
