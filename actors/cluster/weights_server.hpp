#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/model/block_source.hpp"
#include "runtime/wire/weights_frames.hpp"

namespace troupe {

/// Sends blocks of the model's files to peers that ask for them. Reading waits for disks, so a
/// thread of its own does it, one question at a time; digests of many blocks are found piece by
/// piece, so that who waits for a block does not wait for them. What comes while too many wait is
/// dropped, and whoever asked asks somebody else in time. Any thread.
class weights_server {
 public:
  /// Where blocks are read from; null: from nowhere. Called on the server's thread, again with each
  /// question until it gives something.
  using opener = std::function<std::shared_ptr<const block_source>()>;

  /// Takes frames::weights_ask of the port for as long as this lives.
  weights_server(std::shared_ptr<data_port> port, opener open);
  weights_server(const weights_server&) = delete;
  weights_server& operator=(const weights_server&) = delete;
  ~weights_server();

 private:
  struct question {
    peer_id from = 0;
    weights_ask ask;
  };
  struct inbox;

  using payload = std::shared_ptr<const std::vector<std::byte>>;

  void work(const std::stop_token& stop);
  /// False: not yet, its digests take more pieces.
  [[nodiscard]] bool answer(const question& q);
  [[nodiscard]] bool has_all(const weights_ask& ask);
  /// Null where the block cannot be read.
  [[nodiscard]] payload read(std::uint32_t block) const;
  /// Finds a piece of the digests that are not known yet; false: one of the blocks cannot be read.
  [[nodiscard]] bool find_digests(const std::vector<std::uint32_t>& blocks);
  /// Null where some are not known.
  [[nodiscard]] payload digests_of(const std::vector<std::uint32_t>& blocks) const;

  std::shared_ptr<data_port> port_;
  opener open_;
  std::shared_ptr<const block_source> blocks_;
  std::shared_ptr<inbox> inbox_;
  std::map<std::uint32_t, sha256_digest> digests_;  ///< of the thread
  std::jthread thread_;
};

}  // namespace troupe
