#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/api/answer_format.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/message_parser.hpp"
#include "runtime/api/prompt.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/text_stream.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// Turns the token events of one prompt's choices into parts of the answer: text cut at stop
/// strings, scores, and how each choice ended. Not shared between threads.
class answer_builder {
 public:
  /// The choices take the indices first_index, first_index + 1, ... `stop_tokens` is sorted.
  /// `in_thought`: the prompt has opened one.
  answer_builder(std::shared_ptr<const tokenizer> tokens, const request_options& options,
                 std::vector<token_id> stop_tokens, std::uint32_t first_index,
                 bool in_thought = false);

  /// The prompt itself as the first part of every choice (echo). `logprobs` are those of its tokens
  /// from the second on; empty unless asked for. Called before the first push, if at all.
  [[nodiscard]] std::vector<answer_part> echo(const prepared_prompt& prompt,
                                              std::span<const token_logprob> logprobs);

  /// At most one part a choice. Events of choices that a stop string has ended are ignored. Fails
  /// with internal where an event is missing, repeated or names no choice, and with unavailable
  /// where the engine gave the request up.
  [[nodiscard]] result<std::vector<answer_part>> push(std::span<const token_event> events);

  /// Every choice has ended, for the engine or by a stop string.
  [[nodiscard]] bool ended() const;
  /// The engine has ended every choice: its summary will follow.
  [[nodiscard]] bool ended_by_engine() const;
  /// Tokens drawn up to each choice's end.
  [[nodiscard]] std::uint64_t tokens() const { return tokens_; }
  /// Those of them that were thoughts, with their marks.
  [[nodiscard]] std::uint64_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  struct choice {
    text_stream text;
    message_parser message;
    std::uint32_t next = 0;  ///< index of the event that comes next
    bool ended = false;
    bool ended_by_engine = false;
  };

  void extend(answer_part& part, choice& c, const token_event& event);
  void tell(answer_part& part, message_part more) const;

  std::shared_ptr<const tokenizer> vocabulary_;
  std::vector<token_id> stop_tokens_;
  std::vector<choice> choices_;
  std::uint32_t first_index_;
  std::uint32_t min_tokens_;
  bool scores_;
  bool score_end_;
  bool token_ids_;
  bool include_reasoning_;
  std::size_t echoed_ = 0;  ///< characters of the echoed prompt
  std::uint64_t tokens_ = 0;
  std::uint64_t reasoning_tokens_ = 0;
};

}  // namespace troupe
