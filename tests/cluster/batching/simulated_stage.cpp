#include "tests/cluster/batching/simulated_stage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

namespace troupe::test {

bool stage_replica::apply(const stage_record& record) {
  if (record.step <= applied) return false;
  for (const stage_record::run& run : record.runs) {
    tables[run.sequence] = run.table;
    for (std::size_t i = 0; i < run.rows.size(); ++i)
      store.at(run.table, run.first + static_cast<std::uint32_t>(i)) = run.rows[i];
  }
  applied = record.step;
  return true;
}

simulated_stage::simulated_stage(std::uint32_t page_size, std::uint32_t pages, bool reuse_prefixes,
                                 epoch_number epoch)
    : manager_({page_size, pages, reuse_prefixes}), store_(page_size, pages), epoch_(epoch) {}

simulated_stage::simulated_stage(stage_replica&& replica, bool reuse_prefixes, epoch_number epoch)
    : manager_({replica.store.page_size(), replica.store.pages(), reuse_prefixes}),
      store_(std::move(replica.store)),
      epoch_(epoch),
      last_run_(replica.applied) {
  for (const auto& [id, table] : replica.tables) REQUIRE(manager_.adopt(id, table));
}

std::optional<cache_reply> simulated_stage::on_request(const cache_request& request) {
  if (!gate_.admit(request)) return std::nullopt;
  epoch_ = request.epoch;
  return answer(manager_, request);
}

bool simulated_stage::take(const std::shared_ptr<const step_plan>& plan, rows hidden) {
  if (plan->epoch < epoch_ || plan->id <= last_taken_) return false;
  last_taken_ = plan->id;
  job j{plan, {}, std::move(hidden)};
  for (const sequence_run& run : plan->runs) {
    j.tables.push_back(manager_.table(run.sequence).value());
    REQUIRE(j.tables.back()->size() * store_.page_size() >= run.first + run.tokens.size());
  }
  jobs_.push_back(std::move(j));
  return true;
}

std::optional<simulated_stage::done> simulated_stage::run() {
  if (jobs_.empty()) return std::nullopt;
  const job j = std::move(jobs_.front());
  jobs_.pop_front();
  last_run_ = std::max(last_run_, j.plan->id);
  done d{j.plan, {}, {j.plan->id, {}}};
  for (std::size_t i = 0; i < j.plan->runs.size(); ++i) {
    const sequence_run& run = j.plan->runs[i];
    const std::vector<std::int32_t>& table = *j.tables[i];
    d.hidden.push_back(compute(run, table));
    // A stage that has read another text than the one before it would go on from other numbers.
    if (!j.hidden.empty()) REQUIRE(d.hidden.back() == j.hidden[i]);
    stage_record::run& logged = d.record.runs.emplace_back();
    logged = {run.sequence, run.first, table, {}};
    for (std::uint32_t k = 0; k < run.tokens.size(); ++k)
      logged.rows.push_back(store_.at(table, run.first + k));
  }
  return d;
}

std::vector<text_chain> simulated_stage::compute(const sequence_run& run,
                                                 const std::vector<std::int32_t>& table) {
  text_chain text = no_text;
  for (std::uint32_t position = 0; position < run.first; ++position) {
    const kv_slot& slot = store_.at(table, position);
    REQUIRE(slot.before == text);  // attention reads only what this text wrote
    text = slot.after;
  }
  std::vector<text_chain> read;
  for (std::uint32_t k = 0; k < run.tokens.size(); ++k) {
    const text_chain with = append(text, run.tokens[k]);
    store_.at(table, run.first + k) = {text, with};
    read.push_back(text = with);
  }
  return read;
}

stage_replica simulated_stage::snapshot() const {
  stage_replica copy{store_, {}, last_run_};
  for (const sequence_id id : manager_.open_ids()) copy.tables[id] = *manager_.table(id).value();
  return copy;
}

}  // namespace troupe::test
