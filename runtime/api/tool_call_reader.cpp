#include "runtime/api/tool_call_reader.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace troupe {
namespace json = boost::json;
namespace {

/// Follows the parser: which key of the outermost object it is in, and whether inside a list or an
/// object that are the arguments.
class call_handler {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  /// The characters of the arguments are to be kept.
  [[nodiscard]] bool in_arguments() const { return in_arguments_; }

  std::string name;
  /// Arguments that were a string, for some models write JSON into one, or none at all.
  std::string written;
  bool has_arguments = false;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    enter();
    return true;
  }
  bool on_array_begin(json::error_code& failure) {
    if (depth_ == 0) return refuse(failure);
    enter();
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) { return leave(); }
  bool on_array_end(std::size_t, json::error_code&) { return leave(); }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    if (depth_ == 1) key_ = text_;
    text_.clear();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    if (depth_ == 1) text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& failure) {
    if (depth_ == 0) return refuse(failure);
    if (depth_ != 1) return true;
    text_.append(part.data(), part.size());
    if (key_ == "name") name = text_;
    if (names_arguments()) {
      written = text_;
      has_arguments = true;
    }
    text_.clear();
    return true;
  }
  bool on_null(json::error_code& failure) {
    if (depth_ == 1 && names_arguments()) {
      written = "{}";
      has_arguments = true;
    }
    return depth_ != 0 || refuse(failure);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code& failure) {
    return scalar(failure);
  }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code& failure) {
    return scalar(failure);
  }
  bool on_double(double, json::string_view, json::error_code& failure) { return scalar(failure); }
  bool on_bool(bool, json::error_code& failure) { return scalar(failure); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  static bool refuse(json::error_code& failure) {
    failure = json::error::syntax;
    return false;
  }
  /// Numbers and truth values are neither a call nor its arguments.
  bool scalar(json::error_code& failure) const {
    return (depth_ != 0 && !(depth_ == 1 && names_arguments())) || refuse(failure);
  }
  [[nodiscard]] bool names_arguments() const { return key_ == "arguments" || key_ == "parameters"; }
  void enter() {
    if (depth_ == 1 && names_arguments()) in_arguments_ = has_arguments = true;
    ++depth_;
  }
  bool leave() {
    if (--depth_ == 1) in_arguments_ = false;
    return true;
  }

  int depth_ = 0;
  bool in_arguments_ = false;
  std::string key_;   ///< of the outermost object
  std::string text_;  ///< of the key or string being read
};

}  // namespace

class tool_call_reader::impl {
 public:
  impl() : parser_(json::parse_options()) {}

  state push(char c) {
    call_handler& h = parser_.handler();
    const bool before = h.in_arguments();
    json::error_code failure;
    parser_.write_some(true, &c, 1, failure);
    if (failure) return state::failed;
    if (before || h.in_arguments()) arguments_ += c;
    arguments_ += std::exchange(h.written, {});
    if (!parser_.done()) return state::open;
    if (h.name.empty()) return state::failed;
    if (!h.has_arguments) arguments_ = "{}";
    return state::done;
  }

  std::string take_name() {
    const std::string& name = parser_.handler().name;
    if (name.empty() || std::exchange(named_, true)) return {};
    return name;
  }
  std::string take_arguments() {
    if (!named_) return {};
    return std::exchange(arguments_, {});
  }

 private:
  json::basic_parser<call_handler> parser_;
  std::string arguments_;
  bool named_ = false;
};

tool_call_reader::tool_call_reader() : impl_(std::make_unique<impl>()) {}
tool_call_reader::tool_call_reader(tool_call_reader&&) noexcept = default;
tool_call_reader& tool_call_reader::operator=(tool_call_reader&&) noexcept = default;
tool_call_reader::~tool_call_reader() = default;

tool_call_reader::state tool_call_reader::push(char c) { return impl_->push(c); }
std::string tool_call_reader::take_name() { return impl_->take_name(); }
std::string tool_call_reader::take_arguments() { return impl_->take_arguments(); }

}  // namespace troupe
