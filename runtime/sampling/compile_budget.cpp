#include "runtime/sampling/compile_budget.hpp"

#include <malloc.h>
#include <time.h>

#include <cstdlib>
#include <exception>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TROUPE_OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TROUPE_OWN_ALLOCATOR 0
#endif
#endif
#ifndef TROUPE_OWN_ALLOCATOR
#define TROUPE_OWN_ALLOCATOR 1
#endif

namespace troupe {
namespace {

/// Allocations between two looks at the clock, which is a call of the system.
constexpr std::uint64_t look_every = 128;

// Of the thread that compiles: a library's allocations carry nothing that could tell whose they
// are.
thread_local compile_budget* in_force = nullptr;

std::chrono::nanoseconds thread_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

}  // namespace

compile_budget::scope::scope(compile_budget& budget) {
  budget.until_ = thread_time() + budget.limits_.processor;
  in_force = &budget;
}

compile_budget::scope::~scope() { in_force = nullptr; }

bool compile_budget::enforced() { return TROUPE_OWN_ALLOCATOR != 0; }

bool compile_budget::over(std::size_t bytes) {
  if (held_ + static_cast<std::int64_t>(bytes) > static_cast<std::int64_t>(limits_.bytes))
    return true;
  if (++allocations_ > limits_.allocations) return true;
  if (allocations_ < next_look_) return false;
  next_look_ = allocations_ + look_every;
  return thread_time() > until_;
}

void compile_budget::before(std::size_t bytes) {
  // Whoever cleans up behind an exception gets what it needs for that.
  if (!over(bytes) || std::uncaught_exceptions() > 0) return;
  spent_ = true;
  throw budget_exceeded();
}

#if TROUPE_OWN_ALLOCATOR
namespace {

void* allocate(std::size_t bytes) {
  compile_budget* const budget = in_force;
  if (budget != nullptr) budget->before(bytes);
  for (;;) {
    if (void* const got = std::malloc(bytes == 0 ? 1 : bytes); got != nullptr) {
      if (budget != nullptr) budget->took(::malloc_usable_size(got));
      return got;
    }
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void release(void* what) noexcept {
  if (in_force != nullptr && what != nullptr) in_force->gave(::malloc_usable_size(what));
  std::free(what);
}

}  // namespace
#endif
}  // namespace troupe

#if TROUPE_OWN_ALLOCATOR
// Weak: a program that has its own, as a test that counts allocations, keeps them. The forms with
// an alignment stay the standard library's, and are not counted; those without exceptions call
// these.
__attribute__((weak)) void* operator new(std::size_t bytes) { return troupe::allocate(bytes); }
__attribute__((weak)) void* operator new[](std::size_t bytes) { return troupe::allocate(bytes); }
__attribute__((weak)) void operator delete(void* what) noexcept { troupe::release(what); }
__attribute__((weak)) void operator delete[](void* what) noexcept { troupe::release(what); }
__attribute__((weak)) void operator delete(void* what, std::size_t) noexcept {
  troupe::release(what);
}
__attribute__((weak)) void operator delete[](void* what, std::size_t) noexcept {
  troupe::release(what);
}
#endif
