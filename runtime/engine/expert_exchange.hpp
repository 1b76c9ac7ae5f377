#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/api/f8_rows.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/engine/activation_needs.hpp"
#include "runtime/engine/expert_bank.hpp"
#include "runtime/model/model_files.hpp"
#include "runtime/transport/transport.hpp"
#include "runtime/wire/expert_frames.hpp"

namespace troupe {

/// What travels between an attention block and an expert shard of another process: rows out,
/// outputs back, each a header and bulk bytes. expert_dispatch is the asking side, expert_service
/// the answering one.
struct expert_request {
  expert_rows_header header;
  std::vector<payload_part> payload;
};
struct expert_reply {
  expert_outputs_header header;
  std::vector<payload_part> payload;
};

/// An id in expert_rows_header::ids that asks nothing of this shard.
inline constexpr std::int32_t no_expert = -1;

/// The forms in which these experts read their rows.
[[nodiscard]] activation_needs expert_reads(const model_files& files, const expert_range& range,
                                            activation_mode mode);

/// The forms in which rows travel to these experts: those that they read, or FP8 alone where a
/// sparse layer's rows are rounded to it.
[[nodiscard]] activation_needs expert_takes(const model_files& files, const expert_range& range,
                                            activation_mode mode, expert_row_form rows);

/// Bytes of one row in all of these forms.
[[nodiscard]] constexpr std::size_t expert_row_bytes(const activation_needs& forms,
                                                     std::uint32_t hidden) {
  return (forms.f32 ? hidden * sizeof(float) : 0) + (forms.q8 ? kernels::q8_row_bytes(hidden) : 0) +
         (forms.f8 ? kernels::f8_row_bytes(hidden) : 0);
}

/// The answer of a shard that cannot serve a request now, or at all: without outputs.
[[nodiscard]] expert_reply refusal_of(const expert_rows_header& asked);

}  // namespace troupe
