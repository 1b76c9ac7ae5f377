#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace troupe {

/// Which tokens may be drawn, for the rows of one step that are held to something: bit t of word
/// t / 32 of a row stands for token t. They are worked out while the step is under way: one thread
/// writes the rows and then publishes them; whoever reads them awaits that first.
class token_masks {
 public:
  enum class state : std::uint8_t {
    awaited,
    there,
    given_up,  ///< they will never come; nothing may be drawn
  };

  /// Rows of which no token may be drawn.
  token_masks(std::uint32_t rows, std::uint32_t vocab)
      : rows_(rows), words_(words_for(vocab)), bits_(std::size_t{rows} * words_) {}

  [[nodiscard]] static std::uint32_t words_for(std::uint32_t vocab) { return (vocab + 31) / 32; }
  [[nodiscard]] std::uint32_t rows() const { return rows_; }
  [[nodiscard]] std::uint32_t words() const { return words_; }  ///< of a row
  /// To write, before publish(), from one thread.
  [[nodiscard]] std::span<std::uint32_t> write(std::uint32_t row) {
    return std::span(bits_).subspan(std::size_t{row} * words_, words_);
  }
  /// The address stays; what lies there counts once they are there.
  [[nodiscard]] std::span<const std::uint32_t> row(std::uint32_t row) const {
    return std::span(bits_).subspan(std::size_t{row} * words_, words_);
  }

  void publish() { enter(state::there); }
  /// Any thread; nothing happens where they are there already.
  void give_up() { enter(state::given_up); }
  /// Takes over what another's rows hold, and publishes it. False, and nothing happens: they are of
  /// other numbers.
  [[nodiscard]] bool take(const token_masks& from);
  [[nodiscard]] bool published() const { return state_.load() == state::there; }
  /// Any thread. Waits until they are there or given up; `awaited`: neither, after `limit`. Of a
  /// time in which the process was stopped only a little counts.
  [[nodiscard]] state await(std::chrono::milliseconds limit) const;

 private:
  void enter(state s);

  std::uint32_t rows_;
  std::uint32_t words_;
  std::vector<std::uint32_t> bits_;
  std::atomic<state> state_ = state::awaited;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
};

}  // namespace troupe
