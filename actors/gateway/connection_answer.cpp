// The answering half of a connection.
#include <fmt/format.h>

#include <utility>

#include "actors/gateway/connection.hpp"
#include "actors/gateway/request_record.hpp"
#include "actors/gateway/server_core.hpp"
#include "runtime/api/event_frame.hpp"

namespace troupe::gateway {
namespace {

/// What logs and metrics say of an answer whose client left before its end.
constexpr int client_left = 499;

}  // namespace

void connection::respond(const answer& a) {
  if (phase_ != phase::answering) return;
  answer_head head;
  head.status = a.status;
  head.content_type = a.content_type;
  head.request_id = request_.id;
  head.allow_origin = core_->config().allow_origin;
  head.length = a.body.size();
  head.keep_alive = !last_;
  head.http_1_0 = request_.http_1_0;
  std::string bytes = format_head(head, a.headers);
  if (!request_.head()) bytes += a.body;
  writer_.send(shared_from_this(), bytes);
  finish(a.status);
}

void connection::begin_stream(int status, std::string_view content_type, const header_list& more) {
  if (phase_ != phase::answering) return;
  phase_ = phase::streaming;
  stream_status_ = status;
  chunked_ = !request_.http_1_0;
  if (!chunked_) last_ = true;
  answer_head head;
  head.status = status;
  head.content_type = content_type;
  head.request_id = request_.id;
  head.allow_origin = core_->config().allow_origin;
  head.body = chunked_ ? framing::chunked : framing::until_close;
  head.keep_alive = !last_;
  head.http_1_0 = request_.http_1_0;
  head.stream = true;
  writer_.send(shared_from_this(), format_head(head, more));
  arm_comment();
}

void connection::stream(std::string_view frames) {
  if (phase_ != phase::streaming || frames.empty()) return;
  if (writer_.unsent() > core_->limits().output_bytes) {
    core_->log().info("{}: cut off, as its client leaves {} bytes unread", request_.id,
                      writer_.unsent());
    return abort();
  }
  send_frame(frames);
  arm_comment();
}

void connection::send_frame(std::string_view frames) {
  const auto self = shared_from_this();
  if (chunked_) writer_.send(self, fmt::format("{:x}\r\n", frames.size()));
  writer_.send(self, frames);
  if (chunked_) writer_.send(self, "\r\n");
}

void connection::arm_comment() {
  silence_.arm(core_->limits().comment_interval, [this] { stream(": keep-alive\n\n"); });
}

void connection::end_stream() {
  if (phase_ != phase::streaming) return;
  if (chunked_) writer_.send(shared_from_this(), "0\r\n\r\n");
  finish(stream_status_);
}

void connection::begin_body(std::string_view content_type, std::size_t length,
                            const header_list& headers, std::function<void()> more) {
  if (phase_ != phase::answering) return;
  phase_ = phase::streaming;
  stream_status_ = 200;
  chunked_ = false;
  more_ = std::move(more);
  answer_head head;
  head.content_type = content_type;
  head.request_id = request_.id;
  head.allow_origin = core_->config().allow_origin;
  head.length = length;
  head.keep_alive = !last_;
  head.http_1_0 = request_.http_1_0;
  writer_.send(shared_from_this(), format_head(head, headers));
}

void connection::send_piece(std::string_view bytes) {
  if (phase_ == phase::streaming && more_) writer_.send(shared_from_this(), bytes);
}

void connection::finish(int status) {
  leave(status);
  phase_ = last_ ? phase::closing : phase::reading;
  // What was sent in this turn is still on its way, so closing waits for on_sent.
  if (last_) return;
  waiting_.arm(core_->limits().idle_timeout, [this] { abort(); });
  process();
}

void connection::leave(int status) {
  silence_.cancel();
  more_ = nullptr;
  const std::shared_ptr<answer_watch> watch = std::exchange(watch_, nullptr);
  if (watch && status == client_left) watch->on_hang_up();
  const std::string more = watch ? watch->on_finished(status) : std::string();
  core_->metrics()->count_request(label(request_.target), status);
  const auto now = std::chrono::steady_clock::now();
  const std::optional<answer_report> report = watch ? watch->report() : std::nullopt;
  // A program that looks at servers again and again learns from a 404 that one is no cluster.
  const bool routine = !watch && (status < 400 || request_.target == route::cluster);
  const auto level = routine ? spdlog::level::debug : spdlog::level::info;
  if (core_->log().should_log(level))
    core_->log().log(level, "{}", log_line(request_, status, now - begun_, more, report));
  const auto& backend = core_->backend();
  if (report && backend.traces && backend.model && (!request_.trace || request_.trace->sampled))
    backend.traces->offer(spans_of(request_, status, begun_, now, backend.model->id, *report));
  request_.body = std::string();
  lease_.give_back();
}

void connection::wind_up() {
  last_ = true;
  if (phase_ != phase::reading) return;
  if (reader_.now() != http_reader::state::idle) return;
  if (fresh_ && !rejection_) return waiting_.arm(first_words, [this] { abort(); });
  if (writer_.unsent() == 0) return abort();
  phase_ = phase::closing;
}

void connection::give_up(const api_error& error) {
  last_ = true;
  // In the middle of a file there is no place for words.
  if (phase_ == phase::streaming && more_) return abort();
  if (phase_ == phase::streaming) {
    // The status line is long gone: the error travels as an event, and nothing follows it.
    const std::shared_ptr<answer_watch> watch = watch_;
    if (watch) watch->on_hang_up();
    stream_status_ = error.status;
    send_frame(event_frame(error.body()));
    end_stream();
  } else if (phase_ == phase::answering) {
    const std::shared_ptr<answer_watch> watch = watch_;
    if (watch) watch->on_hang_up();
    respond(refusal_to(request_, error));
  } else if (phase_ == phase::reading) {
    abort();
  }
}

void connection::abort() {
  if (phase_ == phase::closed) return;
  const bool answering = phase_ == phase::answering || phase_ == phase::streaming;
  phase_ = phase::closed;
  writer_.abandon();
  waiting_.cancel();
  stream_.close();
  if (answering) leave(client_left);
  core_->remove(shared_from_this());
}

}  // namespace troupe::gateway
