#include "runtime/tracing/span_exporter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/tracing/otlp_json.hpp"

namespace troupe {
namespace {
/// At the end no further message is begun after so long.
constexpr std::chrono::seconds last_words{2};
}  // namespace

span_exporter::span_exporter(exporter_settings settings)
    : settings_(std::move(settings)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

span_exporter::~span_exporter() {
  thread_.request_stop();
  thread_.join();
}

void span_exporter::offer(std::vector<span> spans) {
  {
    const std::lock_guard lock(mutex_);
    for (span& s : spans) {
      if (waiting_.size() < settings_.most_waiting)
        waiting_.push_back(std::move(s));
      else
        ++dropped_;
    }
  }
  changed_.notify_one();
}

std::uint64_t span_exporter::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::vector<span> span_exporter::take() {
  const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), settings_.most_sent));
  const auto begin = std::make_move_iterator(waiting_.begin());
  std::vector<span> batch(begin, begin + count);
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return batch;
}

result<void> span_exporter::send(const std::vector<span>& batch) {
  return settings_.send(to_otlp_json(batch, settings_.resource));
}

void span_exporter::run(const std::stop_token& stop) {
  std::vector<span> batch;  // survives a failure, and then goes first
  std::chrono::milliseconds pause{0};
  std::unique_lock lock(mutex_);
  const auto full = [this] { return waiting_.size() >= settings_.most_sent; };
  while (!stop.stop_requested()) {
    if (pause.count() > 0) {
      changed_.wait_for(lock, stop, pause, [] { return false; });
    } else if (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
      changed_.wait_for(lock, stop, settings_.gather, full);
    }
    if (batch.empty()) batch = take();
    if (batch.empty()) continue;
    lock.unlock();
    const auto sent = send(batch);
    const bool later = !sent && sent.error().code() == errc::unavailable;
    if (!sent && pause.count() == 0 && settings_.warn)
      settings_.warn(fmt::format("spans cannot be sent: {}", sent.error().message()));
    if (sent && pause.count() > 0 && settings_.warn) settings_.warn("spans are sent again");
    pause = sent ? std::chrono::milliseconds(0)
                 : std::clamp(pause * 2, settings_.first_pause, settings_.longest_pause);
    lock.lock();
    if (!sent && !later) dropped_ += batch.size();
    if (!later) batch.clear();
  }
  // A collector that was away is not waited for.
  const auto until = std::chrono::steady_clock::now() + last_words;
  bool well = pause.count() == 0;
  while (well && std::chrono::steady_clock::now() < until) {
    batch = take();
    if (batch.empty()) return;
    lock.unlock();
    well = send(batch).has_value();
    lock.lock();
  }
}

}  // namespace troupe
