#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::test {

/// A TCP connection that sends exactly the bytes it is told to. Every wait ends after ten seconds.
class raw_client {
 public:
  explicit raw_client(std::uint16_t port, int receive_buffer = 0);
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  ~raw_client();

  /// Whether a connection to the port comes about within `limit`.
  [[nodiscard]] static bool reaches(std::uint16_t port, std::chrono::milliseconds limit);

  /// False once the server has closed or takes nothing more.
  bool send(std::string_view bytes);
  /// As send, but gives up when nothing could be sent for `patience`; returns how much went out.
  std::size_t send_some(std::string_view bytes, std::chrono::milliseconds patience);
  void finish_sending();
  void reset();

  /// Everything up to and including `mark`; what had come if the server closes before.
  std::string read_until(std::string_view mark);
  std::string read_exactly(std::size_t bytes);
  std::string read_to_end();
  /// True when the server closes within the deadline; what it still sends is dropped.
  bool closed_by_server();

  /// One whole answer with Content-Length: header and body.
  struct reply {
    int status = 0;
    std::string head;
    std::string body;
    [[nodiscard]] bool has(std::string_view line) const {
      return head.find(line) != std::string::npos;
    }
  };
  reply read_reply(bool without_body = false);

 private:
  bool fill();
  int socket_;
  std::string input_;
};

[[nodiscard]] std::string get(std::string_view path, std::string_view more = {});
[[nodiscard]] std::string post(std::string_view path, std::string_view body,
                               std::string_view more = {});

}  // namespace troupe::test
