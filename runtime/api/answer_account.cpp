#include "runtime/api/answer_account.hpp"

#include <charconv>
#include <utility>

namespace troupe {

answer_account::answer_account(accounting how, const answer_header& header)
    : how_(std::move(how)), id_(header.id), created_(header.created), model_(header.model) {}

billed_tokens answer_account::tokens(const usage_counts& usage) const {
  billed_tokens out;
  out.input = usage.prompt;
  (usage.created ? out.explicit_hits : out.implicit_hits) = usage.cached;
  out.explicit_creation = usage.created.value_or(0);
  out.output = usage.completion;
  out.batch = how_.batch;
  return out;
}

result<void> answer_account::price(usage_counts& usage) const {
  if (!how_.prices) return {};
  auto cost = cost_of(*how_.prices, tokens(usage));
  if (!cost) return fail(errc::internal, "answer {}: {}", id_, cost.error().message());
  usage.cost = std::move(*cost);
  return {};
}

result<void> answer_account::keep(const usage_counts& usage, bool cut, usage_recorder::kept then) {
  usage_record record;
  record.id = id_;
  record.created = created_;
  record.key = how_.key;
  record.model = model_;
  record.tokens = tokens(usage);
  record.reasoning = usage.reasoning;
  record.cut = cut;
  record.cost = usage.cost;
  return how_.ledger->record(std::move(record), std::move(then));
}

void add_cost(boost::json::object& usage, const std::optional<request_cost>& cost) {
  if (!cost) return;
  const std::string total = cost->total.text();
  // JSON's numbers have no type: this one is written as the shortest that reads back as the same,
  // which up to 15 digits is the exact one. No arithmetic is done with it.
  double number = 0;
  std::from_chars(total.data(), total.data() + total.size(), number);
  usage["cost"] = number;
  usage["cost_details"] = {{"currency", cost->currency},
                           {"total", total},
                           {"input", cost->input.text()},
                           {"cache", cost->cache.text()},
                           {"output", cost->output.text()}};
}

}  // namespace troupe
