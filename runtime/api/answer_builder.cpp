#include "runtime/api/answer_builder.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

answer_builder::answer_builder(std::shared_ptr<const tokenizer> tokens,
                               const request_options& options, std::vector<token_id> stop_tokens,
                               std::uint32_t first_index, bool in_thought)
    : vocabulary_(std::move(tokens)),
      stop_tokens_(std::move(stop_tokens)),
      first_index_(first_index),
      min_tokens_(options.min_tokens),
      scores_(options.sampling.logprobs),
      score_end_(options.score_end),
      token_ids_(options.return_token_ids),
      include_reasoning_(options.include_reasoning) {
  choices_.reserve(options.choices);
  for (std::uint32_t i = 0; i < options.choices; ++i)
    choices_.push_back(
        {text_stream(vocabulary_, options.stop, options.include_stop, options.skip_special_tokens),
         message_parser({options.markup, in_thought, options.one_call})});
}

std::vector<answer_part> answer_builder::echo(const prepared_prompt& prompt,
                                              std::span<const token_logprob> logprobs) {
  answer_part part;
  text_stream text(vocabulary_, {}, false, false);
  for (std::size_t i = 0; i < prompt.tokens.size(); ++i) {
    if (scores_) {
      scored_token s;
      s.token = prompt.tokens[i];
      s.offset = text.characters();
      if (i > 0 && i - 1 < logprobs.size()) {
        s.logprob = logprobs[i - 1].logprob;
        s.top = logprobs[i - 1].top;
      }
      part.scores.push_back(std::move(s));
    }
    // Tokens that the model's rule put around the text are scored but are not text.
    const bool added = i < prompt.added_front || i + prompt.added_back >= prompt.tokens.size();
    if (!added) part.text += text.push(prompt.tokens[i]);
  }
  part.text += text.finish();
  echoed_ = text.characters();
  std::vector<answer_part> out(choices_.size(), part);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i].index = first_index_ + static_cast<std::uint32_t>(i);
  return out;
}

result<std::vector<answer_part>> answer_builder::push(std::span<const token_event> events) {
  std::vector<answer_part> parts;
  for (const token_event& event : events) {
    if (event.choice >= choices_.size())
      return fail(errc::internal, "the engine sent a token for choice {} of {}", event.choice,
                  choices_.size());
    choice& c = choices_[event.choice];
    if (c.ended_by_engine)
      return fail(errc::internal, "the engine sent a token for choice {} after its end",
                  event.choice);
    if (event.token >= 0 && event.index != c.next++)
      return fail(errc::internal, "the engine sent token {} of choice {} where {} was due",
                  event.index, event.choice, c.next - 1);
    if (event.finish == finish_reason::cancelled)
      return fail(errc::unavailable, "the engine gave the request up");
    if (event.finish == finish_reason::error)
      return fail(errc::internal, "the engine could not finish the answer");
    c.ended_by_engine = event.finish != finish_reason::none;
    if (c.ended) continue;
    const std::uint32_t index = first_index_ + event.choice;
    auto part = std::find_if(parts.begin(), parts.end(),
                             [&](const answer_part& p) { return p.index == index; });
    if (part == parts.end()) {
      part = parts.emplace(parts.end());
      part->index = index;
    }
    extend(*part, c, event);
  }
  return parts;
}

void answer_builder::extend(answer_part& part, choice& c, const token_event& event) {
  const bool ends_unseen =
      event.finish == finish_reason::stop &&
      std::binary_search(stop_tokens_.begin(), stop_tokens_.end(), event.token);
  if (event.token >= 0) {
    ++tokens_;
    if (token_ids_) part.tokens.push_back(event.token);
    if (scores_ && (!ends_unseen || score_end_))
      part.scores.push_back(
          {event.token, event.logprob.logprob, event.logprob.top, echoed_ + c.text.characters()});
    if (!ends_unseen) {
      const bool thought = c.message.thinking();
      tell(part, c.message.push(c.text.push(event.token, c.next > min_tokens_)));
      if (thought || c.message.thinking()) ++reasoning_tokens_;
    }
  }
  if (event.finish != finish_reason::none) {
    tell(part, c.message.push(c.text.finish()));
    part.finish = event.finish;
  }
  if (c.text.stopped() || c.message.over()) part.finish = finish_reason::stop;
  c.ended = part.finish != finish_reason::none;
  if (!c.ended) return;
  tell(part, c.message.finish());
  part.called = c.message.calls() != 0;
}

void answer_builder::tell(answer_part& part, message_part more) const {
  if (!include_reasoning_) more.reasoning.clear();
  part.add(std::move(more));
}

bool answer_builder::ended() const {
  return std::all_of(choices_.begin(), choices_.end(), [](const choice& c) { return c.ended; });
}

bool answer_builder::ended_by_engine() const {
  return std::all_of(choices_.begin(), choices_.end(),
                     [](const choice& c) { return c.ended_by_engine; });
}

}  // namespace troupe
