#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/emulated/thread.hpp"

namespace troupe::kernels::cuda {

/// The threads of one block as fibers of the calling thread: each runs until it waits for others,
/// and who runs next is drawn from a seed. Code that forgets to wait meets other values in another
/// order; memory that nobody wrote yet is NaN.
///
/// What a device would hang at or leave undefined ends as an error: threads that wait at different
/// places, or for one that is gone.
class emulated_block {
 public:
  using body = std::function<void(emulated_thread&)>;

  /// `threads` is a multiple of warp_size. Throws std::bad_alloc where there is no memory for the
  /// fibers' stacks.
  emulated_block(std::uint32_t threads, std::uint32_t seed);
  emulated_block(const emulated_block&) = delete;
  emulated_block& operator=(const emulated_block&) = delete;
  ~emulated_block();

  /// Runs `b` for every thread of the block at (x, y, z) of the grid. False when the threads went
  /// apart; why() says how.
  [[nodiscard]] bool run(const std::array<std::uint32_t, 3>& place, std::size_t shared_bytes,
                         const body& b);
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  friend class emulated_thread;
  struct fiber;
  enum class state : std::uint8_t { ready, at_block, at_warp, done };
  /// What the lanes of a warp exchange. Two sets in turn: a lane may reach the next exchange while
  /// another has yet to read the last one.
  struct warp {
    std::array<std::array<std::uint64_t, warp_size>, 2> words{};
    std::array<std::uint32_t, warp_size> kinds{};
    std::uint32_t arrived = 0;
    std::uint32_t turn = 0;
  };

  /// Called by fibers.
  void sync(std::uint32_t thread);
  std::uint64_t exchange(std::uint32_t thread, std::uint64_t word, std::uint32_t from,
                         std::uint32_t kind);
  void wait(std::uint32_t thread, state at);
  void live(std::uint32_t thread);

  void make_ready(std::uint32_t thread);
  [[nodiscard]] std::uint32_t take_ready();
  void abandon(const char* why);

  std::uint32_t threads_;
  std::mt19937 random_;
  std::array<std::uint32_t, 3> place_{};
  const body* body_ = nullptr;
  std::vector<std::byte> shared_;
  std::vector<state> states_;
  std::vector<std::uint32_t> ready_;
  std::vector<warp> warps_;
  std::uint32_t at_block_ = 0;
  std::uint32_t done_ = 0;
  bool abandoned_ = false;
  bool ending_ = false;
  std::string why_;
  std::vector<std::unique_ptr<fiber>> fibers_;
};

}  // namespace troupe::kernels::cuda
