#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "cluster/leadership/registry.hpp"

namespace troupe {

/// How a supervisor that stands by comes to lead: when nobody holds the leadership, or when nobody
/// listens any more where the leader takes nodes in. The latter is only a matter of time saved:
/// should that leader live after all, the nodes go by terms.
class candidacy {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  /// Whether the machine there says that nobody listens. No answer at all is no such word.
  using probe = std::function<bool(const std::string& address)>;

  candidacy(leader_registry& registry, std::string name, std::chrono::milliseconds look_every,
            probe refused)
      : registry_(registry),
        name_(std::move(name)),
        look_every_(look_every),
        refused_(std::move(refused)) {}

  /// To be called often. The leadership, once it is had; an error where the registry has given no
  /// answer.
  [[nodiscard]] result<std::optional<leadership_claim>> step(time_point now);
  /// Who leads, as far as is known; null: nobody.
  [[nodiscard]] const leader_record* leader() const;

 private:
  leader_registry& registry_;
  std::string name_;
  std::chrono::milliseconds look_every_;
  probe refused_;
  std::optional<registry_view> seen_;
  time_point next_look_;
};

/// How a supervisor keeps leading: it renews its claim, and goes on while the registry is away, as
/// nobody else can become leader then.
class tenure {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  enum class standing : std::uint8_t {
    sure,    ///< the registry has said so
    unsure,  ///< the registry does not answer; nobody is known to have taken over
    over,    ///< another leads
  };

  tenure(leader_registry& registry, leadership_claim claim, std::chrono::milliseconds renew_every)
      : registry_(registry), claim_(std::move(claim)), renew_every_(renew_every) {}

  [[nodiscard]] std::uint64_t term() const { return claim_.record.term; }
  /// Says where nodes join, now or as soon as the registry answers.
  void announce(const std::string& address);
  /// To be called often.
  [[nodiscard]] standing step(time_point now);
  /// Why it is unsure or over.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  void resign() { (void)registry_.resign(claim_); }

 private:
  [[nodiscard]] result<void> confirm();

  leader_registry& registry_;
  leadership_claim claim_;
  std::chrono::milliseconds renew_every_;
  std::string unannounced_;
  std::string reason_;
  standing standing_ = standing::sure;
  time_point next_renewal_;
};

}  // namespace troupe
