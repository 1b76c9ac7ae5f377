#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/keys/key_index.hpp"
#include "runtime/keys/key_store.hpp"

namespace troupe {

struct key_ring_settings {
  /// A change of the file counts after so long, and so much spending is lost to kill -9.
  std::chrono::milliseconds refresh{500};
  /// For so long keys stay good while the file cannot be read.
  std::chrono::milliseconds most_stale{15'000};
  /// Hears, on the ring's thread, that the file cannot be used and that it can be again.
  std::function<void(std::string_view)> warn;
};

/// The keys of a file for as long as a server runs: follows changes that others make to it, and
/// writes down what the keys spend. Looking up waits for no disk. Any thread.
class key_ring {
 public:
  /// Reads the file once. Fails as key_store::open does.
  [[nodiscard]] static result<std::unique_ptr<key_ring>> open(const std::filesystem::path& path,
                                                              key_ring_settings settings = {});
  key_ring(const key_ring&) = delete;
  key_ring& operator=(const key_ring&) = delete;
  /// Writes down what is still to be saved.
  ~key_ring() = default;

  /// See key_index::find.
  [[nodiscard]] result<std::shared_ptr<live_key>> find(std::string_view presented) const;
  [[nodiscard]] result<std::shared_ptr<live_key>> find(std::int64_t id) const;

  /// What was taken of limited keys since this was last asked; none that took nothing.
  [[nodiscard]] std::vector<key_taken> taken();
  /// What others have taken; of keys that are not here nothing comes.
  void add(std::span<const key_taken> by_others, live_key::time now);
  /// Each of so many processes has its part of the limits of a minute; keys that come later too.
  void divide(std::uint32_t among);

 private:
  key_ring(key_store store, key_ring_settings settings);
  void follow(const std::stop_token& stop);
  [[nodiscard]] result<void> refresh();
  [[nodiscard]] result<void> save();

  const key_ring_settings settings_;
  key_index index_;
  key_store store_;  ///< the thread's, once that runs
  std::int64_t version_ = -1;
  std::atomic<std::uint32_t> among_{1};
  std::jthread thread_;
};

}  // namespace troupe
