// News of answers, from the batcher's process to gateways.
#include "runtime/wire/answer_frames.hpp"

#include <utility>

#include "runtime/wire/answer_fields.hpp"
#include "runtime/wire/fields.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace wire {
namespace {

constexpr std::size_t event_bytes = 3 * sizeof(std::uint32_t) + 1 + logprob_bytes;

token_event get_event(byte_reader& from, const answer_bounds& bounds) {
  token_event e;
  e.choice = from.get<std::uint32_t>("choice");
  if (e.choice >= bounds.choices)
    from.refuse(errc::out_of_range, "choice {}, at most {} may be", e.choice, bounds.choices);
  e.index = from.get<std::uint32_t>("index");
  e.token = from.get<token_id>("token");
  if (e.token < -1 || (e.token >= 0 && static_cast<std::uint32_t>(e.token) >= bounds.vocab))
    from.refuse(errc::out_of_range, "token {} of {}", e.token, bounds.vocab);
  const auto finish = from.get<std::uint8_t>("finish");
  if (finish > static_cast<std::uint8_t>(finish_reason::error))
    from.refuse(errc::corrupt, "finish {}", finish);
  e.finish = static_cast<finish_reason>(finish);
  e.logprob = get_logprob(from, bounds.vocab);
  return e;
}

}  // namespace

void put_events(byte_writer& to, const std::vector<token_event>& events) {
  to.put_count(events.size());
  for (const token_event& e : events) {
    to.put(e.choice);
    to.put(e.index);
    to.put(e.token);
    to.put(static_cast<std::uint8_t>(e.finish));
    put_logprob(to, e.logprob);
  }
}

std::vector<token_event> get_events(byte_reader& from, const answer_bounds& bounds) {
  const std::uint32_t count = from.get_count("events", event_bytes);
  std::vector<token_event> events;
  events.reserve(count);
  for (std::uint32_t i = 0; i < count && from.ok(); ++i) events.push_back(get_event(from, bounds));
  return events;
}

void put_logprobs(byte_writer& to, const std::vector<token_logprob>& logprobs) {
  to.put_count(logprobs.size());
  for (const token_logprob& l : logprobs) put_logprob(to, l);
}

std::vector<token_logprob> get_logprobs(byte_reader& from, const answer_bounds& bounds) {
  const std::uint32_t count = from.get_count("scores", logprob_bytes, bounds.positions);
  std::vector<token_logprob> logprobs;
  logprobs.reserve(count);
  for (std::uint32_t i = 0; i < count && from.ok(); ++i)
    logprobs.push_back(get_logprob(from, bounds.vocab));
  return logprobs;
}

void put_optional_count(byte_writer& to, const std::optional<std::uint32_t>& count) {
  to.put_flag(count.has_value());
  if (count) to.put(*count);
}

std::optional<std::uint32_t> get_optional_count(byte_reader& from, std::string_view what) {
  if (!from.get_flag(what)) return std::nullopt;
  return from.get<std::uint32_t>(what);
}

}  // namespace wire

namespace {

constexpr std::size_t news_bytes = sizeof(request_id) + 3 * sizeof(std::uint32_t) + 2;

void put_summary(byte_writer& to, const generation_summary& s) {
  to.put(s.prompt_tokens);
  to.put(s.completion_tokens);
  to.put(s.cached_tokens);
  to.put(s.created_tokens);
  to.put(s.queue_seconds);
  to.put(s.prefill_seconds);
  to.put(s.decode_seconds);
}

generation_summary get_summary(byte_reader& from) {
  generation_summary s;
  s.prompt_tokens = from.get<std::uint32_t>("prompt tokens");
  s.completion_tokens = from.get<std::uint32_t>("completion tokens");
  s.cached_tokens = from.get<std::uint32_t>("cached tokens");
  s.created_tokens = from.get<std::uint32_t>("created tokens");
  s.queue_seconds = wire::get_seconds(from, "queue seconds");
  s.prefill_seconds = wire::get_seconds(from, "prefill seconds");
  s.decode_seconds = wire::get_seconds(from, "decode seconds");
  return s;
}

request_news get_one(byte_reader& from, const answer_bounds& bounds) {
  request_news n;
  n.request = from.get<request_id>("request");
  n.tokens = wire::get_events(from, bounds);
  n.prompt_scores = wire::get_logprobs(from, bounds);
  n.cached_tokens = wire::get_optional_count(from, "cached tokens");
  n.created_tokens = from.get<std::uint32_t>("created tokens");
  if (from.get_flag("summary")) n.summary = get_summary(from);
  return n;
}

}  // namespace

std::vector<std::byte> encode_news(const answer_news& news) {
  byte_writer to(512);
  put_preamble(to, 0);
  to.put_count(news.news.size());
  for (const request_news& n : news.news) {
    to.put(n.request);
    wire::put_events(to, n.tokens);
    wire::put_logprobs(to, n.prompt_scores);
    wire::put_optional_count(to, n.cached_tokens);
    to.put(n.created_tokens);
    to.put_flag(n.summary.has_value());
    if (n.summary) put_summary(to, *n.summary);
  }
  to.put_count(news.failed.size());
  for (const auto& [id, why] : news.failed) {
    to.put(id);
    wire::put_error(to, why);
  }
  return to.take();
}

result<answer_news> decode_news(std::span<const std::byte> header, const answer_bounds& bounds) {
  byte_reader from(header, "news");
  (void)get_preamble(from);
  answer_news out;
  const std::uint32_t count = from.get_count("news", news_bytes);
  out.news.reserve(count);
  for (std::uint32_t i = 0; i < count && from.ok(); ++i) out.news.push_back(get_one(from, bounds));
  const std::uint32_t failed = from.get_count("failures", sizeof(request_id) + wire::error_bytes);
  out.failed.reserve(failed);
  for (std::uint32_t i = 0; i < failed && from.ok(); ++i) {
    const auto id = from.get<request_id>("request");
    out.failed.emplace_back(id, wire::get_error(from));
  }
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
