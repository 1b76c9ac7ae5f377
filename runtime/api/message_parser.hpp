#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/message_markup.hpp"
#include "runtime/api/tool_call_reader.hpp"

namespace troupe {

/// More of one tool call.
struct call_part {
  std::uint32_t call = 0;  ///< 0, 1, ... within the answer
  std::string name;        ///< in a call's first part only
  std::string arguments;   ///< a piece of JSON text
};

/// More of an answer's message.
struct message_part {
  std::string content;
  std::string reasoning;
  std::vector<call_part> calls;
};

/// Parts the text of one answer into content, thoughts and tool calls as it comes. What it tells
/// depends on the text alone, not on how it was cut into pieces: only what may still become a mark
/// is held back. Blanks around thoughts and calls belong to the markup. A call that is none (broken
/// JSON, no name) is content, as written. Not shared between threads.
class message_parser {
 public:
  struct settings {
    message_markup markup;
    bool in_thought = false;  ///< the prompt has opened a thought
    bool one_call = false;    ///< the answer ends with its first call
  };

  explicit message_parser(settings s);

  [[nodiscard]] message_part push(std::string_view text);
  /// The answer has ended: what is still held back.
  [[nodiscard]] message_part finish();
  /// What comes next is thought.
  [[nodiscard]] bool thinking() const { return mode_ == mode::thought; }
  /// Calls whose JSON is over.
  [[nodiscard]] std::uint32_t calls() const { return calls_; }
  /// One call was allowed, and is complete: nothing after it counts.
  [[nodiscard]] bool over() const { return settings_.one_call && calls_ != 0; }

 private:
  enum class mode : std::uint8_t {
    start,    ///< nothing but blanks yet: a thought may begin
    thought,  ///< up to </think>
    content,
    call,    ///< inside the JSON of a call
    behind,  ///< after that JSON, or where it broke off, before </tool_call>
  };

  void advance(message_part& out);
  bool step(message_part& out);
  bool leave_start();
  bool read_thought(message_part& out);
  bool read_content(message_part& out);
  bool read_call(message_part& out);
  bool skip_behind();
  void tell_call(message_part& out);
  void enter_content();
  [[nodiscard]] std::size_t certain(std::string_view mark) const;

  settings settings_;
  mode mode_;
  std::string held_;     ///< text not yet told
  bool blanks_ = false;  ///< leading blanks are to be dropped
  bool told_name_ = false;
  std::string call_text_;  ///< what was read of a call that may still turn out to be none
  std::optional<tool_call_reader> reader_;
  std::uint32_t calls_ = 0;
};

}  // namespace troupe
