#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/billing/price_table.hpp"

namespace troupe {

/// What one answer used and cost.
struct usage_record {
  std::string id;            ///< the answer's own: one that is told again is the same answer
  std::int64_t created = 0;  ///< seconds since 1970, as the answer says
  std::string key;           ///< whom it is counted for; empty: nobody in particular
  std::string model;
  billed_tokens tokens;
  std::optional<std::uint64_t> reasoning;  ///< of the output; only of models that mark thoughts
  bool cut = false;                        ///< its client left before its end
  std::optional<request_cost> cost;        ///< none: there are no prices
  friend bool operator==(const usage_record&, const usage_record&) = default;
};

/// Keeps what was used. Any thread.
class usage_recorder {
 public:
  using kept = std::function<void(const result<void>&)>;

  usage_recorder() = default;
  usage_recorder(const usage_recorder&) = delete;
  usage_recorder& operator=(const usage_recorder&) = delete;
  virtual ~usage_recorder() = default;

  /// Takes a record without waiting, and calls `then` once, from another thread: when the record
  /// will survive whatever happens to this process, or with why it cannot be kept. Where this fails
  /// (exhausted: too many are waiting) `then` is never called.
  [[nodiscard]] virtual result<void> record(usage_record what, kept then) = 0;
  /// Records that could not be kept so far.
  [[nodiscard]] virtual std::uint64_t failures() const { return 0; }
};

}  // namespace troupe
