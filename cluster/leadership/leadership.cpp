#include "cluster/leadership/leadership.hpp"

namespace troupe {

result<std::optional<leadership_claim>> candidacy::step(time_point now) {
  const bool dead =
      seen_ && seen_->held && !seen_->last.address.empty() && refused_(seen_->last.address);
  if (!dead && now < next_look_) return std::nullopt;
  next_look_ = now + look_every_;
  auto view = registry_.look();
  if (!view) return fail(view.error());
  // What was found dead must be what leads now.
  const bool vacant = !view->held || (dead && view->last == seen_->last);
  seen_ = std::move(*view);
  if (!vacant) return std::nullopt;
  auto claim = registry_.claim(*seen_, name_);
  if (claim) return std::optional(std::move(*claim));
  if (claim.error().code() == errc::stale_epoch) return std::nullopt;
  return fail(claim.error());
}

const leader_record* candidacy::leader() const {
  return seen_ && seen_->held ? &seen_->last : nullptr;
}

void tenure::announce(const std::string& address) {
  unannounced_ = address;
  next_renewal_ = {};
}

result<void> tenure::confirm() {
  if (!unannounced_.empty()) {
    if (auto told = registry_.announce(claim_, unannounced_); !told) return told;
    unannounced_.clear();
  }
  return registry_.renew(claim_);
}

tenure::standing tenure::step(time_point now) {
  if (standing_ == standing::over || now < next_renewal_) return standing_;
  next_renewal_ = now + renew_every_;
  if (const auto confirmed = confirm(); confirmed) {
    standing_ = standing::sure;
    reason_.clear();
  } else {
    standing_ = confirmed.error().code() == errc::stale_epoch ? standing::over : standing::unsure;
    reason_ = confirmed.error().message();
  }
  return standing_;
}

}  // namespace troupe
