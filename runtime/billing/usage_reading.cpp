#include "runtime/billing/usage_reading.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace troupe {
namespace {

/// A ledger, and the record of it that comes next.
struct source {
  std::unique_ptr<usage_reader> reader;
  std::optional<usage_record> next;

  result<void> advance() {
    auto read = reader->next();
    if (!read) return fail(std::move(read.error()));
    next = std::move(*read);
    return {};
  }
};

result<std::vector<source>> open_all(const std::vector<std::string>& places,
                                     const time_span& span) {
  if (places.empty() || places.size() > most_ledgers)
    return fail(errc::out_of_range, "{} ledgers; 1 to {} can be read at once", places.size(),
                most_ledgers);
  std::vector<source> out;
  out.reserve(places.size());
  for (const std::string& place : places) {
    auto reader = open_usage_reader(place, span);
    if (!reader) return fail(std::move(reader.error()));
    out.push_back({std::move(*reader), std::nullopt});
    if (auto read = out.back().advance(); !read) return fail(std::move(read.error()));
  }
  return out;
}

/// The least id that comes next, and the fullest record that has it; null where nothing is left.
const usage_record* next_of(const std::vector<source>& sources) {
  const usage_record* found = nullptr;
  for (const source& from : sources) {
    if (!from.next) continue;
    const int order = found == nullptr ? -1 : from.next->id.compare(found->id);
    if (order < 0 || (order == 0 && from.next->tokens.output > found->tokens.output))
      found = &*from.next;
  }
  return found;
}

}  // namespace

result<void> read_usage(const std::vector<std::string>& places, const time_span& span,
                        const std::function<result<void>(const usage_record&)>& each) {
  auto sources = open_all(places, span);
  if (!sources) return fail(std::move(sources.error()));
  while (const usage_record* fullest = next_of(*sources)) {
    if (auto done = each(*fullest); !done) return done;
    const std::string id = fullest->id;
    for (source& from : *sources) {
      if (!from.next || from.next->id != id) continue;
      if (auto read = from.advance(); !read) return read;
    }
  }
  return {};
}

}  // namespace troupe
