#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <optional>
#include <string_view>

#include "actors/bin/serve_config.hpp"
#include "runtime/api/answer_account.hpp"
#include "runtime/billing/price_book.hpp"
#include "runtime/billing/usage_ledger.hpp"

namespace troupe::cli {

/// Prices and the ledger of a serving command. Must outlive its server and its engine.
struct billing {
  std::optional<price_book> prices;
  std::unique_ptr<usage_ledger> ledger;

  /// Opens the files that the settings name; `log` hears of what cannot be kept.
  [[nodiscard]] static result<billing> open(const billing_config& config,
                                            const std::shared_ptr<spdlog::logger>& log);
  /// Fails with not_found where there are prices and none is this model's.
  [[nodiscard]] result<accounting> account_of(std::string_view model) const;
};

}  // namespace troupe::cli
