#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "runtime/billing/usage_store.hpp"

namespace troupe {

/// Keeps every answer's usage in a store, once. A thread of its own writes: all records that wait
/// become one transaction, on the disk before anybody is told.
class usage_ledger final : public usage_recorder {
 public:
  /// More records than this do not wait.
  static constexpr std::size_t most_waiting = 65'536;
  /// More are not put at once.
  static constexpr std::size_t most_at_once = 4'096;
  /// For so long a record waits for a store that is away.
  static constexpr std::chrono::milliseconds usual_patience{10'000};

  using time = std::chrono::steady_clock::time_point;
  /// Gets a line, from the ledger's thread.
  using reporter = std::function<void(const std::string&)>;

  /// Fails as open_usage_store. `report` hears of records that could not be kept, and when the
  /// store goes away and comes back.
  [[nodiscard]] static result<std::unique_ptr<usage_ledger>> open(const std::string& place,
                                                                  reporter report = {});
  usage_ledger(std::unique_ptr<usage_store> store, reporter report,
               std::chrono::milliseconds patience = usual_patience);
  /// Writes what still waits. What `then` calls must not own the ledger.
  ~usage_ledger() override;

  [[nodiscard]] result<void> record(usage_record what, kept then) override;
  [[nodiscard]] std::uint64_t failures() const override { return failures_; }

 private:
  struct entry {
    usage_record what;
    kept then;
    time until;
  };

  void run(const std::stop_token& stop);
  /// Adds what waits to what is held already, once there is something or the pause is over; leaves
  /// nothing there when it is to end.
  void take(std::deque<entry>& held, std::chrono::milliseconds pause, const std::stop_token& stop);
  /// Returns what is to be tried again, in its order.
  [[nodiscard]] std::deque<entry> write(std::deque<entry> entries);
  [[nodiscard]] std::vector<result<void>> put(const std::deque<entry>& entries, std::size_t from,
                                              std::size_t count);
  void tell(entry& about, const result<void>& how);
  /// Says in the log that the store is away, or back, once each; null: it is there.
  void notice(const error* away);

  const std::unique_ptr<usage_store> store_;  ///< the thread's alone
  const reporter report_;
  const std::chrono::milliseconds patience_;
  bool away_ = false;  ///< the thread's alone
  std::atomic<std::uint64_t> failures_{0};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<entry> waiting_;
  std::size_t held_ = 0;  ///< what the thread has taken and not yet told of
  bool closed_ = false;
  std::jthread thread_;  ///< last: it ends before what it uses
};

}  // namespace troupe
