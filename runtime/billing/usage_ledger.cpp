#include "runtime/billing/usage_ledger.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{20};
constexpr milliseconds longest_pause{1'000};

bool is_away(const result<void>& done) { return !done && done.error().code() == errc::unavailable; }

}  // namespace

result<std::unique_ptr<usage_ledger>> usage_ledger::open(const std::string& place,
                                                         reporter report) {
  auto store = open_usage_store(place);
  if (!store) return fail(std::move(store.error()));
  return std::make_unique<usage_ledger>(std::move(*store), std::move(report));
}

usage_ledger::usage_ledger(std::unique_ptr<usage_store> store, reporter report,
                           milliseconds patience)
    : store_(std::move(store)),
      report_(std::move(report)),
      patience_(patience),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

usage_ledger::~usage_ledger() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  thread_.request_stop();
  thread_.join();
}

result<void> usage_ledger::record(usage_record what, kept then) {
  const time until = std::chrono::steady_clock::now() + patience_;
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) return fail(errc::unavailable, "the ledger is closed");
    const std::size_t waiting = waiting_.size() + held_;
    if (waiting >= most_waiting) {
      ++failures_;
      return fail(errc::exhausted, "{} records wait for the ledger already", waiting);
    }
    waiting_.push_back({std::move(what), std::move(then), until});
  }
  changed_.notify_one();
  return {};
}

void usage_ledger::run(const std::stop_token& stop) {
  std::deque<entry> held;
  milliseconds pause{0};
  for (;;) {
    take(held, pause, stop);
    if (held.empty()) return;  // stopped, and nothing is left
    held = write(std::move(held));
    pause = held.empty() ? milliseconds(0) : std::clamp(pause * 2, first_pause, longest_pause);
  }
}

void usage_ledger::take(std::deque<entry>& held, milliseconds pause, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (held.empty()) {
    held_ = 0;
    changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
  } else {
    // Nothing that comes meanwhile brings the store back.
    const time until = std::chrono::steady_clock::now() + pause;
    changed_.wait_until(lock, until, [until] { return std::chrono::steady_clock::now() >= until; });
  }
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(held));
  waiting_.clear();
  held_ = held.size();
}

std::deque<usage_ledger::entry> usage_ledger::write(std::deque<entry> entries) {
  std::deque<entry> again;
  result<void> reached;
  for (std::size_t from = 0; from < entries.size(); from += most_at_once) {
    const std::size_t count = std::min(most_at_once, entries.size() - from);
    // No further try for those behind: each would wait for the same server.
    const auto done =
        reached ? put(entries, from, count) : std::vector<result<void>>(count, reached);
    const auto now = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      entry& e = entries[from + i];
      if (is_away(done[i])) reached = done[i];
      if (is_away(done[i]) && now < e.until) {
        again.push_back(std::move(e));
      } else {
        tell(e, done[i]);
      }
    }
  }
  notice(reached ? nullptr : &reached.error());
  return again;
}

std::vector<result<void>> usage_ledger::put(const std::deque<entry>& entries, std::size_t from,
                                            std::size_t count) {
  std::vector<const usage_record*> records;
  records.reserve(count);
  for (std::size_t i = from; i < from + count; ++i) records.push_back(&entries[i].what);
  return store_->put(records);
}

void usage_ledger::tell(entry& about, const result<void>& how) {
  if (!how) ++failures_;
  if (!how && report_) report_(fmt::format("answer {}: {}", about.what.id, how.error().message()));
  about.then(how);
}

void usage_ledger::notice(const error* away) {
  const bool is_news = (away != nullptr) != away_;
  away_ = away != nullptr;
  if (!is_news || !report_) return;
  report_(away != nullptr ? fmt::format("it is away, and tried again: {}", away->message())
                          : std::string("it is back"));
}

}  // namespace troupe
