#include "runtime/tracing/otlp_json.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <type_traits>

#include "runtime/base/printable.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

constexpr int status_error = 2;

/// 64-bit numbers travel as text in JSON.
std::string nanoseconds(std::chrono::system_clock::time_point at) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
}

json::object text_value(const std::string& text) { return {{"stringValue", printable(text)}}; }

json::object encode(const span_value& value) {
  return std::visit(
      [](const auto& v) -> json::object {
        using type = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<type, bool>) {
          return {{"boolValue", v}};
        } else if constexpr (std::is_same_v<type, std::int64_t>) {
          return {{"intValue", std::to_string(v)}};
        } else if constexpr (std::is_same_v<type, double>) {
          return {{"doubleValue", v}};
        } else if constexpr (std::is_same_v<type, std::string>) {
          return text_value(v);
        } else {
          json::array values;
          for (const std::string& each : v) values.emplace_back(text_value(each));
          return {{"arrayValue", json::object{{"values", std::move(values)}}}};
        }
      },
      value);
}

json::array encode(std::span<const span_attribute> attributes) {
  json::array all;
  for (const auto& [key, value] : attributes)
    all.emplace_back(json::object{{"key", key}, {"value", encode(value)}});
  return all;
}

json::object encode(const span& s) {
  json::object made{{"traceId", to_hex(s.trace)},
                    {"spanId", to_hex(s.id)},
                    {"name", printable(s.name)},
                    {"kind", static_cast<int>(s.kind)},
                    {"startTimeUnixNano", nanoseconds(s.begin)},
                    {"endTimeUnixNano", nanoseconds(s.end)},
                    {"attributes", encode(s.attributes)}};
  if (s.parent) made["parentSpanId"] = to_hex(*s.parent);
  if (s.failed)
    made["status"] = json::object{{"code", status_error}, {"message", printable(s.failure)}};
  return made;
}

}  // namespace

std::string to_otlp_json(std::span<const span> spans, std::span<const span_attribute> resource) {
  json::array all;
  for (const span& s : spans) all.emplace_back(encode(s));
  const json::object scope{{"scope", json::object{{"name", "troupe"}}}, {"spans", std::move(all)}};
  const json::object made{{"resource", json::object{{"attributes", encode(resource)}}},
                          {"scopeSpans", json::array{scope}}};
  return json::serialize(json::object{{"resourceSpans", json::array{made}}});
}

}  // namespace troupe
