#pragma once

#include "tests/bench/kernels/bench_stream.hpp"

namespace troupe::kernels::bench {

/// Prints the speed of attention for shapes of SmolLM2-135M and Qwen3-30B-A3B: prefill of 512 rows,
/// decode of one row, of several of one sequence, and of many sequences.
void bench_attention(bench_stream& s);

}  // namespace troupe::kernels::bench
