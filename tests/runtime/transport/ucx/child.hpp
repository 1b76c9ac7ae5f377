#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/runtime/transport/test_peer.hpp"

namespace troupe::test {

/// A process of its own with a transport (peer_process.cpp): it sends every frame back, and ends
/// when this object or the test ends.
class child {
 public:
  /// Starts it as peer `id`, introduced to `parent` by the nonce, and waits for its address.
  /// `version` is what it says that it speaks.
  child(const test_peer& parent, peer_id id, std::uint64_t nonce, const std::string& transports,
        unsigned version = 1);
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child();

  [[nodiscard]] const peer_address& address() const { return address_; }
  /// After SIGSTOP it has stopped.
  void signal(int number) const;
  /// Waits for the next line that it writes: "lost" when it has lost the parent.
  [[nodiscard]] std::string line();

 private:
  pid_t process_ = -1;
  int output_ = -1;
  std::string buffered_;
  peer_address address_;
};

}  // namespace troupe::test
