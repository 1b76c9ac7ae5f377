#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "actors/cluster/control.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// An answer that whoever has it first gives.
template <class Welcome>
class desk_answer {
 public:
  [[nodiscard]] std::future<result<Welcome>> future() { return promise_.get_future(); }
  /// One actor's.
  void give(result<Welcome> answer) {
    if (!std::exchange(given_, true)) promise_.set_value(std::move(answer));
  }
  ~desk_answer() { give(fail(errc::unavailable, "this process is ending")); }

 private:
  std::promise<result<Welcome>> promise_;
  bool given_ = false;
};

/// Asks, and hears at once if the desk's process ends: what was known of it from before may be all
/// that there still is.
template <class Welcome, class Desk, class... Words>
void desk_question(caf::event_based_actor* self, const Desk& desk,
                   std::chrono::steady_clock::duration limit, const std::string& who,
                   const std::shared_ptr<desk_answer<Welcome>>& answer, const Words&... words) {
  const auto done = [self, answer](result<Welcome> given) {
    answer->give(std::move(given));
    self->quit();
  };
  self->set_down_handler(
      [done, who](const caf::down_msg&) { done(fail(errc::unavailable, "{} is gone", who)); });
  self->monitor(desk);
  self->request(desk, limit, words...)
      .then(
          [done](Welcome& w) {
            if (w.refusal.empty())
              done(std::move(w));
            else
              done(fail(errc::unsupported, "refused: {}", w.refusal));
          },
          [done, who](const caf::error& e) {
            done(fail(errc::unavailable, "{} gave no answer: {}", who, caf::to_string(e)));
          });
}

/// Asks a desk and waits. unsupported: refused, with the desk's reason; unavailable: `who` ended,
/// or gave no answer within `limit`.
template <class Welcome, class Desk, class... Words>
[[nodiscard]] result<Welcome> ask_desk(caf::actor_system& system, const Desk& desk,
                                       std::chrono::steady_clock::duration limit,
                                       const std::string& who, const Words&... words) {
  auto answer = std::make_shared<desk_answer<Welcome>>();
  auto given = answer->future();
  system.spawn(&desk_question<Welcome, Desk, Words...>, desk, limit, who, answer, words...);
  answer.reset();
  return given.get();
}

}  // namespace troupe
