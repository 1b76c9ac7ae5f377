#include <boost/json/basic_parser_impl.hpp>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "runtime/formats/json_reader.hpp"

namespace troupe {
namespace {

namespace json = boost::json;
using json_error = boost::system::error_code;

/// Receives a parser's events and stops it at the first key that its object already has. The names
/// of the functions are Boost.JSON's.
struct key_watcher {
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  bool on_document_begin(json_error&) { return true; }
  bool on_document_end(json_error&) { return true; }
  bool on_object_begin(json_error&) {
    seen.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, json_error&) {
    seen.pop_back();
    return true;
  }
  bool on_array_begin(json_error&) { return true; }
  bool on_array_end(std::size_t, json_error&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, json_error&) {
    key.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json_error& failure) {
    key.append(part.data(), part.size());
    if (!seen.back().insert(key).second) {
      twice = std::exchange(key, {});
      failure = json::error::syntax;
      return false;
    }
    key.clear();
    return true;
  }
  bool on_string_part(json::string_view, std::size_t, json_error&) { return true; }
  bool on_string(json::string_view, std::size_t, json_error&) { return true; }
  bool on_number_part(json::string_view, json_error&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json_error&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, json_error&) { return true; }
  bool on_double(double, json::string_view, json_error&) { return true; }
  bool on_bool(bool, json_error&) { return true; }
  bool on_null(json_error&) { return true; }
  bool on_comment_part(json::string_view, json_error&) { return true; }
  bool on_comment(json::string_view, json_error&) { return true; }

  std::vector<std::set<std::string>> seen;
  std::string key;
  std::optional<std::string> twice;
};

}  // namespace

std::optional<std::string> duplicate_key(std::string_view text) {
  json::basic_parser<key_watcher> parser{json::parse_options{}};
  json_error failure;
  parser.write_some(false, text.data(), text.size(), failure);
  return parser.handler().twice;
}

}  // namespace troupe
