#pragma once

#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <boost/context/preallocated.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define TROUPE_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TROUPE_FIBER_ASAN 1
#endif
#endif
#ifdef TROUPE_FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace troupe::kernels::cuda {

/// A function that runs on a stack of its own and can stop half way. AddressSanitizer is told of
/// every change of stacks, which it cannot see by itself.
class stackful {
 public:
  /// `body` must have returned before the object goes. Throws std::bad_alloc.
  explicit stackful(std::function<void()> body) {
    boost::context::fixedsize_stack allocator(stack_bytes);
    const boost::context::stack_context stack = allocator.allocate();
    bottom_ = static_cast<std::byte*>(stack.sp) - stack.size;
    bytes_ = stack.size;
    own_ = boost::context::fiber(
        std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack), allocator,
        [this, run = std::move(body)](boost::context::fiber&& caller) {
          arrived(nullptr);
          caller_ = std::move(caller);
          run();
          leaving(nullptr);
          return std::move(caller_);
        });
  }
  stackful(const stackful&) = delete;
  stackful& operator=(const stackful&) = delete;

  /// From outside: runs until suspend() or the end.
  void resume() {
#ifdef TROUPE_FIBER_ASAN
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, bottom_, bytes_);
#endif
    own_ = std::move(own_).resume();
#ifdef TROUPE_FIBER_ASAN
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }
  /// From inside: back to whoever resumed.
  void suspend() {
    void* fake = nullptr;
    leaving(&fake);
    caller_ = std::move(caller_).resume();
    arrived(fake);
  }

 private:
  static constexpr std::size_t stack_bytes = 64U << 10U;

  void leaving([[maybe_unused]] void** fake) {
#ifdef TROUPE_FIBER_ASAN
    __sanitizer_start_switch_fiber(fake, outside_, outside_bytes_);
#endif
  }
  void arrived([[maybe_unused]] void* fake) {
#ifdef TROUPE_FIBER_ASAN
    __sanitizer_finish_switch_fiber(fake, &outside_, &outside_bytes_);
#endif
  }

  const std::byte* bottom_ = nullptr;
  std::size_t bytes_ = 0;
  [[maybe_unused]] const void* outside_ = nullptr;
  [[maybe_unused]] std::size_t outside_bytes_ = 0;
  boost::context::fiber own_;
  boost::context::fiber caller_;
};

}  // namespace troupe::kernels::cuda
