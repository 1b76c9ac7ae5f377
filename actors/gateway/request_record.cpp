#include "actors/gateway/request_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>

#include "runtime/base/log_fields.hpp"

namespace troupe::gateway {
namespace {

using steady = std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr int server_fault = 500;

template <class Id>
Id random_id() {
  std::random_device source;
  Id made{};
  for (auto& byte : made) byte = static_cast<std::uint8_t>(source());
  made.back() |= 1U;  // all zeros would be none
  return made;
}

std::int64_t whole(std::uint64_t count) { return static_cast<std::int64_t>(count); }

std::string word_for(finish_reason reason) {
  switch (reason) {
    case finish_reason::stop:
      return "stop";
    case finish_reason::length:
      return "length";
    case finish_reason::cancelled:
      return "cancelled";
    case finish_reason::none:
    case finish_reason::error:
      break;
  }
  return "error";
}

bool chats(route target) {
  return target != route::completions && target != route::resume_completion;
}

/// Spans of one trace, on the system's clock.
class trace_writer {
 public:
  explicit trace_writer(const std::optional<trace_context>& from)
      : trace_(from ? from->trace : random_id<trace_id>()) {
    if (from) parent_ = from->parent;
  }

  span& add(std::string name, steady::time_point begin, steady::time_point end) {
    span& s = spans_.emplace_back();
    s.trace = trace_;
    s.id = random_id<span_id>();
    s.parent = parent_;
    s.name = std::move(name);
    s.begin = at(begin);
    s.end = at(std::max(begin, end));
    return s;
  }
  /// What is added from now on lies within `s`.
  void enter(const span& s) { parent_ = s.id; }
  [[nodiscard]] std::vector<span> take() { return std::move(spans_); }

 private:
  [[nodiscard]] system_clock::time_point at(steady::time_point t) const {
    return now_ - std::chrono::duration_cast<system_clock::duration>(steady_now_ - t);
  }

  const trace_id trace_;
  std::optional<span_id> parent_;
  const steady::time_point steady_now_ = steady::now();
  const system_clock::time_point now_ = system_clock::now();
  std::vector<span> spans_;
};

void describe(span& s, const http_request& request, int status, const std::string& model,
              const answer_report& report) {
  const auto add = [&s](std::string key, span_value value) {
    s.attributes.emplace_back(std::move(key), std::move(value));
  };
  s.kind = span_kind::server;
  add("http.request.method", request.method);
  add("http.route", std::string(label(request.target)));
  add("http.response.status_code", std::int64_t{status});
  add("gen_ai.operation.name", std::string(chats(request.target) ? "chat" : "text_completion"));
  add("gen_ai.provider.name", std::string("troupe"));
  add("gen_ai.request.model", model);
  add("gen_ai.response.model", model);
  add("gen_ai.usage.input_tokens", whole(report.prompt_tokens));
  add("gen_ai.usage.output_tokens", whole(report.answer_tokens));
  add("gen_ai.usage.cache_read.input_tokens", whole(report.cached_tokens));
  std::vector<std::string> endings;
  for (const finish_reason ending : report.endings) endings.push_back(word_for(ending));
  if (!endings.empty()) add("gen_ai.response.finish_reasons", std::move(endings));
  add("troupe.request.id", request.id);
  if (!report.key.empty()) add("troupe.key", report.key);
  s.failed = status >= server_fault;
  if (s.failed) add("error.type", std::to_string(status));
}

}  // namespace

std::string log_line(const http_request& request, int status, steady::duration took,
                     std::string_view more, const std::optional<answer_report>& report) {
  const double ms = std::chrono::duration<double, std::milli>(took).count();
  log_fields line(fmt::format("{} {} {} {:.1f} ms{} {}", request.method, request.path, status, ms,
                              more, request.id));
  line.add("request_id", request.id);
  line.add("method", request.method);
  line.add("path", request.path);
  line.add("status", std::int64_t{status});
  line.add("duration_ms", ms);
  if (request.trace) line.add("trace_id", to_hex(request.trace->trace));
  if (report) {
    line.add("prompt_tokens", whole(report->prompt_tokens));
    line.add("completion_tokens", whole(report->answer_tokens));
    line.add("cached_tokens", whole(report->cached_tokens));
    if (!report->key.empty()) line.add("key", report->key);
  }
  return line.line();
}

std::vector<span> spans_of(const http_request& request, int status, steady::time_point begun,
                           steady::time_point ended, const std::string& model,
                           const answer_report& report) {
  trace_writer trace(request.trace);
  span& whole_request =
      trace.add((chats(request.target) ? "chat " : "text_completion ") + model, begun, ended);
  describe(whole_request, request, status, model, report);
  if (report.first_token)
    whole_request.attributes.emplace_back(
        "gen_ai.response.time_to_first_chunk",
        std::chrono::duration<double>(*report.first_token - begun).count());
  trace.enter(whole_request);
  if (!report.submitted) return trace.take();
  const steady::time_point drawn = report.drawn.value_or(ended);
  // Where nothing was drawn (scoring a prompt), the prefill ends with the answer.
  const steady::time_point computed = report.first_token.value_or(drawn);
  const auto prefill = std::chrono::duration_cast<steady::duration>(
      std::chrono::duration<double>(report.prefill_seconds));
  const bool ran = report.first_token || report.drawn;
  const steady::time_point started = ran ? std::max(*report.submitted, computed - prefill) : ended;
  trace.add("queue", *report.submitted, started);
  if (!ran) return trace.take();
  trace.add("prefill", started, computed);
  if (report.first_token) trace.add("decode", computed, drawn);
  return trace.take();
}

}  // namespace troupe::gateway
