#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/engine/expert_exchange.hpp"

namespace troupe {

/// The answering side of experts for other processes: rows in, outputs of the wanted slots out,
/// computed on the device's stream by an expert bank.
///
/// Where the device's memory is its own, a request goes there and its outputs come back by copies
/// of the stream; rows that come as FP8 become there what the bank reads.
///
/// Nothing here waits: each request is checked, submitted and answered once the stream has passed
/// it. Several may be on the stream; beyond a bound they are refused. Calls come from one thread at
/// a time, the one that uses the bank.
class expert_service {
 public:
  struct limits {
    std::uint32_t rows = 256;   ///< most rows of a request; at most what the bank was made for
    std::size_t in_flight = 4;  ///< most requests on the stream at once
    /// Outputs are sent from the device's own memory, where it has some.
    bool outputs_on_device = false;
  };
  /// Called once for each accepted request, on a thread of the device, even if the service has gone
  /// by then: it must be short, must not block and must not throw. The payload's memory is free
  /// again when its owner lets go of it.
  using answer_handler = std::function<void(expert_reply&&)>;

  /// `bank` must have been made from `files`, `owned` and `mode`. `rows`: in which form they come.
  /// Throws std::bad_alloc.
  expert_service(std::shared_ptr<device> dev, std::shared_ptr<expert_bank> bank,
                 const model_files& files, const std::vector<expert_range>& owned,
                 activation_mode mode, expert_row_form rows, const limits& most);
  expert_service(const expert_service&) = delete;
  expert_service& operator=(const expert_service&) = delete;
  ~expert_service();

  /// Submits a request; `payload` is copied before this returns. not_found: no such experts here;
  /// corrupt: header and payload contradict each other or the model; exhausted: too many on the
  /// stream already; out_of_memory. On any of them `done` is not called: answer refusal_of().
  [[nodiscard]] result<void> apply(const expert_rows_header& asked,
                                   std::span<const std::byte> payload, answer_handler done);

  /// Requests on the stream now. Any thread.
  [[nodiscard]] std::size_t in_flight() const;

 private:
  struct served_layer {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t top_k = 1;
    activation_needs reads;  ///< the bank
    activation_needs takes;  ///< as rows come
  };
  struct workspace;
  class job;

  [[nodiscard]] result<void> check(const expert_rows_header& asked, std::size_t bytes) const;
  kernels::status submit(const expert_rows_header& asked, const served_layer& layer, job& j);
  /// Submits bringing outputs to the answer: those of `slots`, or all where it is null.
  kernels::status pick(const std::uint32_t* slots, job& j);

  std::shared_ptr<device> device_;
  std::vector<served_layer> layers_;  ///< by layer number; count 0 where nothing is owned
  std::uint32_t hidden_;
  limits most_;
  std::shared_ptr<workspace> work_;  ///< shared with what is on the stream
};

}  // namespace troupe
