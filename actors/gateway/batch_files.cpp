#include "actors/gateway/batch_files.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <utility>
#include <vector>

#include "actors/gateway/batch_line.hpp"
#include "runtime/base/sha256.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

constexpr std::size_t most_errors = 100;
constexpr std::size_t lines_at_once = 1'000;
constexpr std::uint64_t outcomes_at_once = 200;

/// Cuts an input into lines and enters them.
class line_entry {
 public:
  line_entry(object_file& file, const batch_row& batch, const api_limits& limits)
      : file_(file), batch_(batch), limits_(limits) {}

  /// A whole line, which stands at `start`.
  [[nodiscard]] result<void> take(std::string_view line, std::uint64_t start) {
    const std::uint64_t number = ++seen_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) return {};
    if (check_.lines == most_batch_lines) {
      refuse("too_many_requests", {}, number,
             fmt::format("a batch has at most {} requests", most_batch_lines));
      return {};
    }
    const auto read = read_batch_line(line, batch_.endpoint, limits_);
    if (!read) {
      refuse("invalid_request", read.error().param, number, read.error().message);
      return {};
    }
    waiting_.push_back({check_.lines++, read->name, start, line.size()});
    numbers_.push_back(number);
    return waiting_.size() < lines_at_once ? result<void>() : enter();
  }

  [[nodiscard]] result<void> enter() {
    auto done = file_.with([this](sqlite::database& in) -> result<void> {
      auto change = sqlite::transaction::begin(in);
      if (!change) return fail(change.error());
      for (std::size_t i = 0; i < waiting_.size(); ++i) {
        auto added = add_line(in, batch_.id, waiting_[i]);
        if (added) continue;
        if (added.error().code() != errc::already_exists) return added;
        refuse("duplicate_custom_id", "custom_id", numbers_[i],
               fmt::format("custom_id '{}' stands in a line before", waiting_[i].name));
      }
      return change->commit();
    });
    waiting_.clear();
    numbers_.clear();
    return done;
  }

  void refuse(std::string_view code, std::string_view param, std::uint64_t line,
              const std::string& message) {
    if (check_.errors.size() >= most_errors) return;
    check_.errors.push_back(json::object{
        {"code", std::string(code)},
        {"param", param.empty() ? json::value(nullptr) : json::value(std::string(param))},
        {"line", line},
        {"message", message}});
  }
  [[nodiscard]] bool hopeless() const { return check_.errors.size() >= most_errors; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  [[nodiscard]] batch_check result_of() {
    if (check_.lines == 0 && check_.errors.empty())
      refuse("empty_file", {}, 0, "the input has no requests");
    return std::move(check_);
  }

 private:
  object_file& file_;
  const batch_row& batch_;
  const api_limits limits_;
  batch_check check_;
  std::uint64_t seen_ = 0;
  std::vector<batch_line> waiting_;
  std::vector<std::uint64_t> numbers_;
};

/// Appends lines to a file that nobody sees yet.
class part_writer {
 public:
  part_writer(object_file& file, std::string id) : file_(file), id_(std::move(id)) {}

  [[nodiscard]] result<void> add(std::string_view line) {
    held_ += line;
    held_ += '\n';
    while (held_.size() >= file_part_bytes) {
      const std::string part = held_.substr(0, file_part_bytes);
      held_.erase(0, file_part_bytes);
      if (auto done = write(part); !done) return done;
    }
    return {};
  }
  [[nodiscard]] result<void> finish() {
    return held_.empty() ? result<void>() : write(std::exchange(held_, {}));
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] result<void> write(const std::string& part) {
    bytes_ += part.size();
    return file_.with([&](sqlite::database& in) { return append_part(in, id_, next_++, part); });
  }

  object_file& file_;
  const std::string id_;
  std::string held_;
  std::uint64_t next_ = 0;
  std::uint64_t bytes_ = 0;
};

result<std::optional<file_row>> write_outcomes(object_file& file, const batch_row& batch,
                                               line_state state, std::int64_t expires) {
  const char* what = state == line_state::answered ? "output" : "error";
  sha256 hash;
  hash.add(batch.id);
  hash.add(what);
  file_row row;
  row.id = "file-" + hash.finish().substr(0, 32);
  row.owner = batch.owner;
  row.created = unix_time();
  row.expires = expires;
  row.purpose = "batch_output";
  row.name = fmt::format("{}_{}.jsonl", batch.id, what);
  auto begun = file.with([&](sqlite::database& in) -> result<void> {
    // What a server has left that was killed meanwhile.
    if (auto erased = erase_file(in, row.id, -1); !erased) return fail(erased.error());
    return begin_file(in, row);
  });
  if (!begun) return fail(begun.error());
  part_writer out(file, row.id);
  std::uint64_t from = 0;
  for (;;) {
    const auto some = file.with([&](sqlite::database& in) {
      return outcomes(in, batch.id, state, from, outcomes_at_once);
    });
    if (!some) return fail(some.error());
    if (some->empty()) break;
    for (const line_outcome& o : *some)
      if (auto done = out.add(o.text); !done) return fail(done.error());
    from = some->back().line + 1;
  }
  if (auto done = out.finish(); !done) return fail(done.error());
  row.bytes = out.bytes();
  if (row.bytes > 0) return std::optional(row);
  const auto erased = file.with([&](sqlite::database& in) { return erase_file(in, row.id, -1); });
  if (!erased) return fail(erased.error());
  return std::optional<file_row>();
}

}  // namespace

result<batch_check> enter_batch(object_file& file, const batch_row& batch,
                                const api_limits& limits) {
  auto clear = file.with([&](sqlite::database& in) { return drop_lines(in, batch.id); });
  if (!clear) return fail(clear.error());
  line_entry entry(file, batch, limits);
  std::string held;  // from `start` on
  std::uint64_t start = 0;
  for (bool last = false; !last && !entry.hopeless();) {
    const auto piece = file.with([&](sqlite::database& in) {
      return read_file(in, batch.input, start + held.size(), file_part_bytes);
    });
    if (!piece) return fail(piece.error());
    last = piece->size() < file_part_bytes;
    held += *piece;
    std::size_t from = 0;
    for (std::size_t end = held.find('\n'); end != std::string::npos && !entry.hopeless();
         end = held.find('\n', from)) {
      const std::string_view line = std::string_view(held).substr(from, end - from);
      if (auto done = entry.take(line, start + from); !done) return fail(done.error());
      from = end + 1;
    }
    held.erase(0, from);
    start += from;
    if (held.size() > limits.body_bytes) {
      entry.refuse("invalid_request", {}, entry.seen() + 1,
                   fmt::format("a line has more than {} bytes", limits.body_bytes));
      break;
    }
  }
  if (!held.empty() && held.size() <= limits.body_bytes && !entry.hopeless())
    if (auto done = entry.take(held, start); !done) return fail(done.error());
  if (auto done = entry.enter(); !done) return fail(done.error());
  batch_check found = entry.result_of();
  if (found.errors.empty()) return found;
  clear = file.with([&](sqlite::database& in) { return drop_lines(in, batch.id); });
  if (!clear) return fail(clear.error());
  return found;
}

result<batch_output> write_batch_output(object_file& file, const batch_row& batch,
                                        std::int64_t expires) {
  batch_output out;
  auto answers = write_outcomes(file, batch, line_state::answered, expires);
  if (!answers) return fail(answers.error());
  auto errors = write_outcomes(file, batch, line_state::failed, expires);
  if (!errors) return fail(errors.error());
  out.answers = std::move(*answers);
  out.errors = std::move(*errors);
  return out;
}

}  // namespace troupe::gateway
