#include "runtime/sampling/structure_library.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace troupe {

using std::chrono::steady_clock;

namespace {
constexpr int compiling_nice = 15;
}  // namespace

bool structure_library::order::done() const {
  const std::lock_guard lock(mutex_);
  return outcome_.has_value();
}

result<structure_library::structure_ptr> structure_library::order::outcome() const {
  const std::lock_guard lock(mutex_);
  if (!outcome_) return fail(errc::unavailable, "the structure is not compiled yet");
  return *outcome_;
}

structure_library::structure_library(std::function<compile_fn()> make,
                                     const structure_limits& limits)
    : limits_(limits), make_(std::move(make)) {}

structure_library::~structure_library() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

result<structure_library::order_ptr> structure_library::want(const std::string& structure,
                                                             std::size_t waiting) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(structure);
  if (known != entries_.end()) {
    known->second.used = ++uses_;
    return known->second.asked;
  }
  if (queue_.size() >= waiting) {
    return fail(errc::exhausted, "{} structures wait to be compiled; try again later",
                queue_.size());
  }
  auto asked = std::make_shared<order>();
  entries_.emplace(structure, entry{asked, ++uses_, 0});
  queue_.push_back(structure);
  if (threads_.size() < limits_.threads)
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  changed_.notify_one();
  return asked;
}

result<structure_library::structure_ptr> structure_library::get(const std::string& structure) {
  const auto asked = want(structure);
  if (!asked) return fail(asked.error());
  const order& o = **asked;
  std::unique_lock lock(o.mutex_);
  const auto there = [&] { return o.outcome_.has_value(); };
  // Whoever asks for what has been compiled for too long already need not wait as long again.
  auto until = steady_clock::now() + limits_.longest;
  if (o.begun_) until = std::min(until, *o.begun_ + limits_.longest);
  if (o.changed_.wait_until(lock, until, there)) return *o.outcome_;
  if (!o.begun_)
    return fail(errc::exhausted, "other structures are being compiled; try again later");
  return fail(errc::out_of_range, "it takes longer than {} ms to compile: ask for less",
              limits_.longest.count());
}

const structure_library::compile_fn& structure_library::compiler() {
  std::call_once(made_, [this] {
    try {
      compile_ = make_();
    } catch (const std::exception& e) {
      compile_ = [why = std::string(e.what())](const std::string&) -> result<structure_ptr> {
        return fail(errc::unsupported, "the model's vocabulary cannot be held to it: {}", why);
      };
    }
  });
  return compile_;
}

void structure_library::work(const std::stop_token& stop) {
  // Of this thread alone, on Linux: what is costly to compile must not slow what is being drawn.
  (void)::setpriority(PRIO_PROCESS, 0, compiling_nice);
  const compile_fn& compile = compiler();
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !queue_.empty(); }) && !stop.stop_requested()) {
    const std::string structure = std::move(queue_.front());
    queue_.pop_front();
    const std::shared_ptr<order> asked = entries_.at(structure).asked;
    lock.unlock();
    {
      const std::lock_guard held(asked->mutex_);
      asked->begun_ = steady_clock::now();
    }
    auto outcome = compile(structure);
    const std::size_t bytes = outcome ? (*outcome)->bytes() : 0;
    lock.lock();
    keep(structure, bytes);
    {
      const std::lock_guard held(asked->mutex_);
      asked->outcome_ = std::move(outcome);
    }
    asked->changed_.notify_all();
  }
}

void structure_library::keep(const std::string& structure, std::size_t bytes) {
  entry& e = entries_.at(structure);
  e.bytes = bytes + structure.size();
  bytes_ += e.bytes;
  ++compiled_;
  make_room();
}

/// The youngest stays, however large it is. What is not compiled yet has no bytes.
void structure_library::make_room() {
  while (entries_.size() > 1 && (bytes_ > limits_.bytes || entries_.size() > limits_.kept)) {
    auto oldest = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      if (at->second.bytes == 0 || at->second.used == uses_) continue;
      if (oldest == entries_.end() || at->second.used < oldest->second.used) oldest = at;
    }
    if (oldest == entries_.end()) return;
    bytes_ -= oldest->second.bytes;
    entries_.erase(oldest);
  }
}

std::size_t structure_library::kept() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::size_t structure_library::compiled() const {
  const std::lock_guard lock(mutex_);
  return compiled_;
}

std::shared_ptr<structure_library> make_structure_library(std::shared_ptr<const tokenizer> tokens,
                                                          std::uint32_t vocab,
                                                          std::vector<token_id> ends,
                                                          const structure_limits& limits) {
  auto make = [tokens = std::move(tokens), vocab, ends = std::move(ends)] {
    const auto compiler = std::make_shared<const structure_compiler>(*tokens, vocab, ends);
    return [compiler](const std::string& structure) { return compiler->compile(structure); };
  };
  return std::make_shared<structure_library>(std::move(make), limits);
}

}  // namespace troupe
