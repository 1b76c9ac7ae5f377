#include "actors/bin/billing.hpp"

#include <utility>

namespace troupe::cli {

result<billing> billing::open(const billing_config& config,
                              const std::shared_ptr<spdlog::logger>& log) {
  billing out;
  if (!config.prices.empty()) {
    auto prices = price_book::read_file(config.prices);
    if (!prices) return fail(prices.error());
    out.prices = std::move(*prices);
  }
  if (!config.ledger.empty()) {
    auto ledger = usage_ledger::open(
        config.ledger, [log](const std::string& line) { log->error("ledger: {}", line); });
    if (!ledger) return fail(ledger.error());
    out.ledger = std::move(*ledger);
  }
  return out;
}

result<accounting> billing::account_of(std::string_view model) const {
  accounting out;
  out.ledger = ledger.get();
  if (!prices) return out;
  auto table = prices->table_for(model);
  if (!table) return fail(table.error());
  out.prices = std::make_shared<const price_table>(std::move(*table));
  return out;
}

}  // namespace troupe::cli
