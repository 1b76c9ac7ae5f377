// Requests that are held to a structure: they wait for it before they are scheduled.
#include <utility>

#include "actors/batcher.hpp"

namespace troupe {
namespace {

using std::chrono::steady_clock;

/// A gateway has compiled the structure before it asked, so that this is about another process.
constexpr auto prepared_period = std::chrono::milliseconds(5);
constexpr auto prepared_patience = std::chrono::seconds(60);
constexpr std::size_t most_preparing = 4096;

}  // namespace

void batcher_state::prepare(early_request asked) {
  const auto refuse = [&](const error& why) {
    self_->send(asked.from, request_failure{asked.request.id, why});
  };
  if (structures_ == nullptr)
    return refuse({errc::unsupported, "answers are not held to structures here"});
  const auto ordered = structures_->want(asked.request.asked->guide.structure, most_preparing);
  if (!ordered) return refuse(ordered.error());
  prepared_request p{std::move(asked), *ordered};
  if (settle(p)) return;
  preparing_.push_back(std::move(p));
  if (preparing_.size() == 1) self_->delayed_send(self_, prepared_period, prepared_atom::value);
}

bool batcher_state::settle(const prepared_request& p) {
  const auto& [request, from, since] = p.asked;
  const bool late = steady_clock::now() - since > prepared_patience;
  if (!p.structure->done() && !late) return false;
  // Where it is late, this says so.
  if (auto structure = p.structure->outcome(); !structure)
    self_->send(from, request_failure{request.id, structure.error()});
  else
    hand_in(request, from, std::move(*structure));
  return true;
}

void batcher_state::on_prepared() {
  if (preparing_.empty()) return;
  const std::size_t before = preparing_.size();
  std::erase_if(preparing_, [this](const prepared_request& p) { return settle(p); });
  if (!preparing_.empty()) self_->delayed_send(self_, prepared_period, prepared_atom::value);
  if (preparing_.size() != before) pump();
}

}  // namespace troupe
