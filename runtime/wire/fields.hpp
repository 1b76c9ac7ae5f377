#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/api/generation.hpp"
#include "runtime/base/error.hpp"
#include "runtime/wire/byte_reader.hpp"
#include "runtime/wire/byte_writer.hpp"

/// Parts that several kinds of frames have in common.
namespace troupe::wire {

inline constexpr std::size_t bias_bytes = sizeof(token_id) + sizeof(float);
/// Parameters without biases.
inline constexpr std::size_t params_bytes =
    6 * sizeof(float) + 3 * sizeof(std::uint32_t) + sizeof(std::uint64_t) + 1;
void put_params(byte_writer& to, const sampling_params& params);
[[nodiscard]] sampling_params get_params(byte_reader& from);

inline constexpr std::size_t alternative_bytes = sizeof(token_id) + sizeof(float);
/// A log-probability without alternatives.
inline constexpr std::size_t logprob_bytes = sizeof(float) + sizeof(std::uint32_t);
[[nodiscard]] std::size_t bytes_of(const token_logprob& from);
void put_logprob(byte_writer& to, const token_logprob& from);
[[nodiscard]] token_logprob get_logprob(byte_reader& from, std::uint32_t vocab);

/// A token of a vocabulary of that many.
[[nodiscard]] token_id get_token(byte_reader& from, std::uint32_t vocab);
[[nodiscard]] float get_finite(byte_reader& from, std::string_view what);
/// Seconds: finite and not negative.
[[nodiscard]] double get_seconds(byte_reader& from, std::string_view what);

/// Messages are cut at 1000 bytes, and what is not printable ASCII becomes '?': they end in logs.
inline constexpr std::size_t error_bytes = 1 + sizeof(std::uint32_t);
void put_error(byte_writer& to, const error& why);
[[nodiscard]] error get_error(byte_reader& from);

}  // namespace troupe::wire
