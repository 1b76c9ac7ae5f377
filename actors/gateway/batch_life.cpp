// What becomes of a batch as a whole: the other half of batch_runner.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "actors/gateway/batch_files.hpp"
#include "actors/gateway/batch_runner.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

/// Not shown: as what a batch ends whose output is being written.
constexpr const char* ends_as = "ends_as";

constexpr std::uint64_t lines_at_once = 64;

void set_details(batch_row& row, const json::object& details) {
  row.object = json::serialize(details);
}

}  // namespace

json::object batch_details(const batch_row& row) {
  boost::system::error_code failed;
  json::value v = json::parse(row.object, failed);
  return failed || !v.is_object() ? json::object() : std::move(v.get_object());
}

json::object batch_json(const batch_row& row) {
  json::object out{{"id", row.id},
                   {"object", "batch"},
                   {"endpoint", row.endpoint},
                   {"errors", nullptr},
                   {"input_file_id", row.input},
                   {"completion_window", "24h"},
                   {"status", row.status},
                   {"output_file_id", nullptr},
                   {"error_file_id", nullptr},
                   {"created_at", row.created},
                   {"expires_at", row.expires}};
  for (const char* key : {"in_progress_at", "finalizing_at", "completed_at", "failed_at",
                          "expired_at", "cancelling_at", "cancelled_at", "metadata"})
    out[key] = nullptr;
  for (auto& [key, value] : batch_details(row))
    if (key != ends_as) out[key] = value;
  out["request_counts"] = {
      {"total", row.total}, {"completed", row.completed}, {"failed", row.failed}};
  out["usage"] = {{"input_tokens", row.input_tokens},
                  {"input_tokens_details", {{"cached_tokens", 0}}},
                  {"output_tokens", row.output_tokens},
                  {"output_tokens_details", {{"reasoning_tokens", 0}}},
                  {"total_tokens", row.input_tokens + row.output_tokens}};
  return out;
}

/// One step of a batch's life, as far as it is not about its lines.
void batch_runner::advance(const batch_row& row) {
  const bool late = unix_time() >= row.expires;
  if (row.status == "validating") return check(row);
  if (row.status == "cancelling") {
    give_up(row.id);
    return change(row.id, row.owner, "cancelling", [](sqlite::database&, batch_row& r) {
      json::object details = batch_details(r);
      details[ends_as] = "cancelled";
      details["finalizing_at"] = unix_time();
      set_details(r, details);
      r.status = "finalizing";
      return result<void>();
    });
  }
  if (row.status == "finalizing") return finalize(row);
  const auto [at, fresh] = open_.try_emplace(row.id);
  if (fresh) {
    at->second.row = row;
    at->second.protocol = batch_protocol(row.endpoint).value_or(api_protocol::chat);
  }
  if (late) return expire(row);
  if (!over(at->second)) return;
  open_.erase(at);
  change(row.id, row.owner, "in_progress", [](sqlite::database&, batch_row& r) {
    json::object details = batch_details(r);
    details[ends_as] = "completed";
    details["finalizing_at"] = unix_time();
    set_details(r, details);
    r.status = "finalizing";
    return result<void>();
  });
  wake();
}

void batch_runner::change(const std::string& id, std::int64_t owner, std::string_view expected,
                          const std::function<result<void>(sqlite::database&, batch_row&)>& how) {
  const auto done = file_->with([&](sqlite::database& in) -> result<void> {
    auto change = sqlite::transaction::begin(in);
    if (!change) return fail(change.error());
    auto row = find_batch(in, id, owner);
    if (!row) return fail(row.error());
    if (!*row || (*row)->status != expected) return {};
    if (auto changed = how(in, **row); !changed) return changed;
    if (auto kept = update_batch(in, **row); !kept) return kept;
    return change->commit();
  });
  if (!done) report(done.error());
}

void batch_runner::check(const batch_row& row) {
  api_limits limits;
  limits.body_bytes = sessions_->limits().body_bytes;
  const auto found = enter_batch(*file_, row, limits);
  if (!found) return report(found.error());
  change(row.id, row.owner, "validating", [&](sqlite::database&, batch_row& r) {
    json::object details = batch_details(r);
    details["model"] = sessions_->model().id;
    if (found->errors.empty()) {
      r.status = "in_progress";
      r.total = found->lines;
      details["in_progress_at"] = unix_time();
    } else {
      r.status = "failed";
      details["failed_at"] = unix_time();
      details["errors"] = {{"object", "list"}, {"data", found->errors}};
    }
    set_details(r, details);
    return result<void>();
  });
  wake();
}

/// Its time is over: what has no answer yet is not asked any more.
void batch_runner::expire(const batch_row& row) {
  give_up(row.id);
  for (std::uint64_t from = 0;;) {
    const auto lines = file_->with(
        [&](sqlite::database& in) { return waiting_lines(in, row.id, from, lines_at_once); });
    if (!lines) return report(lines.error());
    if (lines->empty()) break;
    for (const batch_line& line : *lines) {
      const line_outcome outcome{line.line, line_state::failed,
                                 outcome_text(line.name, "batch_expired",
                                              "the batch's 24 hours were over before this request "
                                              "was answered"),
                                 0, 0};
      const auto done =
          file_->with([&](sqlite::database& in) { return end_line(in, row.id, outcome); });
      if (!done) return report(done.error());
    }
    from = lines->back().line + 1;
  }
  change(row.id, row.owner, "in_progress", [](sqlite::database&, batch_row& r) {
    json::object details = batch_details(r);
    details[ends_as] = "expired";
    details["finalizing_at"] = unix_time();
    set_details(r, details);
    r.status = "finalizing";
    return result<void>();
  });
  wake();
}

void batch_runner::finalize(const batch_row& row) {
  const auto output = write_batch_output(
      *file_, row, unix_time() + static_cast<std::int64_t>(limits_.lifetime_seconds));
  if (!output) return report(output.error());
  change(row.id, row.owner, "finalizing", [&](sqlite::database& in, batch_row& r) -> result<void> {
    json::object details = batch_details(r);
    const json::value* said = details.if_contains(ends_as);
    r.status = said != nullptr && said->is_string()
                   ? std::string(said->get_string().data(), said->get_string().size())
                   : "completed";
    details[r.status + "_at"] = unix_time();
    for (const auto& [file, key] : {std::pair(&output->answers, "output_file_id"),
                                    std::pair(&output->errors, "error_file_id")}) {
      if (!*file) continue;
      if (auto done = publish_file(in, **file); !done) return done;
      details[key] = (*file)->id;
    }
    set_details(r, details);
    return drop_lines(in, r.id);
  });
}

}  // namespace troupe::gateway
