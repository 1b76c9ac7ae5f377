#include "runtime/billing/price_table.hpp"

#include <algorithm>
#include <array>

namespace troupe {

const price_tier& tier_of(const price_table& table, std::uint64_t input_tokens) {
  const auto fits = [input_tokens](const price_tier& t) { return input_tokens <= t.up_to_tokens; };
  const auto found = std::find_if(table.tiers.begin(), table.tiers.end(), fits);
  return found == table.tiers.end() ? table.tiers.back() : *found;
}

result<request_cost> cost_of(const price_table& table, const billed_tokens& tokens) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 53U;
  for (const std::uint64_t count : {tokens.input, tokens.implicit_hits, tokens.explicit_hits,
                                    tokens.explicit_creation, tokens.output})
    if (count >= limit) return fail(errc::out_of_range, "{} tokens have no price", count);
  const std::uint64_t special =
      tokens.implicit_hits + tokens.explicit_hits + tokens.explicit_creation;
  if (special > tokens.input)
    return fail(errc::invalid_argument, "{} tokens of the cache in an input of {}", special,
                tokens.input);
  const price_tier& tier = tier_of(table, tokens.input);
  const price_rules& rules = table.rules;
  const std::uint32_t percent = tokens.batch ? rules.batch_percent : 100;
  request_cost out;
  out.currency = table.currency;
  out.output = tier.output.of(tokens.output, percent);
  if (tokens.batch) {
    out.input = tier.input.of(tokens.input, percent);
  } else {
    out.input = tier.input.of(tokens.input - special, percent);
    // Of amounts that are each far below the limit: sums cannot overflow.
    out.cache =
        amount(tier.input.of(tokens.implicit_hits, rules.implicit_hit_percent).units() +
               tier.input.of(tokens.explicit_hits, rules.explicit_hit_percent).units() +
               tier.input.of(tokens.explicit_creation, rules.explicit_creation_percent).units());
  }
  out.total = amount(out.input.units() + out.cache.units() + out.output.units());
  return out;
}

result<amount> most_cost(const price_table& table, std::uint64_t input, std::uint64_t output,
                         bool keeps) {
  amount most;
  const std::uint64_t none = 0;
  // All of the input is one kind, or some of several: never more than all of the dearest.
  for (const auto& [implicit, hits, creation] :
       {std::array{none, none, none}, std::array{input, none, none}, std::array{none, input, none},
        std::array{none, none, input}}) {
    if (!keeps && hits + creation > 0) continue;
    const auto cost = cost_of(table, {input, implicit, hits, creation, output, false});
    if (!cost) return fail(cost.error());
    most = std::max(most, cost->total);
  }
  return most;
}

}  // namespace troupe
