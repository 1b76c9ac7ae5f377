#include "runtime/billing/usage_table.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/storage/sqlite_schema.hpp"

namespace troupe {
namespace {

/// Only ever added to: files of earlier versions take the steps that they lack.
constexpr std::array<std::string_view, 1> steps{R"(
CREATE TABLE usage (
  id TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,  -- seconds since 1970
  key TEXT NOT NULL,
  model TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,  -- all of them; the next three are parts of it
  implicit_hit_tokens INTEGER NOT NULL,
  explicit_hit_tokens INTEGER NOT NULL,
  explicit_creation_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER,
  batch INTEGER NOT NULL,
  cut INTEGER NOT NULL,
  currency TEXT NOT NULL,  -- empty: no prices
  cost TEXT NOT NULL,  -- exact, in decimals: too long for SQLite's numbers
  cost_input TEXT NOT NULL,
  cost_cache TEXT NOT NULL,
  cost_output TEXT NOT NULL
) STRICT;
CREATE INDEX usage_created ON usage (created);
)"};

constexpr sqlite::schema ledger_schema{0x54726c67, "a ledger of usage", steps};

constexpr std::string_view insert_sql = R"(
INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
ON CONFLICT (id) DO UPDATE SET
  input_tokens = excluded.input_tokens, implicit_hit_tokens = excluded.implicit_hit_tokens,
  explicit_hit_tokens = excluded.explicit_hit_tokens,
  explicit_creation_tokens = excluded.explicit_creation_tokens,
  output_tokens = excluded.output_tokens, reasoning_tokens = excluded.reasoning_tokens,
  cut = excluded.cut, currency = excluded.currency, cost = excluded.cost,
  cost_input = excluded.cost_input, cost_cache = excluded.cost_cache,
  cost_output = excluded.cost_output
WHERE excluded.output_tokens > usage.output_tokens)";

constexpr std::string_view select_sql =
    "SELECT id, created, key, model, input_tokens, implicit_hit_tokens, explicit_hit_tokens, "
    "explicit_creation_tokens, output_tokens, reasoning_tokens, batch, cut, currency, cost, "
    "cost_input, cost_cache, cost_output "
    "FROM usage WHERE created >= ?1 AND created < ?2 ORDER BY id";

/// Opens a ledger for reading.
result<sqlite::database> open_to_read(const std::filesystem::path& path) {
  sqlite::open_options options;
  options.read_only = true;
  auto file = sqlite::database::open(path, options);
  if (!file) return file;
  if (auto done = sqlite::apply(*file, ledger_schema); !done) return fail(done.error());
  return file;
}

result<usage_record> record_in(const sqlite::statement& row) {
  int column = 0;
  const auto count = [&] { return static_cast<std::uint64_t>(row.integer(column++)); };
  usage_record out;
  out.id = row.text(column++);
  out.created = row.integer(column++);
  out.key = row.text(column++);
  out.model = row.text(column++);
  out.tokens.input = count();
  out.tokens.implicit_hits = count();
  out.tokens.explicit_hits = count();
  out.tokens.explicit_creation = count();
  out.tokens.output = count();
  if (const auto reasoning = row.integer_if(column++))
    out.reasoning = static_cast<std::uint64_t>(*reasoning);
  out.tokens.batch = count() != 0;
  out.cut = count() != 0;
  request_cost cost;
  cost.currency = row.text(column++);
  if (cost.currency.empty()) return out;
  for (amount* part : {&cost.total, &cost.input, &cost.cache, &cost.output}) {
    const auto read = amount::parse(row.text(column++));
    if (!read) return fail(error(errc::corrupt, read.error().message()).within(out.id));
    *part = *read;
  }
  out.cost = std::move(cost);
  return out;
}

class table_reader final : public usage_reader {
 public:
  table_reader(sqlite::database file, sqlite::statement rows)
      : file_(std::move(file)), rows_(std::move(rows)) {}

  result<std::optional<usage_record>> next() override {
    const auto more = rows_.step();
    if (!more) return fail(more.error());
    if (!*more) return std::nullopt;
    auto record = record_in(rows_);
    if (!record) return fail(record.error().within(file_.path().string()));
    return std::move(*record);
  }

 private:
  sqlite::database file_;  ///< first: the statement's
  sqlite::statement rows_;
};

}  // namespace

result<usage_table> usage_table::open(const std::filesystem::path& path) {
  auto file = sqlite::database::open(path);
  if (!file) return fail(file.error());
  if (auto done = sqlite::apply(*file, ledger_schema); !done) return fail(done.error());
  auto insert = file->prepare(insert_sql);
  if (!insert) return fail(insert.error());
  return usage_table(std::move(*file), std::move(*insert));
}

result<void> usage_table::put(const usage_record& r) {
  const request_cost cost = r.cost.value_or(request_cost());
  return insert_.run_with(r.id, r.created, r.key, r.model, r.tokens.input, r.tokens.implicit_hits,
                          r.tokens.explicit_hits, r.tokens.explicit_creation, r.tokens.output,
                          r.reasoning, r.tokens.batch, r.cut, cost.currency, cost.total.text(),
                          cost.input.text(), cost.cache.text(), cost.output.text());
}

result<std::unique_ptr<usage_reader>> read_usage_table(const std::filesystem::path& path,
                                                       const time_span& span) {
  auto file = open_to_read(path);
  if (!file) return fail(file.error());
  auto rows = file->prepare(select_sql);
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(span.since, span.until); !bound) return fail(bound.error());
  return std::unique_ptr<usage_reader>(
      std::make_unique<table_reader>(std::move(*file), std::move(*rows)));
}

}  // namespace troupe
