#include "actors/gateway/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <utility>

#include "actors/gateway/handlers.hpp"
#include "actors/gateway/server_core.hpp"

namespace troupe::gateway {
namespace {

constexpr std::size_t header_read = 4U << 10U;
constexpr std::size_t body_read = 64U << 10U;
/// What a client may still send after its last answer before it is cut off.
constexpr std::size_t discard_limit = 64U << 20U;

std::string_view refusal_code(unsigned status) {
  switch (status) {
    case 404:
      return "unknown_url";
    case 405:
      return "method_not_allowed";
    case 413:
      return "request_too_large";
    case 503:
      return "unavailable";
    default:
      return "invalid_http";
  }
}

api_error refused(unsigned status, std::string message) {
  api_error e;
  e.status = static_cast<int>(status);
  e.message = std::move(message);
  e.code = refusal_code(status);
  if (status >= 500) e.type = "server_error";
  if (status == 503) e.retry_after_seconds = 1;
  return e;
}

}  // namespace

connection::connection(boost::asio::ip::tcp::socket socket,
                       const std::shared_ptr<boost::asio::ssl::context>& tls,
                       std::shared_ptr<server_core> core)
    : stream_(std::move(socket), tls),
      core_(std::move(core)),
      reader_(core_->limits()),
      writer_(stream_, core_->limits().write_timeout, [this](bool ok) { on_sent(ok); }),
      waiting_(stream_.get_executor()),
      silence_(stream_.get_executor()),
      lease_(core_->bodies()) {}

void connection::start(std::optional<api_error> rejection) {
  rejection_ = std::move(rejection);
  if (!stream_.secured()) return open();
  waiting_.arm(core_->limits().handshake_timeout, [this] { abort(); });
  stream_.handshake([self = shared_from_this()](const boost::system::error_code& failed) {
    self->on_handshake(failed);
  });
}

void connection::on_handshake(const boost::system::error_code& failed) {
  if (phase_ == phase::closed) return;
  if (client_stream::is_plain_http(failed)) {
    stream_.drop_tls();
    return turn_away(refused(400, "this port speaks TLS: the address begins with https://"));
  }
  if (failed) {
    core_->metrics()->count_failed_handshake();
    core_->log().debug("a client's TLS handshake failed: {}", failed.message());
    return abort();
  }
  open();
}

void connection::open() {
  if (rejection_) return turn_away(*rejection_);
  waiting_.arm(last_ ? first_words : core_->limits().idle_timeout, [this] { abort(); });
  read();
}

void connection::turn_away(const api_error& error) {
  request_ = {};
  begun_ = std::chrono::steady_clock::now();
  phase_ = phase::answering;
  last_ = true;
  respond(refusal(error));
}

void connection::read() {
  if (reading_ || input_ended_ || phase_ == phase::closed) return;
  if (phase_ != phase::lingering && input_.size() >= core_->limits().lookahead_bytes) return;
  reading_ = true;
  const std::size_t room = reader_.now() == http_reader::state::body || phase_ == phase::lingering
                               ? body_read
                               : header_read;
  // Not into input_, which is consumed while the read is pending.
  if (incoming_.size() != room) incoming_ = std::vector<char>(room);
  stream_.read_some(
      boost::asio::buffer(incoming_),
      [self = shared_from_this()](const boost::system::error_code& failed, std::size_t count) {
        self->on_read(failed, count);
      });
}

void connection::on_read(const boost::system::error_code& failed, std::size_t count) {
  reading_ = false;
  if (phase_ == phase::closed) return;
  if (client_stream::is_end(failed)) return on_input_end();
  if (failed) return abort();
  if (phase_ == phase::lingering) {
    discarded_ += count;
    return discarded_ > discard_limit ? abort() : read();
  }
  input_.commit(boost::asio::buffer_copy(input_.prepare(count), boost::asio::buffer(incoming_)));
  process();
}

void connection::on_input_end() {
  input_ended_ = true;
  last_ = true;
  switch (phase_) {
    case phase::answering:
    case phase::streaming:
      // Whoever watches generates tokens, for nobody now. Other answers are small and follow soon:
      // a client may close its sending side and still read them.
      if (watch_) abort();
      return;
    case phase::reading:
      if (writer_.unsent() == 0) return abort();
      phase_ = phase::closing;
      return;
    case phase::closing:
    case phase::closed:
      return;
    case phase::lingering:
      return abort();
  }
}

void connection::process() {
  if (processing_) return;
  processing_ = true;
  // A client that sends requests and reads no answers is not read from either.
  while (phase_ == phase::reading && input_.size() > 0 &&
         writer_.unsent() < core_->limits().output_bytes) {
    const auto before = reader_.now();
    const auto bytes = input_.data();
    const std::size_t taken = reader_.feed({static_cast<const char*>(bytes.data()), bytes.size()});
    input_.consume(taken);
    on_progress(before);
    if (taken > 0) continue;
    if (phase_ == phase::reading && input_.size() >= core_->limits().lookahead_bytes)
      refuse_input(refused(400, "the body's chunks have too long a header"));
    break;
  }
  processing_ = false;
  read();
}

void connection::on_progress(http_reader::state before) {
  using state = http_reader::state;
  const state now = reader_.now();
  if (now == state::refused)
    return refuse_input(refused(reader_.refusal().status, reader_.refusal().message));
  if (before == state::idle && now != state::idle)
    waiting_.arm(core_->limits().header_timeout, [this] { abort(); });
  if (before != state::body && now == state::body) {
    // A stranger's body is not waited for.
    if (const auto let_in = admit(*core_, reader_.known()); !let_in)
      return refuse_input(let_in.error());
    waiting_.arm(core_->limits().body_timeout, [this] { abort(); });
  }
  if (!lease_.grow_to(reader_.body_bytes()))
    return refuse_input(refused(503, "the bodies being read fill the server's memory; try again"));
  if (reader_.take_continue() && now == state::body)
    writer_.send(shared_from_this(), "HTTP/1.1 100 Continue\r\n\r\n");
  if (now == state::complete) begin_answer();
}

void connection::refuse_input(const api_error& error) {
  request_ = reader_.known();
  begun_ = std::chrono::steady_clock::now();
  phase_ = phase::answering;
  last_ = true;
  respond(refusal_to(request_, error));
}

void connection::begin_answer() {
  waiting_.cancel();
  request_ = reader_.take();
  if (!request_.keep_alive || core_->leaves()) last_ = true;
  fresh_ = false;
  begun_ = std::chrono::steady_clock::now();
  phase_ = phase::answering;
  handle(*core_, shared_from_this());
}

void connection::on_sent(bool ok) {
  if (!ok) {
    core_->log().debug("{}: the client is gone or reads nothing", request_.id);
    return abort();
  }
  if (phase_ == phase::closing) return linger();
  if (phase_ == phase::streaming && more_) {
    const auto more = more_;  // which may end the stream, and with it the original
    return more();
  }
  process();
}

void connection::linger() {
  // Closing with unread input would reset the connection, and the answer might be lost with it.
  stream_.finish(shared_from_this());
  if (input_ended_) return abort();
  phase_ = phase::lingering;
  input_.consume(input_.size());
  waiting_.arm(core_->limits().linger_timeout, [this] { abort(); });
  read();
}

}  // namespace troupe::gateway
