#include <boost/json/parse.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/api/structure_limits.hpp"

namespace {

void check(const std::optional<std::string>& refusal) {
  if (refusal && refusal->empty()) std::abort();
}

}  // namespace

/// Whatever an answer is to be held to is looked at within the time that a test has, and refused
/// with a reason, or let through to the compiler.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(refusal_of_regex(text));
  check(refusal_of_grammar(text));
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code failed;
  const boost::json::value schema = boost::json::parse(text, failed, {}, options);
  if (!failed) check(refusal_of_schema(schema));
  return 0;
}
