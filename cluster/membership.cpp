#include "cluster/membership.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "cluster/versions.hpp"

namespace troupe {
namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_shown = 80;  // of what a stranger sent, in a message
constexpr std::size_t most_listed = 8;

bool is_name(std::string_view s) {
  return !s.empty() && s.size() <= longest_name && std::ranges::all_of(s, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

/// Bounded and printable: logs and terminals must not suffer from what a peer says of itself.
std::string shown(std::string_view s) {
  std::string out(s.substr(0, longest_shown));
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return s.size() > longest_shown ? out + "..." : out;
}

}  // namespace

std::string_view to_string(member_state s) {
  switch (s) {
    case member_state::joining:
      return "joining";
    case member_state::up:
      return "up";
    case member_state::suspect:
      return "suspect";
    case member_state::draining:
      return "draining";
    case member_state::gone:
      break;
  }
  return "gone";
}

membership::membership(cluster_identity identity) : membership(std::move(identity), limits()) {}

membership::membership(cluster_identity identity, limits most)
    : identity_(std::move(identity)), limits_(most) {}

result<void> membership::check(const member_info& info) const {
  if (!is_name(info.name) || !is_name(info.host)) {
    return fail(errc::invalid_argument,
                "a node called '{}' on host '{}': names are 1 to {} letters, digits, '.', '-', '_'",
                shown(info.name), shown(info.host), longest_name);
  }
  if (info.peer == 0) return fail(errc::invalid_argument, "node '{}' has no peer id", info.name);
  if (!versions_fit(info.version, identity_.version)) {
    return fail(errc::unsupported,
                "node '{}' runs troupe {}, this cluster runs {}: minor versions may be one apart",
                info.name, shown(info.version), identity_.version);
  }
  if (info.model != identity_.model) {
    return fail(errc::invalid_argument, "node '{}' has the model {}, this cluster serves {}",
                info.name, shown(info.model), identity_.model);
  }
  if (!identity_.kernel_target.empty() && info.kernel_target != identity_.kernel_target) {
    return fail(errc::unsupported,
                "node '{}' has the kernel target {}, this cluster is pinned to {}", info.name,
                shown(info.kernel_target), identity_.kernel_target);
  }
  if (info.threads == 0) return fail(errc::invalid_argument, "node '{}' has 0 threads", info.name);
  std::size_t alive = 0;
  for (const member& m : members_) {
    if (m.info.peer == info.peer) {
      return fail(errc::already_exists, "peer {:016x} ('{}') is {}: a process joins once",
                  info.peer, m.info.name, to_string(m.state));
    }
    if (m.state == member_state::gone) continue;
    ++alive;
    if (m.info.name == info.name) {
      return fail(errc::already_exists, "the name '{}' is that of peer {:016x}, which is {}",
                  info.name, m.info.peer, to_string(m.state));
    }
  }
  if (alive >= limits_.members) {
    return fail(errc::exhausted, "node '{}': the cluster has {} nodes, the most it takes",
                info.name, alive);
  }
  return {};
}

result<void> membership::join(const member_info& info, time_point now) {
  if (auto ok = check(info); !ok) {
    note(now, "refused: " + ok.error().message());
    return ok;
  }
  std::erase_if(members_, [&](const member& m) { return m.info.name == info.name; });
  member m{info, member_state::joining, member_state::joining, now};
  m.info.kernel_target = shown(info.kernel_target);
  members_.push_back(std::move(m));
  note(now, fmt::format("{} joins (peer {:016x}, host {})", info.name, info.peer, info.host));
  return {};
}

result<member*> membership::live(peer_id peer, std::string_view what) {
  const auto at = std::ranges::find(members_, peer, [](const member& m) { return m.info.peer; });
  if (at == members_.end())
    return fail(errc::not_found, "cannot {} peer {:016x}: there is no such node", what, peer);
  if (at->state == member_state::gone)
    return fail(errc::invalid_argument, "cannot {} '{}': it is gone", what, at->info.name);
  return &*at;
}

void membership::enter(member& m, member_state s, time_point now, std::string_view why) {
  m.state = s;
  m.since = now;
  if (s != member_state::suspect) m.trusted = s;
  note(now, why.empty() ? fmt::format("{} is {}", m.info.name, to_string(s))
                        : fmt::format("{} is {}: {}", m.info.name, to_string(s), shown(why)));
}

result<void> membership::ready(peer_id peer, time_point now) {
  const auto found = live(peer, "make up");
  if (!found) return fail(found.error());
  member& m = **found;
  if (m.trusted != member_state::joining) {
    return fail(errc::invalid_argument, "cannot make up '{}': it is {}, not joining", m.info.name,
                to_string(m.state));
  }
  if (m.state == member_state::suspect) {
    m.trusted = member_state::up;
  } else {
    enter(m, member_state::up, now, {});
  }
  return {};
}

result<void> membership::suspect(peer_id peer, time_point now, std::string_view why) {
  const auto found = live(peer, "suspect");
  if (!found) return fail(found.error());
  if ((*found)->state != member_state::suspect) enter(**found, member_state::suspect, now, why);
  return {};
}

result<void> membership::trust(peer_id peer, time_point now) {
  const auto found = live(peer, "trust");
  if (!found) return fail(found.error());
  member& m = **found;
  if (m.state == member_state::suspect) enter(m, m.trusted, now, "it was heard again");
  return {};
}

result<void> membership::drain(peer_id peer, time_point now) {
  const auto found = live(peer, "drain");
  if (!found) return fail(found.error());
  member& m = **found;
  if (m.trusted == member_state::draining) return {};
  if (m.state == member_state::suspect) {
    m.trusted = member_state::draining;
    note(now, fmt::format("{} is to drain once it is trusted again", m.info.name));
  } else {
    enter(m, member_state::draining, now, {});
  }
  return {};
}

result<void> membership::lose(peer_id peer, time_point now, std::string_view why) {
  const auto found = live(peer, "lose");
  if (!found) return fail(found.error());
  enter(**found, member_state::gone, now, why);
  while (count(member_state::gone) > limits_.gone) {
    members_.erase(std::ranges::find(members_, member_state::gone, &member::state));
  }
  return {};
}

const member* membership::find(peer_id peer) const {
  const auto at = std::ranges::find(members_, peer, [](const member& m) { return m.info.peer; });
  return at == members_.end() ? nullptr : &*at;
}

const member* membership::find(std::string_view name) const {
  // A joining process takes its name over from a gone one, so a name is found once at most.
  const auto at = std::ranges::find(members_, name, [](const member& m) { return m.info.name; });
  return at == members_.end() ? nullptr : &*at;
}

std::size_t membership::count(member_state s) const {
  return static_cast<std::size_t>(std::ranges::count(members_, s, &member::state));
}

std::optional<std::string> membership::mixed_targets() const {
  std::map<std::string_view, std::vector<std::string_view>> names;  // by kernel target
  for (const member& m : members_) {
    if (m.state != member_state::gone) names[m.info.kernel_target].push_back(m.info.name);
  }
  if (names.size() < 2) return std::nullopt;
  std::string line = "kernel targets differ, so answers may:";
  for (const auto& [target, of] : names) {
    const std::size_t listed = std::min(of.size(), most_listed);
    line +=
        fmt::format(" {} ({}", target,
                    fmt::join(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(listed), ", "));
    if (listed < of.size()) line += fmt::format(" and {} more", of.size() - listed);
    line += ");";
  }
  line.pop_back();
  return line;
}

void membership::note(time_point now, std::string text) {
  if (limits_.events == 0) return;
  if (events_.size() >= limits_.events) {
    events_.pop_front();
    ++events_dropped_;
  }
  events_.push_back({now, std::move(text)});
}

}  // namespace troupe
