#include "runtime/keys/key_store.hpp"

#include <array>
#include <sstream>

#include "runtime/keys/key_names.hpp"
#include "runtime/storage/sqlite_schema.hpp"

namespace troupe {
namespace {

constexpr std::uint32_t application = 0x74724b59;  // "trKY"
constexpr std::array<std::string_view, 3> steps{
    R"(
  CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    models TEXT NOT NULL,
    endpoints TEXT NOT NULL,
    requests_per_minute INTEGER,
    tokens_per_minute INTEGER,
    token_budget INTEGER,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    spent_tokens INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE UNIQUE INDEX names_in_force ON keys (name) WHERE revoked IS NULL;)",
    "ALTER TABLE keys ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal';",
    // Money is exact, in decimals: too long for SQLite's numbers.
    R"(
  ALTER TABLE keys ADD COLUMN money_budget TEXT;
  ALTER TABLE keys ADD COLUMN budget_period TEXT NOT NULL DEFAULT 'life';
  ALTER TABLE keys ADD COLUMN spent_money TEXT NOT NULL DEFAULT '0';
  ALTER TABLE keys ADD COLUMN spent_since INTEGER NOT NULL DEFAULT 0;)"};

constexpr std::string_view columns =
    "id, name, hash, hint, models, endpoints, requests_per_minute, tokens_per_minute, "
    "token_budget, created, expires, revoked, spent_tokens, priority, "
    "money_budget, budget_period, spent_money, spent_since";

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

std::optional<std::uint64_t> count_if(const sqlite::statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return static_cast<std::uint64_t>(row.integer(column));
}

/// One that is damaged has been spent: nobody gets more than is known to be left.
amount money_in(const sqlite::statement& row, int column, amount otherwise) {
  return amount::parse(row.text(column)).value_or(otherwise);
}

std::optional<money_budget> budget_in(const sqlite::statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return money_budget{money_in(row, column, amount()),
                      parse_period(row.text(column + 1)).value_or(budget_period::life)};
}

std::optional<std::string> text_of(const std::optional<money_budget>& budget) {
  if (!budget) return std::nullopt;
  return budget->most.text();
}

std::string_view period_of(const std::optional<money_budget>& budget) {
  return to_string(budget ? budget->per : budget_period::life);
}

key_record read(const sqlite::statement& row) {
  key_record r;
  int at = 0;
  r.id = row.integer(at++);
  r.name = row.text(at++);
  r.hash = row.text(at++);
  r.hint = row.text(at++);
  r.scope.models = split(row.text(at++));
  r.scope.endpoints = split(row.text(at++));
  r.limits.requests_per_minute = count_if(row, at++);
  r.limits.tokens_per_minute = count_if(row, at++);
  r.limits.token_budget = count_if(row, at++);
  r.created = row.integer(at++);
  r.expires = row.integer_if(at++);
  r.revoked = row.integer_if(at++);
  r.spent_tokens = static_cast<std::uint64_t>(row.integer(at++));
  r.limits.priority = parse_priority(row.text(at++)).value_or(key_priority::normal);
  r.limits.money = budget_in(row, at);
  at += 2;
  r.spent_money.sum = money_in(row, at++, amount(~uint128{0}));
  r.spent_money.since = row.integer(at++);
  return r;
}

tl::unexpected<error> no_such_key(std::string_view name) {
  return fail(errc::not_found, "no key in force is called '{}'", name);
}

}  // namespace

result<key_store> key_store::open(const std::filesystem::path& path, missing_file how) {
  sqlite::open_options options;
  options.create = how == missing_file::create;
  auto file = sqlite::database::open(path, options);
  if (!file) return fail(std::move(file.error()));
  if (auto ready = sqlite::apply(*file, {application, "a file of keys", steps}); !ready)
    return fail(ready.error());
  return key_store(std::move(*file));
}

result<api_key> key_store::create(const key_request& wanted, std::int64_t now) {
  if (auto good = check_key_name(wanted.name); !good) return fail(good.error());
  if (auto good = check_key_scope(wanted.scope); !good) return fail(good.error());
  auto key = api_key::draw();
  if (!key) return key;
  auto put = file_.prepare(
      "INSERT INTO keys (name, hash, hint, models, endpoints, requests_per_minute, "
      "tokens_per_minute, token_budget, created, expires, priority, money_budget, budget_period) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
  if (!put) return fail(put.error());
  const key_limits& limits = wanted.limits;
  const auto done = put->run_with(
      wanted.name, hash_of_key(key->text()), key->hint(),
      fmt::format("{}", fmt::join(wanted.scope.models, ",")),
      fmt::format("{}", fmt::join(wanted.scope.endpoints, ",")), limits.requests_per_minute,
      limits.tokens_per_minute, limits.token_budget, now, wanted.expires,
      to_string(limits.priority), text_of(limits.money), period_of(limits.money));
  if (!done && done.error().code() == errc::already_exists)
    return fail(errc::already_exists, "a key in force is called '{}' already", wanted.name);
  if (!done) return fail(done.error());
  return key;
}

result<std::vector<key_record>> key_store::list() {
  auto rows = file_.prepare(fmt::format("SELECT {} FROM keys ORDER BY id", columns));
  if (!rows) return fail(rows.error());
  std::vector<key_record> out;
  for (;;) {
    const auto row = rows->step();
    if (!row) return fail(row.error());
    if (!*row) return out;
    out.push_back(read(*rows));
  }
}

result<key_record> key_store::find(std::string_view name) {
  auto rows = file_.prepare(
      fmt::format("SELECT {} FROM keys WHERE name = ?1 AND revoked IS NULL", columns));
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(name); !bound) return fail(bound.error());
  const auto row = rows->step();
  if (!row) return fail(row.error());
  if (!*row) return no_such_key(name);
  return read(*rows);
}

result<void> key_store::revoke(std::string_view name, std::int64_t now) {
  auto change = file_.prepare("UPDATE keys SET revoked = ?2 WHERE name = ?1 AND revoked IS NULL");
  if (!change) return fail(change.error());
  if (auto done = change->run_with(name, now); !done) return done;
  return found(name);
}

result<void> key_store::set_limits(std::string_view name, const key_limits& limits) {
  auto change = file_.prepare(
      "UPDATE keys SET requests_per_minute = ?2, tokens_per_minute = ?3, token_budget = ?4, "
      "priority = ?5, money_budget = ?6, budget_period = ?7 "
      "WHERE name = ?1 AND revoked IS NULL");
  if (!change) return fail(change.error());
  if (auto done = change->run_with(name, limits.requests_per_minute, limits.tokens_per_minute,
                                   limits.token_budget, to_string(limits.priority),
                                   text_of(limits.money), period_of(limits.money));
      !done)
    return done;
  return found(name);
}

result<void> key_store::spend(std::span<const key_spending> more) {
  if (more.empty()) return {};
  auto change = sqlite::transaction::begin(file_);
  if (!change) return fail(change.error());
  auto add = file_.prepare("UPDATE keys SET spent_tokens = spent_tokens + ?2 WHERE id = ?1");
  if (!add) return fail(add.error());
  for (const key_spending& s : more) {
    if (auto done = add->run_with(s.id, s.tokens); !done) return done;
    if (auto done = spend_money(s); !done) return done;
  }
  return change->commit();
}

/// Within a transaction, so that nobody else's sum is overwritten.
result<void> key_store::spend_money(const key_spending& more) {
  if (more.money.sum == amount()) return {};
  money_spent before;
  {
    auto rows = file_.prepare("SELECT spent_money, spent_since FROM keys WHERE id = ?1");
    if (!rows) return fail(rows.error());
    if (auto bound = rows->bind(more.id); !bound) return bound;
    const auto row = rows->step();
    if (!row) return fail(row.error());
    if (!*row) return {};
    before = {money_in(*rows, 0, amount(~uint128{0})), rows->integer(1)};
  }
  const money_spent after = combined(before, more.money);
  auto set = file_.prepare("UPDATE keys SET spent_money = ?2, spent_since = ?3 WHERE id = ?1");
  if (!set) return fail(set.error());
  return set->run_with(more.id, after.sum.text(), after.since);
}

result<void> key_store::found(std::string_view name) const {
  if (file_.changes() == 0) return no_such_key(name);
  return {};
}

}  // namespace troupe
