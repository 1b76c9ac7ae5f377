#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "runtime/wire/answer_frames.hpp"
#include "runtime/wire/byte_reader.hpp"
#include "runtime/wire/byte_writer.hpp"

/// Parts that frames about answers have in common.
namespace troupe::wire {

void put_events(byte_writer& to, const std::vector<token_event>& events);
[[nodiscard]] std::vector<token_event> get_events(byte_reader& from, const answer_bounds& bounds);

void put_logprobs(byte_writer& to, const std::vector<token_logprob>& logprobs);
[[nodiscard]] std::vector<token_logprob> get_logprobs(byte_reader& from,
                                                      const answer_bounds& bounds);

void put_optional_count(byte_writer& to, const std::optional<std::uint32_t>& count);
[[nodiscard]] std::optional<std::uint32_t> get_optional_count(byte_reader& from,
                                                              std::string_view what);

}  // namespace troupe::wire
