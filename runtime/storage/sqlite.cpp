#include "runtime/storage/sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace troupe::sqlite {
namespace {

constexpr mode_t owner_alone = S_IRUSR | S_IWUSR;

errc to_errc(int code) {
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
    return errc::already_exists;
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errc::deadline_exceeded;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return errc::corrupt;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return errc::invalid_argument;
    case SQLITE_NOMEM:
      return errc::out_of_memory;
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
      return errc::out_of_range;
    case SQLITE_INTERRUPT:
      return errc::cancelled;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS:
      return errc::io_error;
    default:
      return errc::internal;
  }
}

/// The connection's last error, with the file's name in front.
tl::unexpected<error> failure(sqlite3* on, int code) {
  const char* name = on == nullptr ? nullptr : sqlite3_db_filename(on, "main");
  return fail(to_errc(code), "{}: {}", name == nullptr ? "database" : name,
              on == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(on));
}

tl::unexpected<error> failure(sqlite3_stmt* in, int code) {
  return failure(sqlite3_db_handle(in), code);
}

/// SQLite would make it readable for everyone that the umask allows. Its log gets the same mode.
result<void> make_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, owner_alone);
  if (fd >= 0) {
    ::close(fd);
    return {};
  }
  // Of a file that may only be read, SQLite can say more.
  if (errno == EACCES && std::filesystem::exists(path)) return {};
  return fail(errc::io_error, "{}: {}", path.string(), std::generic_category().message(errno));
}

}  // namespace

void statement::finalize::operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
void database::close::operator()(sqlite3* d) const { sqlite3_close_v2(d); }

result<void> statement::begin(std::size_t values) {
  reset();
  sqlite3_clear_bindings(handle_.get());
  const auto wanted = static_cast<std::size_t>(sqlite3_bind_parameter_count(handle_.get()));
  if (values == wanted) return {};
  return fail(errc::internal, "{} values for the {} parameters of: {}", values, wanted,
              sqlite3_sql(handle_.get()));
}

result<void> statement::put(int at, std::nullopt_t /*null*/) {
  const int code = sqlite3_bind_null(handle_.get(), at);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

result<void> statement::put(int at, double value) {
  const int code = sqlite3_bind_double(handle_.get(), at, value);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

result<void> statement::put(int at, std::string_view value) {
  // A null pointer would be NULL, and not an empty text.
  const char* from = value.data() == nullptr ? "" : value.data();
  const int code =
      sqlite3_bind_text64(handle_.get(), at, from, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

result<void> statement::put(int at, std::span<const std::byte> value) {
  const int code = value.empty() ? sqlite3_bind_zeroblob(handle_.get(), at, 0)
                                 : sqlite3_bind_blob64(handle_.get(), at, value.data(),
                                                       value.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

result<void> statement::put_integer(int at, std::int64_t value) {
  const int code = sqlite3_bind_int64(handle_.get(), at, value);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

result<bool> statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  auto failed = failure(handle_.get(), code);
  reset();
  return failed;
}

result<void> statement::run() {
  for (;;) {
    const auto row = step();
    if (!row) return fail(row.error());
    if (*row) continue;
    reset();
    return {};
  }
}

void statement::reset() { sqlite3_reset(handle_.get()); }

bool statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::int64_t statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

double statement::real(int column) const { return sqlite3_column_double(handle_.get(), column); }

std::string statement::text(int column) const {
  const unsigned char* from = sqlite3_column_text(handle_.get(), column);
  if (from == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
  return {reinterpret_cast<const char*>(from), size};
}

std::vector<std::byte> statement::bytes(int column) const {
  const auto* from = static_cast<const std::byte*>(sqlite3_column_blob(handle_.get(), column));
  if (from == nullptr) return {};
  return {from, from + sqlite3_column_bytes(handle_.get(), column)};
}

std::optional<std::int64_t> statement::integer_if(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

result<database> database::open(const std::filesystem::path& path, const open_options& options) {
  if (options.create && !options.read_only) {
    if (auto made = make_file(path); !made) return fail(made.error());
  } else if (std::error_code ignored; !std::filesystem::exists(path, ignored)) {
    return fail(errc::not_found, "{}: no such file", path.string());
  }
  sqlite3* handle = nullptr;
  const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  database opened(handle, path);
  if (code != SQLITE_OK) {
    return fail(to_errc(code), "{}: {}", path.string(),
                handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle));
  }
  sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
  // A file may be hostile: nothing in its schema is trusted, nothing may write past the SQL.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  auto set_up = opened.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  if (set_up && !options.read_only) set_up = opened.execute("PRAGMA journal_mode = WAL;");
  if (!set_up) return fail(set_up.error());
  if (const auto tables = opened.query_integer("SELECT count(*) FROM sqlite_schema"); !tables)
    return fail(tables.error());
  return opened;
}

result<statement> database::prepare(std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &made, &rest);
  statement prepared(made);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  const auto taken = static_cast<std::size_t>(rest - sql.data());
  if (made == nullptr || sql.find_first_not_of(" \t\n;", taken) != std::string_view::npos)
    return fail(errc::internal, "not one statement: {}", sql);
  return prepared;
}

result<void> database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

result<std::int64_t> database::query_integer(std::string_view sql) {
  auto asked = prepare(sql);
  if (!asked) return fail(asked.error());
  const auto row = asked->step();
  if (!row) return fail(row.error());
  return *row ? asked->integer(0) : 0;
}

std::int64_t database::changes() const { return sqlite3_changes64(handle_.get()); }

std::int64_t database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }

result<std::int64_t> database::version_of_others() { return query_integer("PRAGMA data_version"); }

result<transaction> transaction::begin(database& on) {
  if (auto begun = on.execute("BEGIN IMMEDIATE"); !begun) return fail(begun.error());
  return transaction(on);
}

transaction::transaction(transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

transaction::~transaction() { undo(); }

result<void> transaction::commit() {
  if (database_ == nullptr) return fail(errc::internal, "the transaction has ended already");
  auto done = database_->execute("COMMIT");
  if (done) {
    database_ = nullptr;
  } else {
    undo();
  }
  return done;
}

void transaction::undo() {
  // It fails where SQLite has undone the changes by itself, as after a full disk.
  if (database_ != nullptr) (void)std::exchange(database_, nullptr)->execute("ROLLBACK");
}

}  // namespace troupe::sqlite
