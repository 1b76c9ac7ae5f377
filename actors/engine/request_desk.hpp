#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <memory>

#include "actors/engine/engine_board.hpp"
#include "actors/engine/listener_table.hpp"
#include "actors/interfaces.hpp"
#include "runtime/api/generation.hpp"

namespace troupe {

/// Where a process hands its requests to a batcher, and hears of them. Any thread.
class request_desk {
 public:
  /// At most `most` requests are open at once.
  explicit request_desk(std::size_t most)
      : board_(std::make_shared<engine_board>()),
        listeners_(std::make_shared<listener_table>(most)) {}

  [[nodiscard]] const std::shared_ptr<engine_board>& board() const { return board_; }
  /// Before the first request.
  void open(caf::actor_system& system, const batcher_actor& batcher, std::uint32_t context);
  /// Fails every open request and refuses new ones; ends the gateway actor.
  void close();

  [[nodiscard]] result<request_id> submit(generation_request request,
                                          std::shared_ptr<generation_listener> listener);
  void cancel(request_id id);

 private:
  std::shared_ptr<engine_board> board_;
  std::shared_ptr<listener_table> listeners_;
  gateway_actor gateway_;
  std::uint32_t context_ = 0;
};

}  // namespace troupe
