// Requests between gateways and the batcher's process.
#include <utility>

#include "runtime/wire/answer_fields.hpp"
#include "runtime/wire/answer_frames.hpp"
#include "runtime/wire/fields.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

constexpr std::size_t longest_name = 256;
constexpr std::size_t most_marks = 64;
constexpr std::size_t longest_structure = std::size_t{4} << 20U;
constexpr std::size_t longest_body = std::size_t{1} << 30U;

void put_progress(byte_writer& to, const answer_progress& progress) {
  wire::put_events(to, progress.events);
  wire::put_logprobs(to, progress.prompt_scores);
  wire::put_optional_count(to, progress.cached_tokens);
  to.put(progress.created_tokens);
}

std::shared_ptr<const answer_progress> get_progress(byte_reader& from,
                                                    const answer_bounds& bounds) {
  auto progress = std::make_shared<answer_progress>();
  progress->events = wire::get_events(from, bounds);
  progress->prompt_scores = wire::get_logprobs(from, bounds);
  progress->cached_tokens = wire::get_optional_count(from, "cached tokens");
  progress->created_tokens = from.get<std::uint32_t>("created tokens");
  return progress;
}

void put_origin(byte_writer& to, const answer_origin& origin) {
  to.put_text(origin.name);
  to.put(origin.protocol);
  to.put(origin.created);
  to.put_text(origin.body);
}

std::shared_ptr<const answer_origin> get_origin(byte_reader& from) {
  auto origin = std::make_shared<answer_origin>();
  origin->name = from.get_text("name", longest_name);
  origin->protocol = from.get<std::uint8_t>("protocol");
  origin->created = from.get<std::int64_t>("created");
  origin->body = from.get_text("body", longest_body);
  return origin;
}

std::vector<token_id> get_tokens(byte_reader& from, std::string_view what,
                                 const answer_bounds& bounds) {
  auto tokens = from.get_list<token_id>(what, bounds.positions);
  for (const token_id token : tokens)
    if (static_cast<std::uint32_t>(token) >= bounds.vocab)
      from.refuse(errc::out_of_range, "{}: token {} of {}", what, token, bounds.vocab);
  return tokens;
}

void put_rule(byte_writer& to, const forcing_rule& rule) {
  to.put(rule.opening);
  to.put(rule.closing);
  to.put(rule.budget);
  to.put_list(rule.tokens);
}

forcing_rule get_rule(byte_reader& from, const answer_bounds& bounds) {
  forcing_rule rule;
  rule.opening = from.get<token_id>("opening token");
  rule.closing = from.get<token_id>("closing token");
  rule.budget = from.get<std::uint32_t>("budget");
  rule.tokens = get_tokens(from, "forced tokens", bounds);
  return rule;
}

void put_guide(byte_writer& to, const guide_rule& guide) {
  to.put_text(guide.structure);
  to.put(guide.opening);
  to.put(guide.closing);
}

guide_rule get_guide(byte_reader& from) {
  guide_rule guide;
  guide.structure = from.get_text("structure", longest_structure);
  guide.opening = from.get<token_id>("token that opens a thought");
  guide.closing = from.get<token_id>("token that closes a thought");
  return guide;
}

std::vector<std::byte> encode_request(const generation_request& asked) {
  byte_writer to(512 + asked.prompt.size() * sizeof(token_id) +
                 (asked.origin == nullptr ? 0 : asked.origin->body.size()));
  to.put_list(asked.prompt);
  wire::put_params(to, asked.sampling);
  to.put(asked.max_tokens);
  to.put(asked.choices);
  to.put_list(asked.stop_tokens);
  to.put_flag(asked.ignore_eos);
  to.put_flag(asked.prompt_logprobs);
  to.put(asked.min_tokens);
  to.put_flag(asked.speculate);
  to.put(asked.cache_space);
  to.put_list(asked.cache_marks);
  put_rule(to, asked.forcing);
  put_guide(to, asked.guide);
  to.put_flag(asked.resumes != nullptr);
  if (asked.resumes != nullptr) put_progress(to, *asked.resumes);
  to.put_flag(asked.origin != nullptr);
  if (asked.origin != nullptr) put_origin(to, *asked.origin);
  return to.take();
}

result<std::shared_ptr<const generation_request>> decode_request(std::span<const std::byte> bytes,
                                                                 const answer_bounds& bounds) {
  byte_reader from(bytes, "request");
  auto asked = std::make_shared<generation_request>();
  asked->prompt = get_tokens(from, "prompt", bounds);
  asked->sampling = wire::get_params(from);
  asked->max_tokens = from.get<std::uint32_t>("most tokens");
  asked->choices = from.get<std::uint32_t>("choices");
  if (asked->choices > bounds.choices)
    from.refuse(errc::out_of_range, "{} choices, at most {} may be", asked->choices,
                bounds.choices);
  asked->stop_tokens = get_tokens(from, "stop tokens", bounds);
  asked->ignore_eos = from.get_flag("ignore_eos");
  asked->prompt_logprobs = from.get_flag("prompt logprobs");
  asked->min_tokens = from.get<std::uint32_t>("least tokens");
  asked->speculate = from.get_flag("speculate");
  asked->cache_space = from.get<std::uint64_t>("cache space");
  asked->cache_marks = from.get_list<std::uint32_t>("cache marks", most_marks);
  asked->forcing = get_rule(from, bounds);
  asked->guide = get_guide(from);
  if (from.get_flag("resumes")) asked->resumes = get_progress(from, bounds);
  if (from.get_flag("origin")) asked->origin = get_origin(from);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return std::shared_ptr<const generation_request>(std::move(asked));
}

/// Puts a request behind a header.
void attach(outgoing_frame& frame, const generation_request& asked) {
  const auto bytes = std::make_shared<const std::vector<std::byte>>(encode_request(asked));
  frame.payload.push_back({*bytes, bytes});
}

}  // namespace

outgoing_frame make_ask(const asked_request& request) {
  byte_writer to(preamble_bytes + sizeof(request_id));
  put_preamble(to, 0);
  to.put(request.id);
  outgoing_frame frame{frames::ask, to.take(), {}};
  attach(frame, *request.asked);
  return frame;
}

result<asked_request> decode_ask(std::span<const std::byte> header,
                                 std::span<const std::byte> payload, const answer_bounds& bounds) {
  byte_reader from(header, "ask");
  (void)get_preamble(from);
  asked_request out;
  out.id = from.get<request_id>("request");
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  auto asked = decode_request(payload, bounds);
  if (!asked) return fail(std::move(asked.error()));
  out.asked = std::move(*asked);
  return out;
}

std::vector<std::byte> encode_forget(request_id id) {
  byte_writer to(preamble_bytes + sizeof(request_id));
  put_preamble(to, 0);
  to.put(id);
  return to.take();
}

result<request_id> decode_forget(std::span<const std::byte> header) {
  byte_reader from(header, "forget");
  (void)get_preamble(from);
  const auto id = from.get<request_id>("request");
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return id;
}

std::vector<std::byte> encode_recall(const recall_question& question) {
  byte_writer to(preamble_bytes + sizeof(std::uint64_t) + question.name.size() + 4);
  put_preamble(to, 0);
  to.put(question.number);
  to.put_text(question.name);
  return to.take();
}

result<recall_question> decode_recall(std::span<const std::byte> header) {
  byte_reader from(header, "recall");
  (void)get_preamble(from);
  recall_question out;
  out.number = from.get<std::uint64_t>("number");
  out.name = from.get_text("name", longest_name);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

outgoing_frame make_recalled(const recall_answer& answer) {
  byte_writer to(64);
  put_preamble(to, 0);
  to.put(answer.number);
  to.put_flag(answer.found.has_value());
  if (answer.found)
    to.put(answer.found->id);
  else
    wire::put_error(to, *answer.refusal);
  outgoing_frame frame{frames::recalled, to.take(), {}};
  if (answer.found) attach(frame, *answer.found->asked);
  return frame;
}

result<recall_answer> decode_recalled(std::span<const std::byte> header,
                                      std::span<const std::byte> payload,
                                      const answer_bounds& bounds) {
  byte_reader from(header, "recalled");
  (void)get_preamble(from);
  recall_answer out;
  out.number = from.get<std::uint64_t>("number");
  const bool found = from.get_flag("found");
  if (found)
    out.found = asked_request{from.get<request_id>("request"), nullptr};
  else
    out.refusal = wire::get_error(from);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  if (!found) return out;
  auto asked = decode_request(payload, bounds);
  if (!asked) return fail(std::move(asked.error()));
  out.found->asked = std::move(*asked);
  return out;
}

}  // namespace troupe
