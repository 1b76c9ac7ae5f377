#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/keys/key_record.hpp"
#include "runtime/keys/live_key.hpp"

namespace troupe {

/// Finds the key in force that a client presents. What was read from the file lets clients in for
/// a bounded time only, so that a key revoked while the file cannot be read does not stay good.
/// Plain: the caller brings the time. Any thread.
class key_index {
 public:
  using time = live_key::time;

  explicit key_index(std::chrono::milliseconds most_stale) : most_stale_(most_stale) {}

  /// The file holds these. Keys that were known keep what they have used of their limits.
  void update(std::span<const key_record> records, time now);
  /// The file holds what it held at the last update.
  void confirm(time now);

  /// `unix_now` in seconds since 1970. Fails with not_found (no key in force, or expired) or with
  /// unavailable (the file could not be read for too long).
  [[nodiscard]] result<std::shared_ptr<live_key>> find(std::string_view presented, time now,
                                                       std::int64_t unix_now) const;

  /// The key in force with this id; fails as the other.
  [[nodiscard]] result<std::shared_ptr<live_key>> find(std::int64_t id, time now,
                                                       std::int64_t unix_now) const;

  /// Whether somebody holds a key: a request that will still settle.
  [[nodiscard]] bool in_use() const;

  /// Those in force, and those taken out of it that have still something to save.
  [[nodiscard]] std::vector<std::shared_ptr<live_key>> all();

 private:
  using keys = std::unordered_map<std::string, std::shared_ptr<live_key>>;
  [[nodiscard]] result<std::shared_ptr<live_key>> in_force(keys::const_iterator found, time now,
                                                           std::int64_t unix_now) const;

  const std::chrono::milliseconds most_stale_;
  mutable std::mutex mutex_;
  keys by_hash_;
  std::vector<std::shared_ptr<live_key>> leaving_;
  time confirmed_{};
  bool read_ = false;
};

}  // namespace troupe
