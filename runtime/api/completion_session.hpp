#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "runtime/api/answer_account.hpp"
#include "runtime/api/answer_recall.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/response_format.hpp"
#include "runtime/api/response_request.hpp"
#include "runtime/api/response_sink.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// Hears how a session goes, for metrics. Called in order, one call at a time, from the threads
/// that bring the tokens; must not block. The one that listens keeps the time.
class session_observer {
 public:
  session_observer() = default;
  session_observer(const session_observer&) = delete;
  session_observer& operator=(const session_observer&) = delete;
  virtual ~session_observer() = default;
  /// `count` more tokens were drawn (over all choices and prompts).
  virtual void on_tokens(std::size_t count) = 0;
  /// A choice has ended.
  virtual void on_choice(finish_reason reason) = 0;
  /// One prompt's request is done (a request whose stop strings ended it has none).
  virtual void on_summary(const generation_summary& summary) = 0;
  /// What the answer costs, once it is charged: at its end, or where its client left. Not of one
  /// that fails, nor where there are no prices.
  virtual void on_cost(const request_cost& /*cost*/) {}
};

/// What a request may come to at most, before any of it is drawn.
struct generation_cost {
  std::uint64_t prompt_tokens = 0;
  std::uint64_t answer_tokens = 0;  ///< where the request does not say, a moderate answer's
  amount money = {};                ///< of these tokens, at most; 0 where there are no prices
};

/// What sessions need of the program around them.
struct api_context {
  std::shared_ptr<const served_model> model;
  generation_service* service = nullptr;  ///< borrowed: outlives every session
  std::function<std::uint64_t()> random;  ///< seeds and ids; any thread
  std::function<std::int64_t()> now;      ///< seconds since 1970; any thread
  api_limits limits;
  bool resumable = false;  ///< what is asked for can be recalled: streams are numbered
  accounting account = {};
  std::uint64_t tenant = 0;       ///< `account` of generation_request
  std::uint8_t rank = 1;          ///< of generation_request
  std::uint64_t cache_space = 0;  ///< of generation_request
  /// Asked once the request is understood, before it is submitted: why it is refused, if it is.
  /// Called on the thread that makes the session. Empty: it never is.
  std::function<std::optional<api_error>(const generation_cost&)> admit;
};

/// The endpoints that complete a prompt. The numbers go over the wire: none is ever changed.
enum class api_protocol : std::uint8_t { chat = 0, completions = 1, dashscope = 2, responses = 3 };

/// Who an answer is, where the caller has said so before: asked for again, it is the same answer.
struct answer_identity {
  std::string id;
  std::int64_t created = 0;
  std::uint64_t seed = 0;  ///< of whatever is drawn at random
};

/// What a response is made of besides its body.
struct response_call {
  response_request request;
  boost::json::array history;  ///< the items of the conversation before it
  response_frame frame;
  std::shared_ptr<response_watcher> watcher;
};

/// One HTTP request for a completion.
struct completion_call {
  api_protocol protocol = api_protocol::chat;
  std::string_view body;
  bool events = false;  ///< DashScope's header asks for a stream; bodies of the others say so
  std::optional<answer_identity> identity = std::nullopt;  ///< none: a new one
  /// Of api_protocol::responses, which needs it and an identity, and no body.
  std::shared_ptr<const response_call> response = nullptr;
};

/// One completion request from its body to the last byte of its answer.
///
/// It parses, submits one generation request a prompt, turns tokens into text, ends choices at stop
/// strings, and writes the answer (server-sent events or one JSON body) to the sink. It keeps
/// itself alive until the answer is complete.
class completion_session {
 public:
  /// When the body is refused, sink->fail has been called and null is returned. Parsing and
  /// tokenizing happen here, on the caller's thread: not on one that must not be held up.
  [[nodiscard]] static std::shared_ptr<completion_session> begin(
      const api_context& context, const completion_call& call, std::shared_ptr<response_sink> sink,
      std::shared_ptr<session_observer> observer = {});
  /// Goes on with the stream of a recalled answer behind the first `after` of its events; otherwise
  /// as begin(). The answer's origin must be of `protocol`, else it is not found there.
  [[nodiscard]] static std::shared_ptr<completion_session> resume(
      const api_context& context, answer_recall& recall, api_protocol protocol,
      const recalled_answer& answer, std::uint64_t after, std::shared_ptr<response_sink> sink,
      std::shared_ptr<session_observer> observer = {});

  completion_session() = default;
  completion_session(const completion_session&) = delete;
  completion_session& operator=(const completion_session&) = delete;
  virtual ~completion_session() = default;

  /// The client is gone: cancels what is under way. Any thread (but not from inside the sink); the
  /// sink may still get a call that is under way, then none.
  virtual void cancel() = 0;
};

}  // namespace troupe
