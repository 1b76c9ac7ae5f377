#include "runtime/device/profiled_backend.hpp"

#include "runtime/device/profile_log.hpp"

namespace troupe {

profiled_backend::profiled_backend(std::unique_ptr<kernels::backend> inner, device& on,
                                   clock_maker make_clock, std::size_t most)
    : inner_(std::move(inner)), device_(on), make_clock_(std::move(make_clock)), most_(most) {}

void profiled_backend::start() {
  const std::scoped_lock guard(submitting_);
  now_ = {make_clock_(), std::make_shared<costs>()};
  running_.store(true);
}

profiled_backend::record profiled_backend::halt() {
  const std::scoped_lock guard(submitting_);
  running_.store(false);
  return std::exchange(now_, {});
}

void profiled_backend::begin_step() {
  if (!running()) return;
  const std::scoped_lock guard(submitting_);
  if (!open()) return;
  close([] { return kernels::cpu::task_cost{.operation = "begin_step", .starts_step = true}; });
}

bool profiled_backend::open() {
  if (now_.clock == nullptr) return false;
  const std::scoped_lock guard(now_.noted->lock);
  if (now_.noted->of.size() >= most_ || !now_.clock->mark()) return false;
  now_.noted->of.emplace_back();
  return true;
}

void profiled_backend::close(std::function<kernels::cpu::task_cost()> count) {
  (void)now_.clock->mark();
  std::size_t index = 0;
  {
    const std::scoped_lock guard(now_.noted->lock);
    index = now_.noted->of.size() - 1;
  }
  // Once it has run, and before the next one overwrites what it read.
  device_.notify([all = now_.noted, index, count = std::move(count)] {
    const kernels::cpu::task_cost cost = count();
    const std::scoped_lock guard(all->lock);
    all->of[index] = cost;
  });
}

result<device_profile> profiled_backend::read(const record& r) {
  if (r.clock == nullptr) return fail(errc::invalid_argument, "no profile was started");
  const auto at = r.clock->read();
  if (!at) return fail(at.error());
  const std::scoped_lock guard(r.noted->lock);
  if (at->size() < 2 * r.noted->of.size())
    return fail(errc::internal, "{} marks for {} operations", at->size(), r.noted->of.size());
  using moment = profile_log::clock::time_point;
  const auto moment_of = [&](std::size_t mark) {
    return moment(std::chrono::duration_cast<profile_log::clock::duration>(
        std::chrono::duration<double>((*at)[mark])));
  };
  profile_log log;
  log.clear();
  for (std::size_t i = 0; i < r.noted->of.size(); ++i) {
    const moment begin = moment_of(2 * i);
    const moment end = moment_of(2 * i + 1);
    log.add(r.noted->of[i], begin, end, end - begin, false);
  }
  return log.read();
}

}  // namespace troupe
