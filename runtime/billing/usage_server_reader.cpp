#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "runtime/billing/usage_server.hpp"

namespace troupe {
namespace {

/// A large ledger is sorted before its first row comes.
constexpr std::chrono::minutes patience{10};
constexpr const char* next_rows = "FETCH FORWARD 1000 FROM troupe_usage_rows";

constexpr std::string_view columns =
    "id, created, key, model, input_tokens, implicit_hit_tokens, explicit_hit_tokens, "
    "explicit_creation_tokens, output_tokens, reasoning_tokens, batch::int, cut::int, currency, "
    "cost, cost_input, cost_cache, cost_output";

result<std::int64_t> number(std::string_view text) {
  std::int64_t out = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  if (text.empty() || read.ec != std::errc() || read.ptr != end)
    return fail(errc::corrupt, "'{}' is not a whole number", text);
  return out;
}

/// The columns of one row, from the first to the last; keeps the first error.
struct row_cursor {
  const postgres::rows& in;
  int row;
  int column = 0;
  result<void> good;

  std::string text() { return std::string(in.text(row, column++)); }
  std::int64_t integer() {
    const auto read = number(in.text(row, column++));
    if (!read && good) good = fail(read.error());
    return read.value_or(0);
  }
  std::uint64_t count() { return static_cast<std::uint64_t>(integer()); }
  amount money() {
    const auto read = amount::parse(in.text(row, column++));
    if (!read && good) good = fail(errc::corrupt, "{}", read.error().message());
    return read.value_or(amount());
  }
};

result<usage_record> record_in(const postgres::rows& rows, int row) {
  row_cursor in{rows, row, 0, {}};
  usage_record out;
  out.id = in.text();
  out.created = in.integer();
  out.key = in.text();
  out.model = in.text();
  out.tokens.input = in.count();
  out.tokens.implicit_hits = in.count();
  out.tokens.explicit_hits = in.count();
  out.tokens.explicit_creation = in.count();
  out.tokens.output = in.count();
  if (rows.is_null(row, in.column)) {
    ++in.column;
  } else {
    out.reasoning = in.count();
  }
  out.tokens.batch = in.count() != 0;
  out.cut = in.count() != 0;
  request_cost cost;
  cost.currency = in.text();
  if (!cost.currency.empty()) {
    for (amount* part : {&cost.total, &cost.input, &cost.cache, &cost.output}) *part = in.money();
    out.cost = std::move(cost);
  }
  if (!in.good) return fail(in.good.error().within(out.id));
  return out;
}

class server_reader final : public usage_reader {
 public:
  server_reader(std::string address, postgres::connection connected)
      : address_(std::move(address)), connection_(std::move(connected)) {}

  result<void> begin(const time_span& span) {
    const auto table = run("SELECT to_regclass('troupe_usage')");
    if (!table) return fail(table.error());
    if (table->is_null(0, 0))
      return fail(errc::not_found, "{}: there is no table troupe_usage", address_);
    const std::string select = fmt::format(
        "DECLARE troupe_usage_rows NO SCROLL CURSOR FOR SELECT {} FROM troupe_usage "
        "WHERE created >= '{}'::bigint AND created < '{}'::bigint ORDER BY id COLLATE \"C\"",
        columns, span.since, span.until);
    for (const std::string& sql :
         {std::string("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), select})
      if (auto done = run(sql); !done) return fail(done.error());
    return {};
  }

  result<std::optional<usage_record>> next() override {
    if (!fetched_ || (at_ == fetched_->count() && at_ > 0)) {
      auto more = run(next_rows);
      if (!more) return fail(std::move(more.error()));
      fetched_ = std::move(*more);
      at_ = 0;
    }
    if (at_ == fetched_->count()) return std::nullopt;
    auto record = record_in(*fetched_, at_++);
    if (!record) return fail(record.error().within(address_));
    return std::move(*record);
  }

 private:
  result<postgres::rows> run(const std::string& sql) {
    auto done = connection_.run(sql, {}, std::chrono::steady_clock::now() + patience);
    if (!done) return fail(done.error().within(address_));
    return done;
  }

  const std::string address_;
  postgres::connection connection_;
  std::optional<postgres::rows> fetched_;
  int at_ = 0;
};

}  // namespace

result<std::unique_ptr<usage_reader>> read_usage_server(const std::string& address,
                                                        const time_span& span) {
  auto connected = postgres::connection::open(address);
  if (!connected) return fail(std::move(connected.error()));
  auto reader = std::make_unique<server_reader>(address, std::move(*connected));
  if (auto begun = reader->begin(span); !begun) return fail(std::move(begun.error()));
  return std::unique_ptr<usage_reader>(std::move(reader));
}

}  // namespace troupe
