#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// Where one request of a batch stands in its input.
struct batch_line {
  std::uint64_t line = 0;  ///< from 0
  std::string name;        ///< custom_id
  std::uint64_t start = 0;
  std::uint64_t bytes = 0;
};

enum class line_state : std::uint8_t { waits = 0, answered = 1, failed = 2 };

/// How one request of a batch ended.
struct line_outcome {
  std::uint64_t line = 0;
  line_state state = line_state::waits;
  std::string text;  ///< the line of the output or of the errors
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
};

/// Fails with already_exists where the batch has a line of that name.
[[nodiscard]] result<void> add_line(sqlite::database& in, const std::string& batch,
                                    const batch_line& line);
/// The next ones that wait, from line `from` on, at most `most`.
[[nodiscard]] result<std::vector<batch_line>> waiting_lines(sqlite::database& in,
                                                            const std::string& batch,
                                                            std::uint64_t from, std::uint64_t most);
/// A line that waits has ended, and the batch counts it, both or neither. A line that has ended
/// before changes nothing, and false is returned.
[[nodiscard]] result<bool> end_line(sqlite::database& in, const std::string& batch,
                                    const line_outcome& outcome);
/// The outcomes of lines in that state, from line `from` on, at most `most`.
[[nodiscard]] result<std::vector<line_outcome>> outcomes(sqlite::database& in,
                                                         const std::string& batch, line_state state,
                                                         std::uint64_t from, std::uint64_t most);
[[nodiscard]] result<void> drop_lines(sqlite::database& in, const std::string& batch);

}  // namespace troupe
