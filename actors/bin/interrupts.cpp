#include "actors/bin/interrupts.hpp"

#include <ctime>

namespace troupe::cli {

interrupts::interrupts(std::initializer_list<int> signals) {
  sigemptyset(&signals_);
  for (const int signal : signals) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

interrupts::~interrupts() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int interrupts::take() const { return wait(0); }

int interrupts::wait(long milliseconds) const {
  const timespec limit{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  const int signal = sigtimedwait(&signals_, nullptr, &limit);
  return signal > 0 ? signal : 0;
}

void interrupts::deliver() const {
  const int signal = take();
  if (signal == 0) return;
  release();
  raise(signal);
}

void interrupts::release() const { pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); }

}  // namespace troupe::cli
