#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

/// SQLite with errors as values. Its codes become: deadline_exceeded (another connection held the
/// file for longer than the busy timeout), corrupt (damaged, or no database), already_exists (a
/// UNIQUE constraint), invalid_argument (another constraint), io_error (the system refused, or the
/// disk is full), out_of_memory, out_of_range (too large), internal (wrong SQL).
namespace troupe::sqlite {

struct open_options {
  bool create = true;  ///< make the file, readable by its owner alone, where there is none
  bool read_only = false;
  /// How long a call waits for another connection. It sleeps meanwhile: not for an io thread.
  std::chrono::milliseconds busy_timeout{2'000};
};

/// One prepared statement. From one thread at a time, the one that uses its database.
class statement {
 public:
  /// Starts anew with these values for the parameters ?1, ?2 ...: integers, doubles, text, bytes,
  /// std::nullopt, or optionals of them. Text and bytes are copied.
  template <class... Values>
  [[nodiscard]] result<void> bind(const Values&... values) {
    if (auto clear = begin(sizeof...(values)); !clear) return clear;
    result<void> done;
    int at = 0;
    (void)((done = put(++at, values)).has_value() && ...);
    return done;
  }

  /// Goes to the next row; false: there is none. After an error or the end, a step starts anew.
  [[nodiscard]] result<bool> step();
  /// Steps to the end, whatever rows there are, and lets go of the file.
  [[nodiscard]] result<void> run();
  /// bind() and run().
  template <class... Values>
  [[nodiscard]] result<void> run_with(const Values&... values) {
    if (auto bound = bind(values...); !bound) return bound;
    return run();
  }
  /// Lets go of the row and of the file. A reader that stops before the end calls it.
  void reset();

  // The row's columns, from 0; of another type they are converted as SQLite does, NULL to 0 or "".
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::vector<std::byte> bytes(int column) const;
  /// Nothing for NULL.
  [[nodiscard]] std::optional<std::int64_t> integer_if(int column) const;

 private:
  friend class database;
  struct finalize {
    void operator()(sqlite3_stmt* s) const;
  };
  explicit statement(sqlite3_stmt* s) : handle_(s) {}

  [[nodiscard]] result<void> begin(std::size_t values);
  [[nodiscard]] result<void> put(int at, std::nullopt_t null);
  [[nodiscard]] result<void> put(int at, double value);
  [[nodiscard]] result<void> put(int at, std::string_view value);
  [[nodiscard]] result<void> put(int at, std::span<const std::byte> value);
  [[nodiscard]] result<void> put_integer(int at, std::int64_t value);
  template <std::integral Integer>
  [[nodiscard]] result<void> put(int at, Integer value) {
    if constexpr (std::unsigned_integral<Integer> && sizeof(Integer) == sizeof(std::int64_t)) {
      if (value > static_cast<Integer>(std::numeric_limits<std::int64_t>::max()))
        return fail(errc::out_of_range, "{} does not fit a database's integer", value);
    }
    return put_integer(at, static_cast<std::int64_t>(value));
  }
  template <class Value>
  [[nodiscard]] result<void> put(int at, const std::optional<Value>& value) {
    return value ? put(at, *value) : put(at, std::nullopt);
  }

  std::unique_ptr<sqlite3_stmt, finalize> handle_;
};

/// A connection to one file. What is committed survives kill -9 and a loss of power: a write-ahead
/// log, synced at every commit. Other processes may use the file at the same time, on one machine.
/// From one thread at a time.
class database {
 public:
  /// Fails with not_found (no file, and none is to be made) or as said above; reads the file's
  /// header, so that what is no database is refused here.
  [[nodiscard]] static result<database> open(const std::filesystem::path& path,
                                             const open_options& options = {});

  /// One statement; refuses a second one behind it. Values belong into bind().
  [[nodiscard]] result<statement> prepare(std::string_view sql);
  /// Any number of statements without parameters.
  [[nodiscard]] result<void> execute(const std::string& sql);
  /// The first column of the first row; 0 where there is none.
  [[nodiscard]] result<std::int64_t> query_integer(std::string_view sql);

  /// Rows that the last INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] std::int64_t last_insert_id() const;
  /// A number that is another one after a different connection, of any process, has committed.
  [[nodiscard]] result<std::int64_t> version_of_others();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  struct close {
    void operator()(sqlite3* d) const;
  };
  database(sqlite3* d, std::filesystem::path path) : handle_(d), path_(std::move(path)) {}

  std::unique_ptr<sqlite3, close> handle_;
  std::filesystem::path path_;
};

/// Changes that come to pass together or not at all: undone at the end of the scope unless they
/// were committed. The database must outlive it, in one place.
class transaction {
 public:
  /// Waits for other writers here, so that no later statement has to.
  [[nodiscard]] static result<transaction> begin(database& on);
  transaction(transaction&& other) noexcept;
  transaction& operator=(transaction&&) = delete;
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  ~transaction();

  /// Once it returns well, the changes are on the disk. Otherwise they are undone.
  [[nodiscard]] result<void> commit();

 private:
  explicit transaction(database& on) : database_(&on) {}
  void undo();
  database* database_;
};

}  // namespace troupe::sqlite
