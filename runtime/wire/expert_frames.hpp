#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/engine/step.hpp"

namespace troupe {

/// The first version of the data protocol in which rows may come as FP8. Others are as they were.
inline constexpr std::uint32_t f8_rows_since = 4;

/// Rows of one layer of one step on their way to an expert shard (frame_kind expert_rows). The
/// payload holds them in each form that `f32` and `q8` name: float32 [rows, hidden], then integer
/// rows of q8_row_bytes(hidden) each; or else in the one that `f8` names: rows of
/// f8_row_bytes(hidden) each.
struct expert_rows_header {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t layer = 0;
  std::uint32_t shard = 0;
  std::uint32_t attempt = 0;  ///< 0 first; a re-send counts on
  std::uint32_t top_k = 1;
  bool f32 = false;
  bool q8 = false;
  bool f8 = false;                  ///< then neither of the others
  std::vector<std::uint32_t> rows;  ///< which rows of the step these are, ascending
  std::vector<std::int32_t> ids;    ///< [rows, top_k]; -1: not for this shard

  friend bool operator==(const expert_rows_header&, const expert_rows_header&) = default;
};

/// An expert shard's answer (frame_kind expert_outputs). The payload holds float32 [slots, hidden]
/// in the order of `slots`; it is empty where the shard refused.
struct expert_outputs_header {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t layer = 0;
  std::uint32_t shard = 0;
  std::uint32_t attempt = 0;         ///< as asked
  bool accepted = true;              ///< false: refused, because busy or not able to
  std::vector<std::uint32_t> slots;  ///< row * top_k + rank in the step's numbers, ascending

  friend bool operator==(const expert_outputs_header&, const expert_outputs_header&) = default;
};

/// What a receiver allows: the most rows of a step, the most experts of a layer.
struct expert_bounds {
  std::uint32_t rows = 65'536;
  std::uint32_t experts = 65'536;
};

/// Bytes of the payload of expert_rows, with rows `hidden` wide.
[[nodiscard]] std::size_t expert_rows_bytes(const expert_rows_header& header, std::uint32_t hidden);

/// Decoding checks that rows and slots ascend without a repeat and within bounds, that there are
/// rows * top_k ids, each -1 or an expert, and that rows come in some form. Not checked,
/// as the header does not tell: the payload's size, and that slots were asked for.
[[nodiscard]] std::vector<std::byte> encode_expert_rows(const expert_rows_header& header);
[[nodiscard]] result<expert_rows_header> decode_expert_rows(std::span<const std::byte> header,
                                                            const expert_bounds& bounds = {});
[[nodiscard]] std::vector<std::byte> encode_expert_outputs(const expert_outputs_header& header);
[[nodiscard]] result<expert_outputs_header> decode_expert_outputs(std::span<const std::byte> header,
                                                                  const expert_bounds& bounds = {});

}  // namespace troupe
