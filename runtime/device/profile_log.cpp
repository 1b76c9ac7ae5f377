#include "runtime/device/profile_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>

namespace troupe {
namespace {

using kernels::cpu::task_cost;

double seconds_of(profile_log::clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

std::string name_of(const task_cost& c) {
  if (c.rows == 0) return c.operation;
  return fmt::format("{} {}x{} {}", c.operation, c.rows, c.cols, kernels::info(c.type).name);
}

}  // namespace

void profile_log::clear() {
  *this = {};
  constexpr std::size_t usual_kinds = 64;
  rows_.reserve(usual_kinds);
}

profile_log::row& profile_log::row_of(const task_cost& cost) {
  const std::string_view operation = cost.operation;
  for (row& r : rows_) {
    const task_cost& c = r.total;
    if (c.operation == operation && c.rows == cost.rows && c.cols == cost.cols &&
        c.type == cost.type)
      return r;
  }
  row& fresh = rows_.emplace_back();
  fresh.total = cost;
  fresh.total.bytes = fresh.total.operations = 0;
  return fresh;
}

void profile_log::add(const task_cost& cost, clock::time_point begin, clock::time_point end,
                      clock::duration working, bool waited) {
  if (begun_) {
    const clock::duration gap = std::max(begin - last_end_, clock::duration::zero());
    (!waited ? handover_ : cost.starts_step ? step_gap_ : starved_) += gap;
  }
  begun_ = true;
  last_end_ = end;
  imbalance_ += std::max(end - begin - working, clock::duration::zero());
  if (cost.starts_step) ++steps_;
  row& r = row_of(cost);
  ++r.calls;
  r.time += end - begin;
  r.total.bytes += cost.bytes;
  r.total.operations += cost.operations;
}

device_profile profile_log::read() const {
  device_profile p;
  p.steps = steps_;
  p.handover_seconds = seconds_of(handover_);
  p.starved_seconds = seconds_of(starved_);
  p.step_gap_seconds = seconds_of(step_gap_);
  p.imbalance_seconds = seconds_of(imbalance_);
  for (const row& r : rows_) {
    p.operations.push_back({name_of(r.total), r.calls, seconds_of(r.time), r.total.bytes,
                            r.total.operations, r.total.integer});
  }
  std::ranges::sort(p.operations, std::greater(), &operation_profile::seconds);
  return p;
}

}  // namespace troupe
