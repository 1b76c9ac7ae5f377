#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "runtime/billing/usage_record.hpp"
#include "runtime/billing/usage_table.hpp"

namespace troupe {

/// A file in which every answer's usage stands once. A thread of its own writes: all records that
/// wait become one transaction, on the disk before anybody is told.
class usage_ledger final : public usage_recorder {
 public:
  /// More records than this do not wait.
  static constexpr std::size_t most_waiting = 65'536;

  /// Opens the file, or makes it; fails as usage_table::open.
  /// `report`, from the ledger's thread, gets a line for each record that could not be kept.
  [[nodiscard]] static result<std::unique_ptr<usage_ledger>> open(
      const std::filesystem::path& path, std::function<void(const std::string&)> report = {});
  usage_ledger(usage_table table, std::function<void(const std::string&)> report);
  /// Writes what still waits. What `then` calls must not own the ledger.
  ~usage_ledger() override;

  [[nodiscard]] result<void> record(usage_record what, kept then) override;
  [[nodiscard]] std::uint64_t failures() const override { return failures_; }

 private:
  struct entry {
    usage_record what;
    kept then;
  };

  void run(const std::stop_token& stop);
  void write(std::deque<entry> entries);

  usage_table table_;  ///< the thread's alone
  const std::function<void(const std::string&)> report_;
  std::atomic<std::uint64_t> failures_{0};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<entry> waiting_;
  bool closed_ = false;
  std::jthread thread_;  ///< last: it ends before what it uses
};

}  // namespace troupe
