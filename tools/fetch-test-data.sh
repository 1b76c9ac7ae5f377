#!/usr/bin/env bash
# Gets Qwen's vocabulary, which the tokenizer's tests need, into the cache folder and prints where.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=tools/lib/wheel.sh
source "$root/tools/lib/wheel.sh"

target=$cache/vocab/qwen.tiktoken
wheel_file dashscope 2.0.2 0602d1800f7433bdb7953560986eaf5146454ed3988636c0a91963ba24e74258 \
  dashscope/resources/qwen.tiktoken "$target" 2561218 \
  b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186
echo "$target"
