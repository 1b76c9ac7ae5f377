#pragma once

#include <chrono>
#include <functional>

#include "cluster/leadership/registry.hpp"

namespace troupe {

/// A registry within one process, over injected time: for a supervisor that nobody stands by for,
/// and for simulations. Not thread-safe.
class memory_registry final : public leader_registry {
 public:
  using clock = std::function<std::chrono::steady_clock::time_point()>;

  memory_registry(std::chrono::milliseconds lifetime, clock now)
      : lifetime_(lifetime), now_(std::move(now)) {}

  [[nodiscard]] result<registry_view> look() override;
  [[nodiscard]] result<leadership_claim> claim(const registry_view& seen,
                                               const std::string& name) override;
  [[nodiscard]] result<void> announce(leadership_claim& claim, const std::string& address) override;
  [[nodiscard]] result<void> renew(leadership_claim& claim) override;
  [[nodiscard]] result<void> resign(const leadership_claim& claim) override;

  /// False: nobody gets an answer, as if it were down.
  void set_up(bool up) { up_ = up; }

 private:
  [[nodiscard]] result<void> check(const leadership_claim& claim) const;
  void extend();

  std::chrono::milliseconds lifetime_;
  clock now_;
  bool up_ = true;
  leader_record last_;
  std::chrono::steady_clock::time_point until_;  ///< the claim holds
};

}  // namespace troupe
