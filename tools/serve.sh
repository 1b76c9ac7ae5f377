#!/usr/bin/env bash
# Installs what troupe needs, builds it, gets a small model and serves it on
# http://127.0.0.1:8080/v1. Arguments go to `troupe serve`:
#   tools/serve.sh                             SmolLM2-135M-Instruct
#   tools/serve.sh ~/models/Qwen3-0.6B         a model of your own: a GGUF file or a Hugging Face folder
#   tools/serve.sh --port 9000 --threads 4     options; see `build/release/bin/troupe serve --help`
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

"$root/tools/install-deps.sh"
build release troupe

# SmolLM2 is served, and fetched, only where nothing names another model: neither an argument that is
# no option or an option's value, nor a configuration file, nor TROUPE_MODEL.
needs_default() {
  [[ -z ${TROUPE_MODEL:-} ]] || return 1
  while (($#)); do
    case $1 in
      -h | --help | --config | --config=*) return 1 ;;
      --*=* | --no-*) shift ;;
      -*) shift $(($# > 1 ? 2 : 1)) ;;
      *) return 1 ;;
    esac
  done
}
if needs_default "$@"; then "$root/tools/fetch-model.sh" >/dev/null; fi
exec "$root/build/release/bin/troupe" serve "$@"
