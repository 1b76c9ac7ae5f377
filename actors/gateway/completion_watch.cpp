#include "actors/gateway/completion_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace troupe::gateway {

completion_watch::completion_watch(std::shared_ptr<server_metrics> metrics,
                                   std::shared_ptr<answer_relay> relay, completion_caller caller)
    : metrics_(std::move(metrics)),
      relay_(std::move(relay)),
      caller_(std::move(caller)),
      account_(caller_.key) {}

completion_watch::~completion_watch() {
  const std::lock_guard lock(report_mutex_);
  account_.settle(prompt_, drawn_, cost_);
}

std::optional<api_error> completion_watch::admit(const generation_cost& cost) {
  {
    const std::lock_guard lock(report_mutex_);
    report_.submitted = clock::now();
  }
  if (const auto queue = caller_.queue.lock())
    if (auto refused = queue->refuse(caller_.account(), caller_.rank(), cost)) return refused;
  if (!caller_.key) return std::nullopt;
  auto refused = account_.admit(cost);
  header_list headers = rate_headers(*caller_.key);
  // Not every form of an error has room for it.
  if (refused && refused->retry_after_seconds > 0)
    headers.emplace_back("Retry-After", std::to_string(refused->retry_after_seconds));
  if (relay_) relay_->add_headers(std::move(headers));
  return refused;
}

void completion_watch::on_tokens(std::size_t count) {
  if (count == 0) return;
  const clock::time_point now = clock::now();
  if (drawn_.fetch_add(count) == 0) {
    metrics_->observe_first_token(std::chrono::duration<double>(now - begun_).count());
    const std::lock_guard lock(report_mutex_);
    report_.first_token = now;
  } else {
    metrics_->observe_next_token(std::chrono::duration<double>(now - last_token_).count());
  }
  last_token_ = now;
}

void completion_watch::on_choice(finish_reason reason) {
  metrics_->count_finished(reason);
  const std::lock_guard lock(report_mutex_);
  report_.endings.push_back(reason);
}

void completion_watch::on_summary(const generation_summary& summary) {
  prompt_ += summary.prompt_tokens;
  metrics_->observe_summary(summary);
  const std::lock_guard lock(report_mutex_);
  report_.cached_tokens += summary.cached_tokens;
  report_.prefill_seconds = std::max(report_.prefill_seconds, summary.prefill_seconds);
  report_.drawn = clock::now();
}

void completion_watch::on_cost(const request_cost& cost) {
  const std::lock_guard lock(report_mutex_);
  cost_ = cost.total;
}

void completion_watch::on_hang_up() {
  if (relay_) relay_->abandon();
}

std::string completion_watch::on_finished(int status) {
  if (status < 400)
    metrics_->observe_request(std::chrono::duration<double>(clock::now() - begun_).count());
  return fmt::format(" {}+{} tokens{}", prompt_.load(), drawn_.load(),
                     caller_.key ? " for " + caller_.key->name() : std::string());
}

std::optional<answer_report> completion_watch::report() {
  const std::lock_guard lock(report_mutex_);
  answer_report made = report_;
  made.prompt_tokens = prompt_;
  made.answer_tokens = drawn_;
  if (caller_.key) made.key = caller_.key->name();
  return made;
}

}  // namespace troupe::gateway
