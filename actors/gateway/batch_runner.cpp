#include "actors/gateway/batch_runner.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <utility>

namespace troupe::gateway {
namespace json = boost::json;
namespace {

constexpr std::size_t most_jobs = 65'536;
constexpr std::chrono::milliseconds tick_interval{1'000};
constexpr std::chrono::milliseconds retry_pause{1'000};
constexpr std::chrono::minutes purge_interval{1};
constexpr std::uint64_t lines_at_once = 64;
/// The engine is busy or away: the line is asked again.
bool passes(const batch_answer& a) {
  return (a.status == 429 && a.code != "insufficient_quota") || a.status == 503;
}

std::uint64_t count_in(const json::object& usage, const char* key, const char* other) {
  const json::value* v = usage.if_contains(key);
  if (v == nullptr) v = usage.if_contains(other);
  return v != nullptr && v->is_number() ? v->to_number<std::uint64_t>() : 0;
}

/// What the answer says it costs, exactly.
amount cost_in(const json::object& usage) {
  const json::value* details = usage.if_contains("cost_details");
  const json::object* object = details == nullptr ? nullptr : details->if_object();
  const json::value* total = object == nullptr ? nullptr : object->if_contains("total");
  if (total == nullptr || !total->is_string()) return {};
  const json::string& text = total->get_string();
  return amount::parse({text.data(), text.size()}).value_or(amount());
}

/// Returns what the answer cost.
amount count_use(const std::string& body, line_outcome& into) {
  boost::system::error_code failed;
  const json::value answer = json::parse(body, failed);
  const json::object* object = failed ? nullptr : answer.if_object();
  const json::value* usage = object == nullptr ? nullptr : object->if_contains("usage");
  if (usage == nullptr || !usage->is_object()) return {};
  into.input_tokens = count_in(usage->get_object(), "prompt_tokens", "input_tokens");
  into.output_tokens = count_in(usage->get_object(), "completion_tokens", "output_tokens");
  return cost_in(usage->get_object());
}

}  // namespace

batch_runner::batch_runner(std::shared_ptr<object_file> file, const store_config& limits,
                           std::shared_ptr<const session_source> sessions, recogniser recognise,
                           std::shared_ptr<spdlog::logger> log)
    : file_(std::move(file)),
      limits_(limits),
      sessions_(std::move(sessions)),
      recognise_(std::move(recognise)),
      log_(std::move(log)),
      worker_(most_jobs) {}

batch_runner::~batch_runner() { stop(); }

void batch_runner::start() {
  (void)worker_.post([self = weak_from_this()] {
    const auto runner = self.lock();
    if (!runner) return;
    const auto done = runner->file_->with(
        [](sqlite::database& in) { return drop_expired_files(in, unix_time(), true); });
    if (!done) runner->report(done.error());
    runner->purge();
    runner->tick();
  });
}

void batch_runner::stop() {
  stopped_ = true;
  worker_.stop();
  // The thread is gone: what it knew is nobody else's.
  auto left = std::exchange(flights_, {});
  for (auto& [name, f] : left)
    if (f.session) f.session->cancel();
  open_.clear();
  sessions_.reset();
}

void batch_runner::wake() {
  (void)worker_.post([self = weak_from_this()] {
    if (const auto runner = self.lock()) runner->look();
  });
}

void batch_runner::report(const error& e) const { log_->error("batches: {}", e.message()); }

void batch_runner::tick() {
  look();
  (void)worker_.post(
      [self = weak_from_this()] {
        if (const auto runner = self.lock()) runner->tick();
      },
      tick_interval);
}

void batch_runner::purge() {
  const std::int64_t now = unix_time();
  const auto done = file_->with([&](sqlite::database& in) -> result<void> {
    if (auto files = drop_expired_files(in, now, false); !files) return files;
    return drop_old_batches(in, now - static_cast<std::int64_t>(limits_.lifetime_seconds));
  });
  if (!done) report(done.error());
  (void)worker_.post(
      [self = weak_from_this()] {
        if (const auto runner = self.lock()) runner->purge();
      },
      purge_interval);
}

void batch_runner::look() {
  const auto rows = file_->with([](sqlite::database& in) { return open_batches(in); });
  if (!rows) return report(rows.error());
  for (const batch_row& row : *rows) {
    if (stopped_) return;
    advance(row);
  }
  fill();
}

/// Forgets a batch's lines; those under way are asked no more.
void batch_runner::give_up(const std::string& batch) {
  for (auto at = flights_.lower_bound({batch, 0});
       at != flights_.end() && at->first.first == batch;) {
    const auto session = std::move(at->second.session);
    at = flights_.erase(at);
    if (session) session->cancel();
  }
  open_.erase(batch);
}

bool batch_runner::fetch(open_batch& b) {
  if (!b.ready.empty()) return true;
  if (b.all_fetched) return false;
  const auto lines = file_->with(
      [&](sqlite::database& in) { return waiting_lines(in, b.row.id, b.next, lines_at_once); });
  if (!lines) {
    report(lines.error());
    return false;
  }
  b.all_fetched = lines->empty();
  if (b.all_fetched) return false;
  b.next = lines->back().line + 1;
  b.ready.assign(lines->begin(), lines->end());
  return true;
}

/// A line of each batch in turn.
void batch_runner::fill() {
  std::size_t without = 0;
  while (!stopped_ && flights_.size() < limits_.batch_running && without < open_.size()) {
    auto at = open_.upper_bound(last_asked_);
    if (at == open_.end()) at = open_.begin();
    last_asked_ = at->first;
    if (!fetch(at->second)) {
      ++without;
      continue;
    }
    without = 0;
    const batch_line line = std::move(at->second.ready.front());
    at->second.ready.pop_front();
    ask(at->second, line);
  }
}

void batch_runner::ask(open_batch& b, const batch_line& line) {
  const flight_name name{b.row.id, line.line};
  api_limits limits;
  limits.body_bytes = sessions_->limits().body_bytes;
  flight& f = flights_[name];
  f.line = line;
  f.identity = identity_of(b.row.id, line.line, b.protocol);
  ++b.running;
  const auto refuse = [&](const api_error& e) {
    (void)worker_.post(
        [self = weak_from_this(), name, a = batch_answer{e.status, e.body(), e.code}] {
          if (const auto runner = self.lock()) runner->on_answer(name, a);
        });
  };
  const auto text = file_->with(
      [&](sqlite::database& in) { return read_file(in, b.row.input, line.start, line.bytes); });
  if (!text) return refuse(to_api_error(text.error()));
  const auto request = read_batch_line(*text, b.row.endpoint, limits);
  if (!request) return refuse(request.error());
  const auto key = recognise_(b.row.owner);
  if (!key) return refuse(key.error());
  f.key = *key;
  if (f.key && f.key->spent(key_moment::now())) {
    api_error e = to_api_error({errc::exhausted, "the key's budget is spent"});
    e.type = e.code = "insufficient_quota";
    return refuse(e);
  }
  // The answer may come before the session is there, but on this thread only after it.
  f.session = ask_batch_line(sessions_->batch(f.key), b.protocol, *request, f.identity,
                             [self = weak_from_this(), name](batch_answer answer) {
                               const auto runner = self.lock();
                               if (!runner) return;
                               (void)runner->worker_.post([self, name, answer = std::move(answer)] {
                                 if (const auto still = self.lock()) still->on_answer(name, answer);
                               });
                             });
}

void batch_runner::on_answer(const flight_name& name, const batch_answer& answer) {
  const auto found = flights_.find(name);
  const auto batch = open_.find(name.first);
  if (found == flights_.end() || batch == open_.end()) return;  // given up
  const flight f = std::move(found->second);
  flights_.erase(found);
  if (passes(answer)) {
    --batch->second.running;
    ask_again(name, f.line);
    return fill();
  }
  line_outcome outcome{f.line.line, answer.status < 400 ? line_state::answered : line_state::failed,
                       outcome_text(f.line.name, f.identity, answer), 0, 0};
  const amount cost = count_use(answer.body, outcome);
  if (f.key)
    f.key->spend(key_use(outcome.input_tokens + outcome.output_tokens, cost), key_moment::now());
  end(name.first, outcome, 0);
  fill();
  // The last one: no need to wait for the next tick.
  if (const auto still = open_.find(name.first); still != open_.end() && over(still->second))
    wake();
}

bool batch_runner::over(const open_batch& b) {
  return b.all_fetched && b.ready.empty() && b.running + b.pausing == 0;
}

/// Kept, or tried again until it is: an answer is not drawn twice because a disk was full.
void batch_runner::end(const std::string& batch, const line_outcome& outcome,
                       std::uint32_t attempt) {
  const auto done = file_->with([&](sqlite::database& in) { return end_line(in, batch, outcome); });
  const auto found = open_.find(batch);
  if (!done) {
    if (attempt == 0) report(done.error());
    (void)worker_.post(
        [self = weak_from_this(), batch, outcome, attempt] {
          const auto runner = self.lock();
          if (runner && runner->open_.contains(batch)) runner->end(batch, outcome, attempt + 1);
        },
        retry_pause);
    return;
  }
  if (found != open_.end()) --found->second.running;
}

void batch_runner::ask_again(const flight_name& name, const batch_line& line) {
  ++open_.at(name.first).pausing;
  (void)worker_.post(
      [self = weak_from_this(), name, line] {
        const auto runner = self.lock();
        if (!runner) return;
        const auto found = runner->open_.find(name.first);
        if (found == runner->open_.end()) return;
        --found->second.pausing;
        found->second.ready.push_front(line);
        runner->fill();
      },
      retry_pause);
}

}  // namespace troupe::gateway
