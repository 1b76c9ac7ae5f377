#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/api/answer_account.hpp"
#include "runtime/api/answer_builder.hpp"
#include "runtime/api/answer_format.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/api/prompt.hpp"

namespace troupe {

/// One prompt of a session, ready to submit.
struct session_prompt {
  generation_request request;
  prepared_prompt prompt;
};

/// From where a session's stream is told.
struct stream_place {
  bool resumable = false;   ///< its events depend on the answer alone, not on how it came
  std::uint64_t after = 0;  ///< events that the client has had
};

/// The session behind all endpoints: joins the answers of its prompts' requests and writes them
/// out. Callbacks of different requests may come from different threads.
class session_core final : public completion_session,
                           public std::enable_shared_from_this<session_core> {
 public:
  using submitter =
      std::function<result<request_id>(generation_request, std::shared_ptr<generation_listener>)>;

  session_core(const api_context& context, request_options options,
               std::unique_ptr<answer_format> format, const stream_place& place,
               std::shared_ptr<response_sink> sink, std::shared_ptr<session_observer> observer);

  /// Hands every prompt in; once. False when one was refused: the sink has been told, and those
  /// handed in before are cancelled.
  [[nodiscard]] bool start(std::vector<session_prompt> prompts, bool echo, const submitter& submit);
  void cancel() override;

  void on_prompt_scored(std::size_t slot, std::span<const token_logprob> logprobs);
  void on_prompt_cached(std::size_t slot, std::uint32_t tokens);
  void on_prompt_kept(std::size_t slot, std::uint32_t tokens);
  void on_tokens(std::size_t slot, std::span<const token_event> events);
  void on_done(std::size_t slot, const generation_summary& summary);
  void on_error(std::size_t slot, const error& e);

 private:
  /// One prompt's request and how far its answer is.
  struct slot_state {
    answer_builder builder;
    prepared_prompt prompt;
    std::vector<token_logprob> prompt_logprobs;
    std::optional<request_id> id;  ///< none until submit has returned
    std::uint32_t cached = 0;
    std::uint32_t created = 0;
    bool marks = false;  ///< has prefixes kept
    bool opened = false;
    bool done = false;
  };

  template <class Change>
  void locked(const Change& change);
  void open_slot(slot_state& s);
  void emit(answer_part part);
  void take(slot_state& s, std::span<const token_event> events);
  void show(answer_part part);
  void frame(std::string_view json);
  [[nodiscard]] usage_counts usage_now() const;
  void flush();
  void begin_stream();
  void count(const slot_state& s, usage_counts& to) const;
  void finish_slot(slot_state& s);
  [[nodiscard]] bool all_ended() const;
  void complete();
  void charge(const usage_counts& usage) const;
  void tell_end();
  void refuse_answer(const api_error& e);
  void leave();
  void abandon();

  generation_service& service_;
  const request_options options_;
  const std::unique_ptr<answer_format> format_;
  const stream_place place_;
  const std::shared_ptr<response_sink> sink_;
  const std::shared_ptr<session_observer> observer_;
  std::shared_ptr<const tokenizer> vocabulary_;
  bool echo_ = false;

  std::mutex mutex_;
  std::vector<slot_state> slots_;
  std::vector<answer_part> whole_;  ///< of an answer that is not streamed
  std::string frames_;              ///< events not yet written
  std::uint64_t events_ = 0;        ///< of the stream so far, told or not
  std::vector<answer_part> held_;   ///< of a stream: not to be told before the answer is kept
  bool holding_ = false;            ///< all choices have ended: what comes now is held
  answer_account account_;
  usage_counts usage_;
  std::size_t slots_done_ = 0;
  bool submitted_ = false;  ///< every prompt is: the stream may begin
  bool complete_ = false;   ///< the last frame is in frames_
  bool closed_ = false;     ///< nothing more goes to the sink
  std::vector<request_id> to_cancel_;
};

}  // namespace troupe
