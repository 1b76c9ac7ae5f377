#include "runtime/storage/sqlite_schema.hpp"

#include <string>

namespace troupe::sqlite {
namespace {

/// How many steps the file has taken already.
result<std::size_t> steps_taken(database& in, const schema& wanted) {
  const auto owner = in.query_integer("PRAGMA application_id");
  if (!owner) return fail(owner.error());
  const auto version = in.query_integer("PRAGMA user_version");
  if (!version) return fail(version.error());
  const auto tables = in.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(tables.error());
  const bool fresh = *owner == 0 && *version == 0 && *tables == 0;
  if (!fresh && *owner != wanted.application)
    return fail(errc::invalid_argument, "{}: not {}", in.path().string(), wanted.what);
  if (*version < 0 || static_cast<std::size_t>(*version) > wanted.steps.size()) {
    return fail(errc::unsupported, "{}: version {} of {}, and this program knows {}",
                in.path().string(), *version, wanted.what, wanted.steps.size());
  }
  return static_cast<std::size_t>(*version);
}

}  // namespace

result<void> apply(database& to, const schema& wanted) {
  const auto before = steps_taken(to, wanted);
  if (!before) return fail(before.error());
  if (*before == wanted.steps.size()) return {};
  auto change = transaction::begin(to);
  if (!change) return fail(change.error());
  // Another process may have come first.
  const auto taken = steps_taken(to, wanted);
  if (!taken) return fail(taken.error());
  for (const std::string_view step : wanted.steps.subspan(*taken))
    if (auto done = to.execute(std::string(step)); !done) return done;
  const auto set = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};",
                               wanted.application, wanted.steps.size());
  if (auto done = to.execute(set); !done) return done;
  return change->commit();
}

}  // namespace troupe::sqlite
