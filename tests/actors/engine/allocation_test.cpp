// What compute threads allocate. A program of its own, as it replaces operator new.
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

#include "tests/actors/engine/engine_harness.hpp"

namespace troupe::test {
namespace {

std::atomic<std::uint64_t>& allocations() {
  static std::atomic<std::uint64_t> count = 0;
  return count;
}

void note_allocation() {
  char name[16] = {};
  if (::pthread_getname_np(::pthread_self(), name, sizeof name) != 0) return;
  if (std::string_view(name) == "troupe.compute") ++allocations();
}

void* try_allocate(std::size_t bytes, std::size_t alignment) noexcept {
  note_allocation();
  return alignment <= alignof(std::max_align_t)
             ? std::malloc(bytes == 0 ? 1 : bytes)
             : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  void* memory = try_allocate(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

generation_request greedy(std::uint32_t tokens) {
  generation_request r;
  r.prompt = {1, 2, 3, 4, 5, 6, 7, 8};
  r.sampling.temperature = 0;
  r.max_tokens = tokens;
  r.ignore_eos = true;
  return r;
}

TEST_CASE("in the steady state a step's work allocates nothing, only its result does") {
  const auto engine = start("tiny-qwen3-moe", tiny_config());
  (void)run_all(*engine, {greedy(60)});  // buffers reach their sizes
  const std::uint64_t steps_before = engine->stats().steps;
  const std::uint64_t tasks_before = engine->compute().counters().tasks;
  const std::uint64_t before = allocations();
  (void)run_all(*engine, {greedy(120)});
  const auto steps = static_cast<double>(engine->stats().steps - steps_before);
  const auto tasks = static_cast<double>(engine->compute().counters().tasks - tasks_before);
  const auto counted = static_cast<double>(allocations() - before);
  REQUIRE(steps >= 100);
  MESSAGE("a step: ", counted / steps, " allocations, ", tasks / steps, " tasks");
  CHECK(tasks / steps > 20);
  // The result is a message to the batcher: a handful of allocations behind the last task.
  CHECK(counted / steps < 10);
}

}  // namespace
}  // namespace troupe::test

// The whole set: a sanitizer's runtime has each form, none of which calls another, and takes a mix
// of its own and of ours for a mistake.
using troupe::test::allocate;
using troupe::test::try_allocate;

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return try_allocate(bytes, alignof(std::max_align_t));
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return try_allocate(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return try_allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return try_allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}
