#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

struct pg_conn;
struct pg_result;

/// PostgreSQL by libpq, with errors as values. Its states become: unavailable (the server is away,
/// starting, stopping, full or too slow: the same may pass later), already_exists (a unique
/// constraint), invalid_argument (a value or another constraint), io_error (it is not allowed),
/// not_found (no such table), internal (wrong SQL and the rest).
namespace troupe::postgres {

using time = std::chrono::steady_clock::time_point;

/// Whether a text is meant as one: "postgresql://..." or "postgres://...".
[[nodiscard]] bool is_address(std::string_view text);

/// Fails with invalid_argument where libpq cannot read the address, or where it holds a password:
/// addresses are shown, so that those belong into a file (passfile=FILE in the address, PGPASSFILE,
/// ~/.pgpass) or into PGPASSWORD. The message holds nothing of the address.
[[nodiscard]] result<void> check_address(const std::string& address);

/// What a statement returned, as text.
class rows {
 public:
  [[nodiscard]] int count() const;
  [[nodiscard]] bool is_null(int row, int column) const;
  /// Empty where it is null; lives as long as the rows.
  [[nodiscard]] std::string_view text(int row, int column) const;

 private:
  friend class connection;
  struct clear {
    void operator()(pg_result* r) const;
  };
  explicit rows(pg_result* r) : handle_(r) {}
  std::unique_ptr<pg_result, clear> handle_;
};

/// A value for $1, $2 ...; nothing is NULL.
using parameter = std::optional<std::string>;

/// One connection. From one thread at a time.
class connection {
 public:
  /// Waits for 5 s for each host of the address. Everything that libpq takes from the environment
  /// (PGPASSWORD, PGSSLMODE ...) counts where the address does not say it.
  [[nodiscard]] static result<connection> open(const std::string& address);

  /// Runs one statement, and waits until `until` at most. Where that passes or the server goes
  /// away, the connection is closed, and nobody knows whether the statement was carried out.
  [[nodiscard]] result<rows> run(const std::string& sql, std::span<const parameter> values,
                                 time until);
  /// False once it is closed: open another one.
  [[nodiscard]] bool usable() const { return handle_ != nullptr; }

 private:
  struct finish {
    void operator()(pg_conn* c) const;
  };
  explicit connection(pg_conn* c) : handle_(c) {}

  [[nodiscard]] result<void> send(const std::string& sql, std::span<const parameter> values,
                                  time until);
  [[nodiscard]] result<rows> receive(time until);
  [[nodiscard]] result<void> wait(short events, time until);
  /// What libpq says of the connection, which is closed.
  [[nodiscard]] tl::unexpected<error> lost();

  std::unique_ptr<pg_conn, finish> handle_;
};

}  // namespace troupe::postgres
