#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "runtime/transport/aligned_bytes.hpp"

namespace troupe {

/// Frames and their bytes since a connection began.
struct frame_totals {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const frame_totals&, const frame_totals&) = default;
};

/// The credits of one direction, as either end counts them: what went out less what came back. A
/// frame larger than the whole window is taken when nothing else is out.
class credit_window {
 public:
  credit_window() = default;
  explicit credit_window(frame_totals granted) : granted_(granted) {}

  [[nodiscard]] bool takes(std::size_t bytes) const {
    const frame_totals out = outstanding();
    if (out.frames == 0) return true;
    return out.frames < granted_.frames && out.bytes + bytes <= granted_.bytes;
  }
  void take(std::size_t bytes) {
    ++taken_.frames;
    taken_.bytes += bytes;
  }
  /// Totals that came back so far; older ones change nothing. False: more than went out.
  [[nodiscard]] bool returned(frame_totals t) {
    if (t.frames > taken_.frames || t.bytes > taken_.bytes) return false;
    returned_.frames = std::max(returned_.frames, t.frames);
    returned_.bytes = std::max(returned_.bytes, t.bytes);
    return true;
  }
  [[nodiscard]] frame_totals outstanding() const {
    return {taken_.frames - returned_.frames, taken_.bytes - returned_.bytes};
  }

 private:
  frame_totals granted_;
  frame_totals taken_;
  frame_totals returned_;
};

/// What a receiver has released of one peer's frames. Any thread.
class credit_ledger {
 public:
  /// `wake` is called, from whichever thread, once a quarter of the window was released since the
  /// peer was last told, so that a sender never starves while most of its credits are back.
  credit_ledger(frame_totals window, std::function<void()> wake)
      : quarter_{window.frames / 4 + 1, window.bytes / 4 + 1}, wake_(std::move(wake)) {
    told({});
  }

  void release(std::size_t bytes) {
    // Bytes first: whoever reads the frames reads at least their bytes.
    const std::uint64_t b = bytes_.fetch_add(bytes) + bytes;
    const std::uint64_t f = frames_.fetch_add(1) + 1;
    if ((f >= due_frames_.load() || b >= due_bytes_.load()) && wake_) wake_();
  }
  [[nodiscard]] frame_totals released() const {
    const std::uint64_t frames = frames_.load();
    return {frames, bytes_.load()};
  }
  /// So much is to be told that it should not wait for the next frame.
  [[nodiscard]] bool due() const {
    return frames_.load() >= due_frames_.load() || bytes_.load() >= due_bytes_.load();
  }
  [[nodiscard]] bool untold() const { return frames_.load() > told_frames_.load(); }
  void told(frame_totals t) {
    told_frames_.store(t.frames);
    due_frames_.store(t.frames + quarter_.frames);
    due_bytes_.store(t.bytes + quarter_.bytes);
  }

 private:
  frame_totals quarter_;
  std::function<void()> wake_;
  std::atomic<std::uint64_t> frames_ = 0, bytes_ = 0;
  std::atomic<std::uint64_t> told_frames_ = 0, due_frames_ = 0, due_bytes_ = 0;
};

/// The memory of a frame that arrived. With the last reference to it go its credits.
class received_memory {
 public:
  received_memory(std::shared_ptr<credit_ledger> ledger, std::size_t counted, aligned_bytes bytes,
                  std::shared_ptr<const void> kept = {})
      : ledger_(std::move(ledger)),
        counted_(counted),
        bytes_(std::move(bytes)),
        span_(bytes_.span()),
        kept_(std::move(kept)) {}
  /// In memory of somebody else's, which `owner` keeps.
  received_memory(std::shared_ptr<credit_ledger> ledger, std::size_t counted,
                  std::span<std::byte> lent, std::shared_ptr<const void> owner)
      : ledger_(std::move(ledger)), counted_(counted), span_(lent), kept_(std::move(owner)) {}
  received_memory(const received_memory&) = delete;
  received_memory& operator=(const received_memory&) = delete;
  ~received_memory() { ledger_->release(counted_); }

  [[nodiscard]] std::span<std::byte> bytes() const { return span_; }

 private:
  std::shared_ptr<credit_ledger> ledger_;
  std::size_t counted_;
  aligned_bytes bytes_;
  std::span<std::byte> span_;
  std::shared_ptr<const void> kept_;
};

}  // namespace troupe
