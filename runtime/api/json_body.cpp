#include "runtime/api/json_body.hpp"

#include <boost/json/parser.hpp>

namespace troupe {
namespace json = boost::json;
namespace {

template <class... Args>
tl::unexpected<api_error> malformed(fmt::format_string<Args...> format, Args&&... args) {
  api_error e;
  e.message = fmt::format(format, std::forward<Args>(args)...);
  e.code = "invalid_json";
  return tl::unexpected<api_error>(std::move(e));
}

}  // namespace

api_result<json::object> parse_json_body(std::string_view body, const api_limits& limits) {
  if (body.size() > limits.body_bytes)
    return tl::unexpected<api_error>(body_too_large(limits.body_bytes));
  json::parse_options options;
  options.max_depth = limits.depth;
  json::parser parser({}, options);
  boost::system::error_code code;
  const std::size_t used = parser.write_some(body.data(), body.size(), code);
  if (code == json::error::incomplete)
    return malformed("The request body is not whole JSON: it ends at byte {}.", body.size());
  if (code == json::error::too_deep)
    return malformed("The request body nests deeper than {} levels, at byte {}.", limits.depth,
                     used);
  if (code)
    return malformed("The request body is not valid JSON: {} at byte {}.", code.message(), used);
  if (used != body.size())
    return malformed("The request body is not valid JSON: text follows the object, at byte {}.",
                     used);
  json::value value = parser.release();
  if (!value.is_object())
    return malformed("The request body must be a JSON object, got {}.", kind_name(value));
  return std::move(value.get_object());
}

std::string_view kind_name(const json::value& v) {
  switch (v.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "an integer";
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
  }
  return "?";
}

}  // namespace troupe
