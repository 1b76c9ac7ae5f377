#include "runtime/billing/usage_table.hpp"

#include <array>
#include <string_view>

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

/// SQLite's own limit on what may be attached, and the first one.
constexpr std::size_t most_files = 11;

constexpr std::string_view columns =
    "id, created, key, model, input_tokens, implicit_hit_tokens, explicit_hit_tokens, "
    "explicit_creation_tokens, output_tokens, reasoning_tokens, batch, cut, currency, cost, "
    "cost_input, cost_cache, cost_output";

std::string select_sql(std::size_t files) {
  constexpr std::string_view span = "WHERE created >= ?1 AND created < ?2";
  if (files == 1) return fmt::format("SELECT {} FROM usage {}", columns, span);
  std::string all = fmt::format("SELECT * FROM main.usage {}", span);
  for (std::size_t i = 1; i < files; ++i)
    all += fmt::format(" UNION ALL SELECT * FROM file{}.usage {}", i, span);
  // With max(), SQLite takes the other columns from the row that has it.
  return fmt::format("SELECT {}, max(output_tokens) FROM ({}) GROUP BY id", columns, all);
}

/// Opens a ledger for reading.
result<sqlite::database> open_to_read(const std::filesystem::path& path) {
  sqlite::open_options options;
  options.read_only = true;
  auto file = sqlite::database::open(path, options);
  if (!file) return file;
  if (auto done = sqlite::apply(*file, ledger_schema); !done) return fail(done.error());
  return file;
}

/// The first of the ledgers, with the others attached.
result<sqlite::database> open_to_read(const std::vector<std::filesystem::path>& paths) {
  if (paths.empty() || paths.size() > most_files)
    return fail(errc::out_of_range, "{} ledgers; 1 to {} can be read at once", paths.size(),
                most_files);
  auto file = open_to_read(paths.front());
  for (std::size_t i = 1; i < paths.size() && file; ++i) {
    if (auto other = open_to_read(paths[i]); !other) return other;
    auto attach = file->prepare(fmt::format("ATTACH ?1 AS file{}", i));
    if (!attach) return fail(attach.error());
    if (auto done = attach->run_with(paths[i].string()); !done) return fail(done.error());
  }
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

result<void> read_usage(const std::vector<std::filesystem::path>& paths, const time_span& span,
                        const std::function<result<void>(const usage_record&)>& each) {
  auto file = open_to_read(paths);
  if (!file) return fail(file.error());
  auto rows = file->prepare(select_sql(paths.size()));
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(span.since, span.until); !bound) return bound;
  for (;;) {
    const auto more = rows->step();
    if (!more) return fail(more.error());
    if (!*more) return {};
    const auto record = record_in(*rows);
    if (!record) return fail(record.error().within(paths.front().string()));
    if (auto done = each(*record); !done) return done;
  }
}

}  // namespace troupe
