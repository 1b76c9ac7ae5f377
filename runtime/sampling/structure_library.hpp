#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/sampling/structure.hpp"

namespace troupe {

struct structure_limits {
  std::uint32_t threads = 2;          ///< that compile
  std::size_t waiting = 8;            ///< structures that wait for a thread
  std::size_t kept = 1024;            ///< structures kept, and
  std::size_t bytes = 256UL << 20UL;  ///< the memory that they take
  /// After so long whoever waits for a structure is told to ask for less.
  std::chrono::milliseconds longest{5'000};
};

/// Compiles the structures that requests ask for on threads of its own, and keeps them for the next
/// request, the least recently used going first. Any thread may call any method.
class structure_library {
 public:
  using structure_ptr = std::shared_ptr<const compiled_structure>;
  using compile_fn = std::function<result<structure_ptr>(const std::string&)>;

  /// A structure asked for: on its way, there, or refused.
  class order {
   public:
    [[nodiscard]] bool done() const;
    /// Of one that is done.
    [[nodiscard]] result<structure_ptr> outcome() const;

   private:
    friend class structure_library;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::optional<result<structure_ptr>> outcome_;
    std::optional<std::chrono::steady_clock::time_point> begun_;
  };
  using order_ptr = std::shared_ptr<const order>;

  /// `make` is called once, on a compiling thread, when the first structure is asked for: what it
  /// returns compiles, on several threads at once.
  explicit structure_library(std::function<compile_fn()> make, const structure_limits& limits = {});
  structure_library(const structure_library&) = delete;
  structure_library& operator=(const structure_library&) = delete;
  /// Waits for what is being compiled.
  ~structure_library();

  /// Asks for a structure, without waiting. exhausted: `waiting` others are before it.
  [[nodiscard]] result<order_ptr> want(const std::string& structure, std::size_t waiting);
  [[nodiscard]] result<order_ptr> want(const std::string& structure) {
    return want(structure, limits_.waiting);
  }
  /// Asks for it and waits, for as long as the limits say. out_of_range: compiling takes longer;
  /// exhausted: others were before it for all that time.
  [[nodiscard]] result<structure_ptr> get(const std::string& structure);

  [[nodiscard]] std::size_t kept() const;
  [[nodiscard]] std::size_t compiled() const;  ///< structures so far

 private:
  struct entry {
    std::shared_ptr<order> asked;
    std::uint64_t used = 0;
    std::size_t bytes = 0;
  };

  void work(const std::stop_token& stop);
  [[nodiscard]] const compile_fn& compiler();
  void keep(const std::string& structure, std::size_t bytes);
  void make_room();

  const structure_limits limits_;
  std::function<compile_fn()> make_;
  std::once_flag made_;
  compile_fn compile_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, entry> entries_;
  std::deque<std::string> queue_;
  std::uint64_t uses_ = 0;
  std::size_t bytes_ = 0;
  std::size_t compiled_ = 0;
  std::vector<std::jthread> threads_;
};

/// A library for the vocabulary of a model: see structure_compiler.
[[nodiscard]] std::shared_ptr<structure_library> make_structure_library(
    std::shared_ptr<const tokenizer> tokens, std::uint32_t vocab, std::vector<token_id> ends,
    const structure_limits& limits = {});

}  // namespace troupe
