#include "runtime/release/protocols.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace troupe {
namespace {

/// A frame says its version in a byte.
constexpr std::uint32_t highest_possible = 255;

bool is_range(const protocol_range& r) {
  return r.lowest >= 1 && r.lowest <= r.highest && r.highest <= highest_possible;
}

result<std::uint32_t> in_common(std::string_view protocol, const protocol_range& ours,
                                const protocol_range& theirs) {
  const std::uint32_t highest = std::min(ours.highest, theirs.highest);
  if (is_range(ours) && is_range(theirs) && speaks(ours, highest) && speaks(theirs, highest))
    return highest;
  return fail(errc::unsupported,
              "no version of the {} protocol in common: {} is spoken here, {} there", protocol,
              show(ours), show(theirs));
}

}  // namespace

std::string show(const protocol_range& range) {
  return range.lowest == range.highest ? fmt::format("{}", range.lowest)
                                       : fmt::format("{} to {}", range.lowest, range.highest);
}

std::string show(const protocol_offer& offer) {
  return fmt::format("control {}, data {}", show(offer.control), show(offer.data));
}

bool speaks(const protocol_range& range, std::uint32_t version) {
  return version >= range.lowest && version <= range.highest;
}

result<protocol_terms> agree(const protocol_offer& ours, const protocol_offer& theirs) {
  const auto control = in_common("control", ours.control, theirs.control);
  if (!control) return fail(control.error());
  const auto data = in_common("data", ours.data, theirs.data);
  if (!data) return fail(data.error());
  return protocol_terms{*control, *data};
}

result<void> check(const protocol_terms& chosen, const protocol_offer& ours) {
  if (speaks(ours.control, chosen.control) && speaks(ours.data, chosen.data)) return {};
  return fail(errc::unsupported,
              "the supervisor wants to speak control {} and data {}, this process speaks {}",
              chosen.control, chosen.data, show(ours));
}

}  // namespace troupe
