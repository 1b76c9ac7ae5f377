#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/tracing/trace_context.hpp"

namespace troupe {

using span_value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

/// A named value of a span or of who made it.
using span_attribute = std::pair<std::string, span_value>;

/// As OTLP numbers them.
enum class span_kind : std::uint8_t { internal = 1, server = 2 };

/// Something that was done and took its time.
struct span {
  trace_id trace{};
  span_id id{};
  std::optional<span_id> parent;  ///< none: it begins the trace
  std::string name;
  span_kind kind = span_kind::internal;
  std::chrono::system_clock::time_point begin;
  std::chrono::system_clock::time_point end;
  std::vector<span_attribute> attributes;
  bool failed = false;
  std::string failure;  ///< why, where it failed
};

/// Takes spans for whoever keeps them. Any thread; never blocks, and drops what it has no room for.
class span_sink {
 public:
  span_sink() = default;
  span_sink(const span_sink&) = delete;
  span_sink& operator=(const span_sink&) = delete;
  virtual ~span_sink() = default;
  virtual void offer(std::vector<span> spans) = 0;
};

}  // namespace troupe
