#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "actors/gateway/connection.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/api/response_sink.hpp"

namespace troupe::gateway {

/// Carries one session's answer from the threads that bring tokens to the connection on the io
/// thread. What comes in quick succession crosses over together.
///
/// The session holds the relay and the relay holds the session, until the answer's end or until
/// the client has left, whichever comes first.
class answer_relay : public response_sink, public std::enable_shared_from_this<answer_relay> {
 public:
  /// A stream may have `limit` bytes here that the io thread has not fetched.
  answer_relay(std::weak_ptr<boost::asio::io_context> io, std::weak_ptr<connection> client,
               std::size_t limit);

  void begin(int status, std::string_view content_type) override;
  [[nodiscard]] bool write(std::string bytes) override;
  void end(std::string last) override;
  void fail(const api_error& error) override;

  /// What the answer's header says besides. Before the answer begins.
  void add_headers(header_list more);
  /// False once the client has left. Any thread.
  [[nodiscard]] bool wanted();
  /// The session to cancel when the client leaves; at once where it has left already. Any thread.
  void attach(std::shared_ptr<completion_session> session);
  /// The client has left: cancels the session. Any thread.
  void abandon();

 private:
  /// Nothing more is taken once it is not open.
  enum class state : std::uint8_t { open, ended, abandoned };

  /// What has come in and not been fetched.
  struct parcel {
    std::optional<answer> whole;
    std::string frames;
    bool begins = false;
    bool ends = false;
    bool overflows = false;
  };

  void schedule(std::unique_lock<std::mutex> lock);
  void append_headers(answer& to) const;
  void deliver();

  const std::weak_ptr<boost::asio::io_context> io_;
  const std::weak_ptr<connection> client_;
  const std::size_t limit_;
  std::mutex mutex_;
  std::shared_ptr<completion_session> session_;
  parcel parcel_;
  header_list headers_;
  answer head_;  ///< status and type as begin gave them; collects a body that is not a stream
  bool stream_ = false;
  bool scheduled_ = false;
  state state_ = state::open;
};

}  // namespace troupe::gateway
