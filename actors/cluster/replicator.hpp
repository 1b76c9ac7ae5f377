#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "actors/stage_exit.hpp"
#include "runtime/cache/kv_log.hpp"
#include "runtime/cache/kv_store.hpp"

namespace troupe {

/// Streams what a stage writes to its buddies, each with a log of its own. Records are made behind
/// the step on the device; a buddy that does not keep up loses its log and gets a new one.
class replicator final : public stage_log, public std::enable_shared_from_this<replicator> {
 public:
  /// `written`: pages that hold rows already, of a replica that became the stage.
  replicator(std::shared_ptr<data_port> port, std::shared_ptr<const kv_store> kv,
             std::uint32_t stage, std::vector<bool> written);

  void written(device& dev, std::shared_ptr<const step_inputs> inputs) override;
  [[nodiscard]] std::uint64_t filled(device& dev, std::vector<std::int32_t> pages) override;
  [[nodiscard]] bool told(std::uint64_t number) const override { return told_.load() >= number; }
  void released(device& dev, sequence_id id) override;

  /// Who listens from now on, and in which epoch. Those who listened already go on.
  void set_buddies(device& dev, const std::vector<peer_id>& buddies, epoch_number epoch);
  /// To be called now and then: begins logs that are due and sends the next piece of snapshots.
  void pump(device& dev);
  /// A buddy lacks something: its log begins anew with the next pump(). Any thread.
  void restart(peer_id buddy);
  /// Whether pump() has something to do.
  [[nodiscard]] bool behind() const { return behind_.load(); }

 private:
  /// Pages that a tier has filled, still to be sent.
  struct fill {
    std::uint64_t number = 0;
    std::vector<std::int32_t> pages;
  };
  struct line {
    peer_id to = 0;
    std::unique_ptr<kv_log> log;
    bool due = true;  ///< the receiver knows nothing: a log is to begin
    std::uint32_t pause = 0;
    std::deque<fill> fills = {};
  };
  void record(const step_inputs& inputs);
  void copy_pieces();
  void take_fill(const fill& f);
  /// A piece of what tiers have filled.
  void send_filled(line& l);
  /// Pages that the step is to read must be there before its record.
  void send_filled_before(line& l, std::span<const page_table> tables);
  void end_log(line& l, std::uint32_t pause);
  void note_told();
  [[nodiscard]] bool send(line& l, frame_kind kind, std::vector<std::byte> header,
                          const kv_payload& payload);
  void note_written(const step_plan& plan, std::span<const page_table> tables);
  void note_behind();
  [[nodiscard]] kv_log::open_tables open_tables() const;

  std::shared_ptr<data_port> port_;
  std::shared_ptr<const kv_store> kv_;
  std::uint32_t stage_;
  std::mutex mutex_;  ///< of what follows; held on the device's threads for one step's record
  std::vector<line> lines_;
  std::vector<bool> written_;  ///< pages that hold rows
  std::map<sequence_id, page_table> open_;
  std::uint64_t last_log_ = 0;
  epoch_number epoch_ = 0;
  std::uint64_t last_taken_ = 0;  ///< fill
  std::atomic<std::uint64_t> last_fill_ = 0;
  std::atomic<std::uint64_t> told_ = 0;
  std::atomic<bool> behind_ = false;
};

}  // namespace troupe
