#include "runtime/billing/usage_ledger.hpp"

#include <utility>
#include <vector>

namespace troupe {

result<std::unique_ptr<usage_ledger>> usage_ledger::open(
    const std::filesystem::path& path, std::function<void(const std::string&)> report) {
  auto table = usage_table::open(path);
  if (!table) return fail(table.error());
  return std::make_unique<usage_ledger>(std::move(*table), std::move(report));
}

usage_ledger::usage_ledger(usage_table table, std::function<void(const std::string&)> report)
    : table_(std::move(table)),
      report_(std::move(report)),
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
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) return fail(errc::unavailable, "the ledger is closed");
    if (waiting_.size() >= most_waiting) {
      ++failures_;
      return fail(errc::exhausted, "{} records wait for the ledger already", waiting_.size());
    }
    waiting_.push_back({std::move(what), std::move(then)});
  }
  changed_.notify_one();
  return {};
}

void usage_ledger::run(const std::stop_token& stop) {
  for (;;) {
    std::deque<entry> taken;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
      if (waiting_.empty()) return;  // stopped, and nothing is left
      taken.swap(waiting_);
    }
    write(std::move(taken));
  }
}

void usage_ledger::write(std::deque<entry> entries) {
  std::vector<result<void>> done(entries.size());
  auto change = sqlite::transaction::begin(table_.file());
  result<void> all;
  if (!change) all = fail(change.error());
  for (std::size_t i = 0; i < entries.size() && all; ++i) done[i] = table_.put(entries[i].what);
  if (all) all = change->commit();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const result<void>& how = all ? done[i] : all;
    if (!how) ++failures_;
    if (!how && report_)
      report_(fmt::format("answer {}: {}", entries[i].what.id, how.error().message()));
    entries[i].then(how);
  }
}

}  // namespace troupe
