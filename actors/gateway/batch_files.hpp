#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/api/request_options.hpp"
#include "runtime/objects/batch_lines.hpp"
#include "runtime/objects/batch_table.hpp"
#include "runtime/objects/object_file.hpp"

namespace troupe::gateway {

/// Most requests of one batch.
inline constexpr std::uint64_t most_batch_lines = 50'000;

/// What the check of a batch's input has found.
struct batch_check {
  std::uint64_t lines = 0;
  boost::json::array errors;  ///< as OpenAI shows them; empty: the lines are entered
};

/// Reads a batch's input, a piece at a time, and enters where each of its requests stands; what was
/// entered before goes. Waits for the disk.
[[nodiscard]] result<batch_check> enter_batch(object_file& file, const batch_row& batch,
                                              const api_limits& limits);

/// Files made of a batch's outcomes, not yet published.
struct batch_output {
  std::optional<file_row> answers;  ///< none: there are none
  std::optional<file_row> errors;
};
/// Writes them anew, whatever was there. Waits for the disk.
[[nodiscard]] result<batch_output> write_batch_output(object_file& file, const batch_row& batch,
                                                      std::int64_t expires);

}  // namespace troupe::gateway
