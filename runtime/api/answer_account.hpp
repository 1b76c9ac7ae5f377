#pragma once

#include <memory>
#include <string>

#include "runtime/api/answer_format.hpp"
#include "runtime/billing/usage_record.hpp"

namespace troupe {

/// How a request is charged.
struct accounting {
  std::shared_ptr<const price_table> prices;  ///< null: usage has no cost
  usage_recorder* ledger = nullptr;  ///< borrowed: outlives every session; null: nothing is kept
  std::string key;                   ///< whom usage is counted for; empty: nobody in particular
  bool batch = false;
};

/// What one answer costs, and its way into the ledger.
class answer_account {
 public:
  answer_account(accounting how, const answer_header& header);

  /// Fills in usage.cost, where there are prices. Fails with internal where the counts contradict
  /// each other.
  [[nodiscard]] result<void> price(usage_counts& usage) const;
  /// Whether an answer must be kept before its client hears of its end.
  [[nodiscard]] bool keeps() const { return how_.ledger != nullptr; }
  /// Hands priced usage to the ledger, as usage_recorder::record.
  [[nodiscard]] result<void> keep(const usage_counts& usage, bool cut, usage_recorder::kept then);

 private:
  [[nodiscard]] billed_tokens tokens(const usage_counts& usage) const;

  const accounting how_;
  const std::string id_;
  const std::int64_t created_;
  const std::string model_;
};

/// Adds "cost", a number, and "cost_details", exact decimals as strings; nothing where there are
/// no prices.
void add_cost(boost::json::object& usage, const std::optional<request_cost>& cost);

}  // namespace troupe
