#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace troupe::cli {

/// Tells systemd, or whoever started this process and listens at a datagram socket as systemd does
/// (sd_notify(3)), how it is doing. Without such a listener nothing is sent. A listener that is
/// gone, or has no room, is passed over: nobody waits for it. Any one thread at a time.
class service_manager {
 public:
  using clock = std::chrono::steady_clock;

  /// As the environment says: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
  service_manager();
  /// At `socket`, a path or "@" and an abstract name; empty: nobody listens. `watchdog` is the
  /// longest silence it tolerates; 0: any.
  service_manager(std::string socket, std::chrono::microseconds watchdog);
  service_manager(const service_manager&) = delete;
  service_manager& operator=(const service_manager&) = delete;
  ~service_manager();

  /// It does what it was started for. Again where it has begun anew; `status` is for people.
  void ready(std::string_view status);
  void status(std::string_view text);
  /// It ends, when what is under way has, in at most `limit` and a few seconds.
  void stopping(std::string_view status, std::chrono::microseconds limit);
  /// It lives. Call it as often as you like: only what the watchdog needs is sent.
  void alive(clock::time_point now = clock::now());

 private:
  void send(std::string_view text) const;

  std::string socket_;
  std::chrono::microseconds watchdog_{0};
  clock::time_point next_;
  int file_ = -1;
};

}  // namespace troupe::cli
