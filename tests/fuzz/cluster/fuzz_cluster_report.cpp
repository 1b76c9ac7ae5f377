#include <boost/json/serialize.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "actors/gateway/cluster_json.hpp"

using troupe::gateway::parse_cluster_report;
using troupe::gateway::to_json;

/// Any bytes are refused, or are a report that reads again to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = parse_cluster_report({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  const std::string text = boost::json::serialize(to_json(*read));
  const auto again = parse_cluster_report(text);
  if (!again || boost::json::serialize(to_json(*again)) != text) std::abort();
  return 0;
}
