#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/tracing/span.hpp"

namespace troupe {

struct exporter_settings {
  std::size_t most_waiting = 4096;          ///< spans; more are dropped
  std::size_t most_sent = 512;              ///< spans in one message
  std::chrono::milliseconds gather{1'000};  ///< for so long spans wait for others to go with
  /// After a failure, doubled from one to the next.
  std::chrono::milliseconds first_pause{1'000};
  std::chrono::milliseconds longest_pause{30'000};
  std::vector<span_attribute> resource;  ///< who made the spans
  /// Sends one message, within a bounded time, on the exporter's thread. unavailable: it may be
  /// sent again later; other errors: it never will be taken.
  std::function<result<void>(std::string json)> send;
  /// Hears, on the exporter's thread, that sending fails and that it works again.
  std::function<void(std::string_view)> warn;
};

/// Sends spans to a collector from a thread of its own. Where the collector is away or slow, spans
/// wait, so many of them, and the newest are dropped: requests never notice.
class span_exporter final : public span_sink {
 public:
  explicit span_exporter(exporter_settings settings);
  /// Tries once more to send what waits.
  ~span_exporter() override;

  void offer(std::vector<span> spans) override;
  /// Spans that found no room, or were refused by the collector.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] std::vector<span> take();
  [[nodiscard]] result<void> send(const std::vector<span>& batch);

  const exporter_settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<span> waiting_;
  std::uint64_t dropped_ = 0;
  std::jthread thread_;
};

}  // namespace troupe
