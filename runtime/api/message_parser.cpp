#include "runtime/api/message_parser.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

constexpr std::string_view call_begin = "<tool_call>";
constexpr std::string_view call_end = "</tool_call>";
constexpr std::string_view blank = " \t\r\n";

/// The longest end of `text` that `mark` may begin with.
std::size_t begun(std::string_view text, std::string_view mark) {
  for (std::size_t n = std::min(text.size(), mark.size() - 1); n != 0; --n)
    if (text.substr(text.size() - n) == mark.substr(0, n)) return n;
  return 0;
}

std::size_t without_trailing_blanks(std::string_view text) {
  return text.find_last_not_of(blank) + 1;
}

}  // namespace

message_parser::message_parser(settings s) : settings_(s), mode_(mode::content) {
  if (settings_.markup.thoughts == thought_markup::none) return;
  mode_ = settings_.in_thought ? mode::thought : mode::start;
  blanks_ = settings_.in_thought;
}

message_part message_parser::push(std::string_view text) {
  message_part out;
  held_ += text;
  advance(out);
  return out;
}

message_part message_parser::finish() {
  message_part out;
  if (over()) return out;
  if (mode_ == mode::thought) {
    out.reasoning = held_.substr(0, without_trailing_blanks(held_));
  } else if (mode_ == mode::call && !told_name_) {
    out.content = std::string(call_begin) + call_text_ + held_;
  } else if (mode_ == mode::start || mode_ == mode::content) {
    out.content = held_;
  }
  held_.clear();
  return out;
}

void message_parser::advance(message_part& out) {
  while (!over() && step(out)) {
  }
}

/// Does what the text held allows; false when more has to come first.
bool message_parser::step(message_part& out) {
  if (blanks_) {
    held_.erase(0, std::min(held_.find_first_not_of(blank), held_.size()));
    if (held_.empty()) return false;
    blanks_ = false;
  }
  switch (mode_) {
    case mode::start:
      return leave_start();
    case mode::thought:
      return read_thought(out);
    case mode::content:
      return read_content(out);
    case mode::call:
      return read_call(out);
    case mode::behind:
      return skip_behind();
  }
  return false;
}

/// How much of the text is certain to hold no part of `mark` and no blanks that may stand before
/// it.
std::size_t message_parser::certain(std::string_view mark) const {
  const std::string_view text = held_;
  return without_trailing_blanks(text.substr(0, text.size() - begun(text, mark)));
}

bool message_parser::leave_start() {
  const std::size_t first = held_.find_first_not_of(blank);
  if (first == std::string::npos) return false;
  const std::string_view text = std::string_view(held_).substr(first);
  const std::size_t length = std::min(text.size(), think_begin.size());
  if (text.substr(0, length) != think_begin.substr(0, length)) {
    mode_ = mode::content;
    return true;
  }
  if (length < think_begin.size()) return false;
  held_.erase(0, first + length);
  mode_ = mode::thought;
  blanks_ = true;
  return true;
}

bool message_parser::read_thought(message_part& out) {
  const std::size_t end = held_.find(think_end);
  if (end == std::string::npos) {
    const std::size_t n = certain(think_end);
    out.reasoning += held_.substr(0, n);
    held_.erase(0, n);
    return false;
  }
  out.reasoning += held_.substr(0, without_trailing_blanks(std::string_view(held_).substr(0, end)));
  held_.erase(0, end + think_end.size());
  enter_content();
  return true;
}

bool message_parser::read_content(message_part& out) {
  if (settings_.markup.calls == call_markup::none) {
    out.content += std::exchange(held_, {});
    return false;
  }
  const std::size_t begin = held_.find(call_begin);
  if (begin == std::string::npos) {
    const std::size_t n = certain(call_begin);
    out.content += held_.substr(0, n);
    held_.erase(0, n);
    return false;
  }
  out.content += held_.substr(0, without_trailing_blanks(std::string_view(held_).substr(0, begin)));
  held_.erase(0, begin + call_begin.size());
  mode_ = mode::call;
  reader_.emplace();
  call_text_.clear();
  told_name_ = false;
  return true;
}

bool message_parser::read_call(message_part& out) {
  for (std::size_t i = 0; i < held_.size(); ++i) {
    if (!told_name_) call_text_ += held_[i];
    const tool_call_reader::state now = reader_->push(held_[i]);
    if (!told_name_ && now != tool_call_reader::state::failed) tell_call(out);
    if (now == tool_call_reader::state::open) continue;
    held_.erase(0, i + 1);
    if (!told_name_) {
      out.content += call_begin;
      out.content += call_text_;
      mode_ = mode::content;
      return true;
    }
    tell_call(out);
    ++calls_;
    mode_ = mode::behind;
    return true;
  }
  held_.clear();
  tell_call(out);
  return false;
}

void message_parser::tell_call(message_part& out) {
  call_part part;
  part.call = calls_;
  part.name = reader_->take_name();
  part.arguments = reader_->take_arguments();
  told_name_ = told_name_ || !part.name.empty();
  if (!part.name.empty() || !part.arguments.empty()) out.calls.push_back(std::move(part));
}

bool message_parser::skip_behind() {
  const std::size_t end = held_.find(call_end);
  if (end == std::string::npos) {
    held_.erase(0, held_.size() - begun(held_, call_end));
    return false;
  }
  held_.erase(0, end + call_end.size());
  enter_content();
  return true;
}

void message_parser::enter_content() {
  mode_ = mode::content;
  blanks_ = true;
}

}  // namespace troupe
