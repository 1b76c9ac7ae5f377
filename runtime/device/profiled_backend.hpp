#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernels/api/backend.hpp"
#include "kernels/cpu/cost.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// Marks in a stream, and when the stream passed them. One thread at a time submits them.
class stream_clock {
 public:
  stream_clock() = default;
  stream_clock(const stream_clock&) = delete;
  stream_clock& operator=(const stream_clock&) = delete;
  virtual ~stream_clock() = default;
  /// Submits a mark; false: there can be no more.
  virtual bool mark() = 0;
  /// Of every mark, in seconds from the first: the stream has passed them all.
  [[nodiscard]] virtual result<std::vector<double>> read() = 0;
};

/// Another back end, whose operations on a device's stream are timed between start() and halt():
/// a mark before each and one behind it, and a call to the host that counts what it moved. That
/// costs time between the operations, none within them. Any thread.
class profiled_backend final : public kernels::backend {
 public:
  using clock_maker = std::function<std::unique_ptr<stream_clock>()>;

  /// Borrows the device, whose back end it is. Operations past `most` of a profile are not noted.
  profiled_backend(std::unique_ptr<kernels::backend> inner, device& on, clock_maker make_clock,
                   std::size_t most);

  /// Costs by operation. Threads of the device write them while others are submitted.
  struct costs {
    std::mutex lock;
    std::vector<kernels::cpu::task_cost> of;
  };
  /// What was noted between start() and halt().
  struct record {
    std::unique_ptr<stream_clock> clock;
    std::shared_ptr<costs> noted;
  };

  /// Anew.
  void start();
  [[nodiscard]] bool running() const { return running_.load(std::memory_order_relaxed); }
  /// Notes that a step begins here.
  void begin_step();
  [[nodiscard]] record halt();
  /// Once the stream has passed what was submitted before halt().
  [[nodiscard]] static result<device_profile> read(const record& r);

  [[nodiscard]] std::string target() const override { return inner_->target(); }
  [[nodiscard]] bool reads_integers() const override { return inner_->reads_integers(); }
  [[nodiscard]] bool reads_at_call() const override { return inner_->reads_at_call(); }
  [[nodiscard]] std::size_t packed_bytes(const kernels::matrix& w) const override {
    return inner_->packed_bytes(w);
  }
  kernels::status pack(kernels::stream& s, const kernels::pack_params& p) override {
    return timed(s, p, [&] { return inner_->pack(s, p); });
  }
  kernels::status copy(kernels::stream& s, const kernels::copy_params& p) override {
    return timed(s, p, [&] { return inner_->copy(s, p); });
  }
  kernels::status embed(kernels::stream& s, const kernels::embed_params& p) override {
    return timed(s, p, [&] { return inner_->embed(s, p); });
  }
  kernels::status gather_rows(kernels::stream& s, const kernels::gather_rows_params& p) override {
    return timed(s, p, [&] { return inner_->gather_rows(s, p); });
  }
  kernels::status rms_norm(kernels::stream& s, const kernels::rms_norm_params& p) override {
    return timed(s, p, [&] { return inner_->rms_norm(s, p); });
  }
  kernels::status linear(kernels::stream& s, const kernels::linear_params& p) override {
    return timed(s, p, [&] { return inner_->linear(s, p); });
  }
  kernels::status projections(kernels::stream& s, const kernels::projections_params& p) override {
    return timed(s, p, [&] { return inner_->projections(s, p); });
  }
  kernels::status rope_table(kernels::stream& s, const kernels::rope_table_params& p) override {
    return timed(s, p, [&] { return inner_->rope_table(s, p); });
  }
  kernels::status rope_and_store(kernels::stream& s,
                                 const kernels::rope_and_store_params& p) override {
    return timed(s, p, [&] { return inner_->rope_and_store(s, p); });
  }
  kernels::status attention(kernels::stream& s, const kernels::attention_params& p) override {
    return timed(s, p, [&] { return inner_->attention(s, p); });
  }
  kernels::status route(kernels::stream& s, const kernels::route_params& p) override {
    return timed(s, p, [&] { return inner_->route(s, p); });
  }
  kernels::status group(kernels::stream& s, const kernels::group_params& p) override {
    return timed(s, p, [&] { return inner_->group(s, p); });
  }
  kernels::status expert_up(kernels::stream& s, const kernels::expert_up_params& p) override {
    return timed(s, p, [&] { return inner_->expert_up(s, p); });
  }
  kernels::status expert_down(kernels::stream& s, const kernels::expert_down_params& p) override {
    return timed(s, p, [&] { return inner_->expert_down(s, p); });
  }
  kernels::status combine(kernels::stream& s, const kernels::combine_params& p) override {
    return timed(s, p, [&] { return inner_->combine(s, p); });
  }
  kernels::status encode_rows(kernels::stream& s, const kernels::encode_rows_params& p) override {
    return timed(s, p, [&] { return inner_->encode_rows(s, p); });
  }
  kernels::status decode_rows(kernels::stream& s, const kernels::decode_rows_params& p) override {
    return timed(s, p, [&] { return inner_->decode_rows(s, p); });
  }
  kernels::status sample(kernels::stream& s, const kernels::sample_params& p) override {
    return timed(s, p, [&] { return inner_->sample(s, p); });
  }
  kernels::status score(kernels::stream& s, const kernels::score_params& p) override {
    return timed(s, p, [&] { return inner_->score(s, p); });
  }

 private:
  template <class Params, class Submit>
  kernels::status timed(kernels::stream& s, const Params& p, const Submit& submit) {
    if (!running()) return submit();
    // Nobody else's work comes between the marks.
    const std::scoped_lock guard(submitting_);
    if (&s != &device_.stream() || !open()) return submit();
    const kernels::status done = submit();
    close([p] { return kernels::cpu::cost(p); });
    return done;
  }
  [[nodiscard]] bool open();
  void close(std::function<kernels::cpu::task_cost()> count);

  std::unique_ptr<kernels::backend> inner_;
  device& device_;
  clock_maker make_clock_;
  std::size_t most_;
  std::atomic<bool> running_ = false;
  std::mutex submitting_;
  record now_;
};

}  // namespace troupe
