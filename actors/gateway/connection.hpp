#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/gateway/answer.hpp"
#include "actors/gateway/answer_report.hpp"
#include "actors/gateway/byte_budget.hpp"
#include "actors/gateway/client_stream.hpp"
#include "actors/gateway/deadline.hpp"
#include "actors/gateway/http_reader.hpp"
#include "actors/gateway/http_request.hpp"
#include "actors/gateway/socket_writer.hpp"
#include "runtime/api/api_error.hpp"

namespace troupe::gateway {

class server_core;

/// What an answer that takes its time wants to hear of its connection. Io thread.
class answer_watch {
 public:
  answer_watch() = default;
  answer_watch(const answer_watch&) = delete;
  answer_watch& operator=(const answer_watch&) = delete;
  virtual ~answer_watch() = default;
  /// Nobody waits for the answer any more. May come after the answer's end, or twice.
  virtual void on_hang_up() = 0;
  /// The answer is on its way, or given up (status 499). Returns what the log line should add.
  [[nodiscard]] virtual std::string on_finished(int status) = 0;
  /// How it went, after on_finished; none: there is nothing to say.
  [[nodiscard]] virtual std::optional<answer_report> report() { return std::nullopt; }
};

/// One client's connection: requests in, answers out, in order. Io thread only.
///
/// A read is pending even while a request is being answered, so that a client that hangs up is
/// noticed at once. The server's core keeps it alive until it is closed.
class connection : public std::enable_shared_from_this<connection> {
 public:
  /// `tls` null: without.
  connection(boost::asio::ip::tcp::socket socket,
             const std::shared_ptr<boost::asio::ssl::context>& tls,
             std::shared_ptr<server_core> core);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() = default;

  /// `rejection`: answers the one connection too many without reading from it, and closes it.
  void start(std::optional<api_error> rejection = {});
  /// Ends after the answer under way, or the one to a request of which something has come. Whoever
  /// has connected and said nothing yet may do so within a moment; an idle connection ends at once.
  void wind_up();
  /// Ends the answer under way with `error` and then the connection.
  void give_up(const api_error& error);
  /// Closes at once; what has not been sent is lost.
  void abort();

  /// The request being answered. Its answer: either respond, or begin_stream, stream, end_stream.
  [[nodiscard]] const http_request& request() const { return request_; }
  /// The body moves out together with its share of the memory for bodies.
  [[nodiscard]] std::string take_body() { return std::move(request_.body); }
  [[nodiscard]] byte_lease take_lease() { return lease_.hand_over(); }
  void watch(std::shared_ptr<answer_watch> watch) { watch_ = std::move(watch); }

  void respond(const answer& a);
  /// Server-sent events; comment lines fill long silences.
  void begin_stream(int status, std::string_view content_type, const header_list& more = {});
  /// Whole frames. A client that leaves too much unread is cut off.
  void stream(std::string_view frames);
  void end_stream();
  /// A body of `length` bytes that follows in pieces, so that never more than one of them waits for
  /// the client: `more` is called whenever all that came before is out, and answers with
  /// send_piece.
  void begin_body(std::string_view content_type, std::size_t length, const header_list& headers,
                  std::function<void()> more);
  /// After the last piece, end_stream. Nothing happens where the client has left.
  void send_piece(std::string_view bytes);

 private:
  /// For a client that has just connected when the server is told to end.
  static constexpr std::chrono::milliseconds first_words{1'000};

  /// closing: everything is written but not yet sent. lingering: waits for the client's end.
  enum class phase : std::uint8_t { reading, answering, streaming, closing, lingering, closed };

  void on_handshake(const boost::system::error_code& failed);
  void open();
  void turn_away(const api_error& error);
  void read();
  void on_read(const boost::system::error_code& failed, std::size_t count);
  void on_input_end();
  void process();
  void on_progress(http_reader::state before);
  void refuse_input(const api_error& error);
  void begin_answer();
  void on_sent(bool ok);
  void send_frame(std::string_view frames);
  void arm_comment();
  void finish(int status);
  void leave(int status);
  void linger();

  client_stream stream_;
  std::shared_ptr<server_core> core_;
  std::optional<api_error> rejection_;
  std::vector<char> incoming_;
  boost::beast::flat_buffer input_;
  http_reader reader_;
  socket_writer writer_;
  deadline waiting_;
  deadline silence_;
  byte_lease lease_;
  http_request request_;
  std::shared_ptr<answer_watch> watch_;
  std::function<void()> more_;  ///< of a body in pieces
  std::chrono::steady_clock::time_point begun_;
  std::size_t discarded_ = 0;
  phase phase_ = phase::reading;
  bool reading_ = false;
  bool processing_ = false;
  bool input_ended_ = false;
  bool last_ = false;
  bool fresh_ = true;  ///< no request has come yet
  bool chunked_ = false;
  int stream_status_ = 200;
};

}  // namespace troupe::gateway
