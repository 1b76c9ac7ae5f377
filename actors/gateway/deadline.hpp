#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace troupe::gateway {

/// A deadline that is moved far more often than it passes: moving it later costs no system call.
/// Used on the io thread only; destroying it is as good as cancelling.
class deadline {
 public:
  explicit deadline(const boost::asio::any_io_executor& executor);
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline();

  /// Calls `passed` once, `after` from now, unless moved or cancelled before.
  void arm(std::chrono::milliseconds after, std::function<void()> passed);
  void cancel();

 private:
  using clock = std::chrono::steady_clock;
  void wait();

  boost::asio::steady_timer timer_;
  std::function<void()> passed_;
  clock::time_point due_;
  clock::time_point wakes_;
  bool waiting_ = false;
  /// What a wait that is already on its way back looks at before it touches this object.
  std::shared_ptr<std::uint64_t> round_;
};

}  // namespace troupe::gateway
