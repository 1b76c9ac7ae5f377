#include "actors/cluster/replicator.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// Pumps before a buddy that did not keep up is tried again.
constexpr std::uint32_t retry_pumps = 50;
/// Of a snapshot's piece: small enough not to hold up the steps between.
constexpr std::size_t piece_bytes = std::size_t{4} << 20U;

}  // namespace

replicator::replicator(std::shared_ptr<data_port> port, std::shared_ptr<const kv_store> kv,
                       std::uint32_t stage, std::vector<bool> written)
    : port_(std::move(port)), kv_(std::move(kv)), stage_(stage), written_(std::move(written)) {
  written_.resize(kv_->pages());
}

void replicator::set_buddies(device& dev, const std::vector<peer_id>& buddies, epoch_number epoch) {
  // Behind the records of the steps so far, which the logs must have in order.
  dev.notify([self = shared_from_this(), buddies, epoch] {
    const std::lock_guard lock(self->mutex_);
    self->epoch_ = epoch;
    std::erase_if(self->lines_,
                  [&](const line& l) { return std::ranges::find(buddies, l.to) == buddies.end(); });
    for (const peer_id to : buddies) {
      if (std::ranges::find(self->lines_, to, &line::to) != self->lines_.end()) continue;
      self->lines_.push_back({to, nullptr, true, 0});
    }
    self->note_behind();
  });
}

void replicator::written(device& dev, std::shared_ptr<const step_inputs> inputs) {
  dev.notify([&dev, self = shared_from_this(), inputs = std::move(inputs)] {
    if (!dev.fault()) self->record(*inputs);
  });
}

std::uint64_t replicator::filled(device& dev, std::vector<std::int32_t> pages) {
  fill f{++last_fill_, std::move(pages)};
  const std::uint64_t number = f.number;
  dev.notify([self = shared_from_this(), f = std::move(f)] { self->take_fill(f); });
  return number;
}

void replicator::released(device& dev, sequence_id id) {
  dev.notify([self = shared_from_this(), id] {
    const std::lock_guard lock(self->mutex_);
    self->open_.erase(id);
    for (line& l : self->lines_)
      if (l.log != nullptr) l.log->release(id);
  });
}

void replicator::restart(peer_id buddy) {
  const std::lock_guard lock(mutex_);
  for (line& l : lines_) {
    if (l.to != buddy) continue;
    end_log(l, 0);
  }
  note_behind();
}

void replicator::pump(device& dev) {
  dev.notify([self = shared_from_this()] { self->copy_pieces(); });
}

void replicator::note_written(const step_plan& plan, std::span<const page_table> tables) {
  const std::uint32_t size = kv_->layout().page_size;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const sequence_run& run = plan.runs[i];
    open_[run.sequence] = tables[i];
    const std::size_t end = run.first + run.tokens.size();
    for (std::size_t entry = run.first / size; entry * size < end; ++entry)
      written_[static_cast<std::size_t>((*tables[i])[entry])] = true;
  }
}

void replicator::record(const step_inputs& inputs) {
  const std::lock_guard lock(mutex_);
  note_written(inputs.plan(), inputs.tables());
  for (line& l : lines_) {
    if (l.log == nullptr) continue;
    send_filled_before(l, inputs.tables());
    for (logged_record& each : l.log->record(inputs.plan(), inputs.tables()))
      if (!send(l, frames::kv_record, encode_kv_record(each.header), each.payload)) break;
  }
  note_behind();
}

void replicator::copy_pieces() {
  const std::lock_guard lock(mutex_);
  for (line& l : lines_) {
    if (l.due && l.pause > 0) {
      --l.pause;
      continue;
    }
    if (l.due) {
      l.log = std::make_unique<kv_log>(*kv_, stage_, kv_log::limits{.payload_bytes = piece_bytes},
                                       written_);
      // Greater than any log of a primary before this one.
      last_log_ = std::max(last_log_ + 1, epoch_ << 20U);
      l.log->begin(last_log_, open_tables());
      l.due = false;
    }
    send_filled(l);
    if (auto piece = l.log->next_piece(epoch_))
      (void)send(l, frames::kv_snapshot, encode_kv_snapshot(piece->header), piece->payload);
  }
  note_behind();
}

void replicator::take_fill(const fill& f) {
  const std::lock_guard lock(mutex_);
  last_taken_ = f.number;
  for (const std::int32_t page : f.pages) written_[static_cast<std::size_t>(page)] = true;
  for (line& l : lines_) {
    if (l.log == nullptr || l.due) continue;  // the log that begins has them
    l.fills.push_back(f);
    if (l.fills.size() == 1) send_filled(l);
  }
  note_behind();
}

void replicator::send_filled(line& l) {
  if (l.fills.empty()) return;
  std::vector<std::int32_t>& pages = l.fills.front().pages;
  const std::size_t count = std::min(pages.size(), l.log->pages_a_piece());
  const auto from = pages.end() - static_cast<std::ptrdiff_t>(count);
  const auto pieces = l.log->filled(std::span(from, pages.end()), epoch_);
  pages.erase(from, pages.end());
  if (pages.empty()) l.fills.pop_front();
  for (const logged_snapshot& each : pieces)
    if (!send(l, frames::kv_snapshot, encode_kv_snapshot(each.header), each.payload)) return;
}

void replicator::send_filled_before(line& l, std::span<const page_table> tables) {
  if (l.fills.empty()) return;
  std::unordered_set<std::int32_t> unsent;
  for (const fill& f : l.fills) unsent.insert(f.pages.begin(), f.pages.end());
  const bool read = std::ranges::any_of(tables, [&](const page_table& table) {
    return std::ranges::any_of(*table, [&](std::int32_t page) { return unsent.contains(page); });
  });
  while (read && !l.fills.empty()) send_filled(l);
}

/// Until the next one begins.
void replicator::end_log(line& l, std::uint32_t pause) {
  if (l.log != nullptr) l.log->end();
  l.fills.clear();
  l.due = true;
  l.pause = pause;
}

void replicator::note_told() {
  std::uint64_t told = last_taken_;
  for (const line& l : lines_)
    if (!l.fills.empty()) told = std::min(told, l.fills.front().number - 1);
  told_ = told;
}

bool replicator::send(line& l, frame_kind kind, std::vector<std::byte> header,
                      const kv_payload& payload) {
  outgoing_frame frame{kind, std::move(header), {}};
  if (payload.size > 0) frame.payload.push_back({payload.bytes(), payload.memory});
  if (port_->send(l.to, std::move(frame))) return true;
  end_log(l, retry_pumps);
  return false;
}

kv_log::open_tables replicator::open_tables() const { return {open_.begin(), open_.end()}; }

void replicator::note_behind() {
  behind_ = std::ranges::any_of(lines_, [](const line& l) {
    return l.due || !l.fills.empty() || (l.log != nullptr && l.log->copying());
  });
  note_told();
}

}  // namespace troupe
