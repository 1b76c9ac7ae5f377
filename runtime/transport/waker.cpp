#include "runtime/transport/waker.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace troupe {

waker::waker() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

waker::~waker() { ::close(descriptor_); }

void waker::clear() {
  if (asleep_.exchange(false)) return;  // nobody has written
  std::uint64_t count = 0;
  (void)!::read(descriptor_, &count, sizeof count);
}

void waker::wake() {
  if (!asleep_.load() || !asleep_.exchange(false)) return;
  const std::uint64_t one = 1;
  (void)!::write(descriptor_, &one, sizeof one);
}

}  // namespace troupe
