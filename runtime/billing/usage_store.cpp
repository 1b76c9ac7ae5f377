#include "runtime/billing/usage_store.hpp"

#include <utility>

#include "runtime/billing/usage_server.hpp"
#include "runtime/billing/usage_table.hpp"
#include "runtime/storage/postgres.hpp"

namespace troupe {
namespace {

/// A file of SQLite.
class usage_file final : public usage_store {
 public:
  explicit usage_file(usage_table table) : table_(std::move(table)) {}

  std::vector<result<void>> put(std::span<const usage_record* const> records) override {
    std::vector<result<void>> done(records.size());
    auto change = sqlite::transaction::begin(table_.file());
    result<void> all;
    if (!change) all = fail(change.error());
    for (std::size_t i = 0; i < records.size() && all; ++i) done[i] = table_.put(*records[i]);
    if (all) all = change->commit();
    if (!all) done.assign(records.size(), all);
    return done;
  }

 private:
  usage_table table_;
};

}  // namespace

result<std::unique_ptr<usage_store>> open_usage_store(const std::string& place) {
  if (postgres::is_address(place)) {
    auto server = usage_server::open(place);
    if (!server) return fail(std::move(server.error()));
    return std::unique_ptr<usage_store>(std::move(*server));
  }
  auto table = usage_table::open(place);
  if (!table) return fail(std::move(table.error()));
  return std::unique_ptr<usage_store>(std::make_unique<usage_file>(std::move(*table)));
}

result<std::unique_ptr<usage_reader>> open_usage_reader(const std::string& place,
                                                        const time_span& span) {
  if (postgres::is_address(place)) return read_usage_server(place, span);
  return read_usage_table(place, span);
}

}  // namespace troupe
