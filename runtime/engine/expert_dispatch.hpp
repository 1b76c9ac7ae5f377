#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/engine/buffer_pool.hpp"
#include "runtime/engine/expert_exchange.hpp"

namespace troupe {

/// Who applies experts [first, first + count) of one layer. A shard may have several such ranges.
struct expert_holder {
  std::uint32_t shard = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool remote = true;      ///< false: the caller applies them itself, on its own stream
  activation_needs reads;  ///< from expert_reads()
};

/// Which layer of which step is computed.
struct layer_step {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t layer = 0;
  friend bool operator==(const layer_step&, const layer_step&) = default;
};

/// What became of an answer.
enum class outputs_verdict : std::uint8_t {
  taken,    ///< its outputs are in place
  late,     ///< of another epoch, step or layer, or already there: nothing was changed
  refused,  ///< the shard did not do it: ask a replica
};

/// The asking side of experts elsewhere, for the layer that an attention block is at: which rows go
/// to which shard, and their outputs into the block's slots, with the bits that experts on its own
/// stream would have written there.
///
/// One layer at a time; one thread at a time. It reads and writes the block's tensors as host
/// memory.
class expert_dispatch {
 public:
  struct limits {
    std::uint32_t rows = 256;       ///< most rows of a step
    std::size_t kept_messages = 4;  ///< spare memory for rows, in steps
  };

  /// Borrows the device. `forms`: all that any holder reads.
  expert_dispatch(device& d, std::uint32_t hidden, const activation_needs& forms,
                  const limits& most);

  /// Reads a layer's routing, once the stream has passed it, and copies the rows that travel: what
  /// the stream overwrites later is not what a re-send holds. `call.outputs` must stay in place
  /// until complete() or abandon(). `holders` have every expert that may be chosen, each once.
  [[nodiscard]] result<void> begin(const layer_step& at, const expert_call& call,
                                   std::span<const expert_holder> holders);

  /// Remote shards that have rows to compute, with how many outputs each.
  struct asked_shard {
    std::uint32_t shard = 0;
    std::uint32_t rows = 0;
    std::uint32_t slots = 0;
  };
  [[nodiscard]] std::vector<asked_shard> asked() const;
  /// The message for one of these shards. not_found for another, or one that has answered.
  [[nodiscard]] result<expert_request> request(std::uint32_t shard, std::uint32_t attempt) const;

  /// Takes a shard's answer. corrupt: it is not what was asked for, and nothing was changed.
  [[nodiscard]] result<outputs_verdict> take(const expert_outputs_header& header,
                                             std::span<const std::byte> payload);
  /// Whether every remote output of the layer is in place.
  [[nodiscard]] bool complete() const { return awaited_ == 0; }
  /// Forgets the layer; answers to it are late from now on.
  void abandon();

 private:
  struct share {
    std::uint32_t shard = 0;
    bool remote = true;
    bool answered = false;
    activation_needs reads;
    std::vector<std::uint32_t> rows;
    std::vector<std::int32_t> ids;
    std::vector<std::uint32_t> slots;
  };

  [[nodiscard]] result<void> list_holders(std::span<const expert_holder> holders);
  [[nodiscard]] result<void> sort_rows(const expert_call& call);
  [[nodiscard]] result<void> copy_rows(const expert_call& call);
  [[nodiscard]] share* find(std::uint32_t shard);
  /// Adds the rows of `s` in one form, neighbouring ones as one part.
  void add_parts(const share& s, std::size_t first_byte, std::size_t row_bytes,
                 std::vector<payload_part>& parts) const;

  device& device_;
  std::uint32_t hidden_;
  std::uint32_t most_rows_;
  buffer_pool pool_;
  layer_step at_;
  float* outputs_ = nullptr;
  std::uint32_t top_k_ = 1;
  std::vector<share> shares_;              ///< of shards that hold experts of the layer
  std::vector<std::int32_t> share_of_;     ///< by expert; -1: nobody has it
  std::vector<std::uint32_t> travelling_;  ///< rows that any remote shard wants, ascending
  std::vector<std::uint32_t> place_of_;    ///< by row: where it is among them
  std::shared_ptr<const device_buffer> copy_;
  std::size_t q8_first_ = 0;  ///< where integer rows begin in the copy
  std::size_t awaited_ = 0;
};

}  // namespace troupe
