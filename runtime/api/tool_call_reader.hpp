#pragma once

#include <memory>
#include <string>

namespace troupe {

/// Reads the JSON object of one tool call as it is written: {"name": ..., "arguments": {...}}, the
/// keys in any order, "parameters" for "arguments" too. Arguments pass as the model wrote them,
/// byte by byte, once the name is known. Not shared between threads.
class tool_call_reader {
 public:
  enum class state {
    open,    ///< goes on
    done,    ///< the object is complete
    failed,  ///< no JSON, or no call: nothing more is to be pushed
  };

  tool_call_reader();
  tool_call_reader(tool_call_reader&&) noexcept;
  tool_call_reader& operator=(tool_call_reader&&) noexcept;
  ~tool_call_reader();

  state push(char c);
  /// The name, once: when it has become known. Empty before and after.
  [[nodiscard]] std::string take_name();
  /// Text of the arguments that has come since the last call; nothing before the name is known.
  [[nodiscard]] std::string take_arguments();

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace troupe
