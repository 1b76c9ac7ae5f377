#include "runtime/billing/usage_server.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <map>
#include <string_view>
#include <utility>

namespace troupe {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds patience{5};

/// "troupe" as a number: two servers that start at once do not both make the table.
constexpr std::array<const char*, 5> creation{
    "BEGIN", "SELECT pg_advisory_xact_lock(128035709087845)",
    R"(CREATE TABLE IF NOT EXISTS troupe_usage (
  id text COLLATE "C" PRIMARY KEY,
  created bigint NOT NULL,  -- seconds since 1970
  key text NOT NULL,
  model text NOT NULL,
  input_tokens bigint NOT NULL,  -- all of them; the next three are parts of it
  implicit_hit_tokens bigint NOT NULL,
  explicit_hit_tokens bigint NOT NULL,
  explicit_creation_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  reasoning_tokens bigint,
  batch boolean NOT NULL,
  cut boolean NOT NULL,
  currency text NOT NULL,  -- empty: no prices
  cost numeric NOT NULL,  -- exact
  cost_input numeric NOT NULL,
  cost_cache numeric NOT NULL,
  cost_output numeric NOT NULL
))",
    "CREATE INDEX IF NOT EXISTS troupe_usage_created ON troupe_usage (created)", "COMMIT"};

/// At least this durable; a database whose followers apply changes first stays so.
constexpr const char* settings = R"(
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply'))";
constexpr const char* statement_limit = "SET statement_timeout = '5s'";

constexpr const char* insert_sql = R"(
INSERT INTO troupe_usage (id, created, key, model, input_tokens, implicit_hit_tokens,
  explicit_hit_tokens, explicit_creation_tokens, output_tokens, reasoning_tokens, batch, cut,
  currency, cost, cost_input, cost_cache, cost_output)
SELECT id, created, key, model, input_tokens, implicit_hit_tokens,
  explicit_hit_tokens, explicit_creation_tokens, output_tokens, reasoning_tokens, batch, cut,
  currency, cost, cost_input, cost_cache, cost_output
FROM json_to_recordset($1::json) AS told (id text, created bigint, key text, model text,
  input_tokens bigint, implicit_hit_tokens bigint, explicit_hit_tokens bigint,
  explicit_creation_tokens bigint, output_tokens bigint, reasoning_tokens bigint, batch boolean,
  cut boolean, currency text, cost numeric, cost_input numeric, cost_cache numeric,
  cost_output numeric)
ON CONFLICT (id) DO UPDATE SET
  input_tokens = excluded.input_tokens, implicit_hit_tokens = excluded.implicit_hit_tokens,
  explicit_hit_tokens = excluded.explicit_hit_tokens,
  explicit_creation_tokens = excluded.explicit_creation_tokens,
  output_tokens = excluded.output_tokens, reasoning_tokens = excluded.reasoning_tokens,
  cut = excluded.cut, currency = excluded.currency, cost = excluded.cost,
  cost_input = excluded.cost_input, cost_cache = excluded.cost_cache,
  cost_output = excluded.cost_output
WHERE excluded.output_tokens > troupe_usage.output_tokens)";

postgres::time soon() { return std::chrono::steady_clock::now() + patience; }

result<postgres::rows> run(postgres::connection& on, const char* sql) {
  return on.run(sql, {}, soon());
}

/// A connection on which a statement that returns well is on the disk.
result<postgres::connection> connect(const std::string& address) {
  auto connected = postgres::connection::open(address);
  if (!connected) return connected;
  for (const char* sql : {settings, statement_limit})
    if (auto set = run(*connected, sql); !set) return fail(std::move(set.error()));
  return connected;
}

/// Whether the database has the table at all.
result<bool> has_table(postgres::connection& in) {
  const auto found = run(in, "SELECT to_regclass('troupe_usage')");
  if (!found) return fail(found.error());
  return !found->is_null(0, 0);
}

json::object to_json(const usage_record& r) {
  const request_cost cost = r.cost.value_or(request_cost());
  json::object out{{"id", r.id},
                   {"created", r.created},
                   {"key", r.key},
                   {"model", r.model},
                   {"input_tokens", r.tokens.input},
                   {"implicit_hit_tokens", r.tokens.implicit_hits},
                   {"explicit_hit_tokens", r.tokens.explicit_hits},
                   {"explicit_creation_tokens", r.tokens.explicit_creation},
                   {"output_tokens", r.tokens.output},
                   {"batch", r.tokens.batch},
                   {"cut", r.cut},
                   {"currency", cost.currency},
                   {"cost", cost.total.text()},
                   {"cost_input", cost.input.text()},
                   {"cost_cache", cost.cache.text()},
                   {"cost_output", cost.output.text()}};
  if (r.reasoning) out["reasoning_tokens"] = *r.reasoning;
  return out;
}

/// The server is well, and one of the records is not.
bool is_of_a_record(const error& why) {
  return why.code() == errc::invalid_argument || why.code() == errc::already_exists;
}

}  // namespace

result<std::unique_ptr<usage_server>> usage_server::open(const std::string& address) {
  auto connected = connect(address);
  if (!connected) return fail(connected.error().within("the ledger's database"));
  const auto failed = [](const error& why) { return fail(why.within("the table troupe_usage")); };
  const auto there = has_table(*connected);
  if (!there) return failed(there.error());
  for (const char* sql : creation) {
    if (*there) break;
    if (auto done = run(*connected, sql); !done) return failed(done.error());
  }
  std::unique_ptr<usage_server> out(new usage_server(address, std::move(*connected)));
  // Of no records: whether all columns are there, and whether the role may do it.
  if (auto done = out->write({}); !done) return failed(done.error());
  return out;
}

result<void> usage_server::reach() {
  if (connection_.usable()) return {};
  auto connected = connect(address_);
  if (!connected) return fail(std::move(connected.error()));
  connection_ = std::move(*connected);
  return {};
}

result<void> usage_server::write(std::span<const usage_record* const> records) {
  // One statement cannot change a row twice; in one order, no two servers wait for each other.
  std::map<std::string_view, const usage_record*> fullest;
  for (const usage_record* r : records) {
    const auto [at, added] = fullest.emplace(r->id, r);
    if (!added && r->tokens.output > at->second->tokens.output) at->second = r;
  }
  json::array told;
  told.reserve(fullest.size());
  for (const auto& [id, record] : fullest) told.push_back(to_json(*record));
  const std::array<postgres::parameter, 1> values{json::serialize(told)};
  auto done = connection_.run(insert_sql, values, soon());
  if (!done) return fail(std::move(done.error()));
  return {};
}

std::vector<result<void>> usage_server::put(std::span<const usage_record* const> records) {
  auto all = reach();
  if (all) all = write(records);
  std::vector<result<void>> done(records.size(), all);
  if (all || records.size() < 2 || !is_of_a_record(all.error())) return done;
  for (std::size_t i = 0; i < records.size(); ++i) done[i] = write(records.subspan(i, 1));
  return done;
}

}  // namespace troupe
