#include "actors/gateway/deadline.hpp"

#include <utility>

namespace troupe::gateway {

deadline::deadline(const boost::asio::any_io_executor& executor)
    : timer_(executor), round_(std::make_shared<std::uint64_t>(0)) {}

deadline::~deadline() { ++*round_; }

void deadline::arm(std::chrono::milliseconds after, std::function<void()> passed) {
  due_ = clock::now() + after;
  passed_ = std::move(passed);
  if (!waiting_ || due_ < wakes_) wait();
}

void deadline::cancel() { passed_ = nullptr; }

void deadline::wait() {
  waiting_ = true;
  wakes_ = due_;
  timer_.expires_at(due_);
  timer_.async_wait(
      [this, round = round_, mine = ++*round_](const boost::system::error_code& failed) {
        if (failed || *round != mine) return;
        waiting_ = false;
        if (!passed_) return;
        if (clock::now() < due_) return wait();
        std::exchange(passed_, nullptr)();
      });
}

}  // namespace troupe::gateway
