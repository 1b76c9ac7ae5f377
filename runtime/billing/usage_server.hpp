#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/billing/usage_store.hpp"
#include "runtime/storage/postgres.hpp"

namespace troupe {

/// The table troupe_usage in a database of PostgreSQL, for any number of servers on any machines.
/// A connection that is lost is opened again by the next put.
class usage_server final : public usage_store {
 public:
  /// Connects, makes the table where there is none, and checks that it can be written. Fails with
  /// why not: unavailable, invalid_argument (the address), io_error (the role may not), and
  /// internal (a table of that name is something else).
  [[nodiscard]] static result<std::unique_ptr<usage_server>> open(const std::string& address);

  /// See usage_store. A record that the server cannot hold (a number or a text that is none) fails
  /// alone. Waits for 5 s at most, and for as long again where it must connect.
  [[nodiscard]] std::vector<result<void>> put(
      std::span<const usage_record* const> records) override;

 private:
  usage_server(std::string address, postgres::connection connected)
      : address_(std::move(address)), connection_(std::move(connected)) {}

  [[nodiscard]] result<void> reach();
  [[nodiscard]] result<void> write(std::span<const usage_record* const> records);

  const std::string address_;
  postgres::connection connection_;
};

/// The records of a span of time; fails with not_found where there is no such table.
[[nodiscard]] result<std::unique_ptr<usage_reader>> read_usage_server(const std::string& address,
                                                                      const time_span& span);

}  // namespace troupe
