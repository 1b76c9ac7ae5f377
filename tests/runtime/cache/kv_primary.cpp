#include "tests/runtime/cache/kv_primary.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace troupe::test {
namespace {

std::vector<std::byte> copied(const kv_payload& payload) {
  return {payload.bytes().begin(), payload.bytes().end()};
}

std::vector<std::int32_t> entries(const page_table& table) { return *table; }

}  // namespace

kv_frame sent(const logged_record& record) {
  return {false, encode_kv_record(record.header), copied(record.payload)};
}

kv_frame sent(const logged_snapshot& piece) {
  return {true, encode_kv_snapshot(piece.header), copied(piece.payload)};
}

result<void> deliver(const kv_frame& frame, kv_replica& to) {
  if (frame.snapshot) return to.apply(decode_kv_snapshot(frame.header).value(), frame.payload);
  return to.apply(decode_kv_record(frame.header).value(), frame.payload);
}

kv_primary::kv_primary(device& d, const kv_layout& layout, std::uint32_t pages,
                       const kv_log::limits& limits, std::uint64_t seed)
    : random_(seed),
      layout_(layout),
      manager_({.page_size = layout.page_size, .pages = pages}),
      store_(d, layout, pages),
      log_(store_, 0, limits) {}

kv_log::open_tables kv_primary::open() const {
  kv_log::open_tables tables;
  for (const auto& [id, s] : live_) tables.emplace_back(id, manager_.table(id).value());
  return tables;
}

void kv_primary::begin_log() {
  log_.begin(++log_number_, open());
  told_.clear();
  for (const auto& [id, table] : open()) told_[id] = entries(table);
}

void kv_primary::admit() {
  const sequence_id id = next_++;
  sequence& s = live_[id];
  // Two letters: prefixes are often shared.
  s.tokens.resize(pick(random_, 1, 5 * layout_.page_size));
  for (token_id& t : s.tokens) t = static_cast<token_id>(pick(random_, 0, 1));
  std::fill_n(s.tokens.begin(), std::min<std::size_t>(s.tokens.size(), 2 * layout_.page_size), 0);
  s.computed = manager_.open(id, s.tokens, static_cast<std::uint32_t>(s.tokens.size() - 1)).value();
  s.committed = s.computed;
}

void kv_primary::drop(sequence_id id) {
  manager_.release(id);
  log_.release(id);
  told_.erase(id);
}

void kv_primary::disturb() {
  if (live_.size() < 6 && random_() % 3 == 0) admit();
  if (live_.empty() || random_() % 5 != 0) return;
  const auto victim = std::next(live_.begin(), pick(random_, 0, live_.size() - 1));
  drop(victim->first);
  if (random_() % 2 == 0) {
    live_.erase(victim);
    return;
  }
  // Preempted: it starts again, under the same name.
  sequence& s = victim->second;
  s.computed =
      manager_.open(victim->first, s.tokens, static_cast<std::uint32_t>(s.tokens.size() - 1))
          .value();
  s.committed = s.computed;
}

void kv_primary::add_run(sequence_id id, sequence& s, step_plan& plan,
                         std::vector<page_table>& tables) {
  const auto left = static_cast<std::uint32_t>(s.tokens.size()) - s.computed;
  const std::uint32_t known = left == 0 ? 0 : pick(random_, 1, left);
  if (known == 0) s.tokens.push_back(0);
  const std::uint32_t rows = known == 0 ? 1 : known;
  const std::uint32_t guesses = random_() % 3 == 0 ? pick(random_, 1, 4) : 0;
  if (!manager_.extend(id, s.computed + rows + guesses)) return;
  const page_table table = manager_.table(id).value();
  const auto bytes = random_bytes(kv_rows_bytes(layout_, rows + guesses), random_);
  scatter_kv_rows(store_, *table, s.computed, rows + guesses, bytes.data());
  plan.runs.push_back({id, s.computed, std::vector<token_id>(rows + guesses, 0)});
  tables.push_back(table);
  told_[id] = entries(table);
  s.computed += rows;  // the guesses were wrong
  const std::uint32_t full = s.computed / layout_.page_size * layout_.page_size;
  if (full <= s.committed) return;
  REQUIRE(manager_.commit(id, s.committed,
                          std::span(s.tokens).subspan(s.committed, full - s.committed)));
  s.committed = full;
}

std::vector<kv_frame> kv_primary::step() {
  disturb();
  step_plan plan;
  plan.id = step_ += pick(random_, 1, 3);
  plan.epoch = 1 + step_ / 100;
  std::vector<page_table> tables;
  for (auto& [id, s] : live_)
    if (random_() % 3 != 0) add_run(id, s, plan, tables);
  std::vector<kv_frame> frames;
  for (const logged_record& r : log_.record(plan, tables)) frames.push_back(sent(r));
  return frames;
}

}  // namespace troupe::test
