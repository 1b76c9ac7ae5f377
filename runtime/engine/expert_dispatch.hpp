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
  activation_needs takes;  ///< from expert_takes()
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
/// One layer at a time; one thread at a time. The block's tensors are read and written by the host
/// where they are the machine's memory. Where they are the device's own, only its stream touches
/// them: it copies a layer's routing and rows out behind the routing, and outputs in before
/// combine, which is submitted later.
class expert_dispatch {
 public:
  struct limits {
    std::uint32_t rows = 256;       ///< most rows of a step
    std::size_t kept_messages = 4;  ///< spare memory for rows, in steps
    std::uint32_t top_k = 16;       ///< most experts a row
    /// Rows are sent from the device's own memory, where it has some.
    bool rows_on_device = false;
  };

  /// Borrows the device. `forms`: all that any holder takes. Throws std::bad_alloc.
  expert_dispatch(device& d, std::uint32_t hidden, const activation_needs& forms,
                  const limits& most);

  /// Submits the copying of what begin() reads of a layer, behind its routing: begin() may be
  /// called once the stream has passed that. Nothing is to be done, and is, where memory is the
  /// machine's.
  [[nodiscard]] result<void> stage(const layer_step& at, const expert_call& call,
                                   std::span<const expert_holder> holders);
  /// Reads a layer's routing, once the stream has passed it, and takes the rows that travel: what
  /// the stream overwrites later is not what a re-send holds. `call.outputs` must stay in place
  /// until complete() or abandon(). `holders` have every expert that may be chosen, each once.
  [[nodiscard]] result<void> begin(const layer_step& at, const expert_call& call,
                                   std::span<const expert_holder> holders);

  /// The experts that the rows of the layer have chosen, [rows, top_k].
  [[nodiscard]] std::span<const std::int32_t> chosen() const { return chosen_; }

  /// Remote shards that have rows to compute, with how many outputs each.
  struct asked_shard {
    std::uint32_t shard = 0;
    std::uint32_t rows = 0;
    std::uint32_t slots = 0;
  };
  [[nodiscard]] std::vector<asked_shard> asked() const;
  /// The message for one of these shards. not_found for another, or one that has answered.
  [[nodiscard]] result<expert_request> request(std::uint32_t shard, std::uint32_t attempt) const;

  /// Takes a shard's answer, which may go then. corrupt: it is not what was asked for; internal:
  /// the device refused it; on either, nothing was changed.
  [[nodiscard]] result<outputs_verdict> take(const expert_outputs_header& header,
                                             std::span<const std::byte> payload);
  /// Whether every remote output of the layer is in place for what is submitted from now on.
  [[nodiscard]] bool complete() const { return awaited_ == 0; }
  /// Forgets the layer; answers to it are late from now on.
  void abandon();

 private:
  struct share {
    std::uint32_t shard = 0;
    bool remote = true;
    bool answered = false;
    activation_needs takes;
    std::vector<std::uint32_t> rows;
    std::vector<std::int32_t> ids;
    std::vector<std::uint32_t> slots;
  };

  /// Neighbouring slots of remote experts.
  struct slot_run {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  /// Rows in some forms, one form after another.
  struct row_block {
    activation_needs forms;
    std::size_t f32 = 0, q8 = 0, f8 = 0, bytes = 0;  ///< where each form begins, and the end

    row_block() = default;
    row_block(const activation_needs& held, std::size_t first_byte, std::size_t rows,
              std::uint32_t hidden);
  };
  /// What stage() has had copied.
  struct staged_layer {
    layer_step at;
    std::shared_ptr<device_buffer> ids;
    std::shared_ptr<device_buffer> memory;  ///< of rows
    row_block rows;
  };

  [[nodiscard]] result<void> list_holders(std::span<const expert_holder> holders);
  [[nodiscard]] result<void> sort_rows(const expert_call& call);
  [[nodiscard]] result<void> take_rows(const expert_call& call, staged_layer&& staged);
  [[nodiscard]] result<void> check_forms(const expert_call& call,
                                         const activation_needs& forms) const;
  void put_outputs(const share& s, std::span<const std::byte> payload, float* outputs) const;
  [[nodiscard]] kernels::status land();
  void forget();
  [[nodiscard]] share* find(std::uint32_t shard);
  /// Adds the rows of `s` in one form, neighbouring ones as one part.
  void add_parts(const share& s, std::size_t first_byte, std::size_t row_bytes,
                 std::vector<payload_part>& parts) const;

  device* device_;
  std::uint32_t hidden_;
  limits most_;
  buffer_pool pool_;
  buffer_pool ids_pool_;
  staged_layer staged_;
  std::shared_ptr<device_buffer> ids_;  ///< keeps `chosen_`
  /// Where outputs wait for the last of their layer, each at its slot; null where the host writes
  /// them into the block's own.
  std::shared_ptr<device_buffer> landing_;
  std::vector<slot_run> landing_slots_;
  layer_step at_;
  float* outputs_ = nullptr;
  std::uint32_t top_k_ = 1;
  std::vector<share> shares_;              ///< of shards that hold experts of the layer
  std::vector<std::int32_t> share_of_;     ///< by expert; -1: nobody has it
  std::vector<std::uint32_t> travelling_;  ///< rows that any remote shard wants, ascending
  std::vector<std::uint32_t> place_of_;    ///< by row: where it is among them
  std::span<const std::int32_t> chosen_;
  std::shared_ptr<const device_buffer> copy_;  ///< of the rows that travel, perhaps among others
  row_block copied_;
  std::size_t awaited_ = 0;
};

}  // namespace troupe
