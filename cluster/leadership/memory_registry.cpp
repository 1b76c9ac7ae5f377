#include "cluster/leadership/memory_registry.hpp"

namespace troupe {

result<registry_view> memory_registry::look() {
  if (!up_) return fail(errc::unavailable, "the registry does not answer");
  return registry_view{last_, last_.term != 0 && now_() < until_,
                       static_cast<std::int64_t>(last_.term)};
}

result<leadership_claim> memory_registry::claim(const registry_view& seen,
                                                const std::string& name) {
  if (!up_) return fail(errc::unavailable, "the registry does not answer");
  if (seen.revision != static_cast<std::int64_t>(last_.term))
    return fail(errc::stale_epoch, "{} has taken term {}", last_.name, last_.term);
  last_ = {last_.term + 1, name, {}};
  extend();
  return leadership_claim{last_, static_cast<std::int64_t>(last_.term), 0};
}

result<void> memory_registry::check(const leadership_claim& claim) const {
  if (!up_) return fail(errc::unavailable, "the registry does not answer");
  if (claim.record.term != last_.term)
    return fail(errc::stale_epoch, "{} has taken term {}", last_.name, last_.term);
  return {};
}

void memory_registry::extend() { until_ = now_() + lifetime_; }

result<void> memory_registry::announce(leadership_claim& claim, const std::string& address) {
  if (auto ours = check(claim); !ours) return ours;
  claim.record.address = address;
  last_ = claim.record;
  return {};
}

result<void> memory_registry::renew(leadership_claim& claim) {
  if (auto ours = check(claim); !ours) return ours;
  last_ = claim.record;
  extend();
  return {};
}

result<void> memory_registry::resign(const leadership_claim& claim) {
  if (auto ours = check(claim); !ours) return ours;
  until_ = now_();
  return {};
}

}  // namespace troupe
