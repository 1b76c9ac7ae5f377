#include "runtime/model/generation_check.hpp"

#include <string_view>

namespace troupe {
namespace {

result<void> check_range(std::string_view what, std::optional<float> value, float least,
                         float most) {
  if (value && !(*value >= least && *value <= most))
    return fail(errc::corrupt, "the default {} is {}, must be {} to {}", what, *value, least, most);
  return {};
}

}  // namespace

result<void> check(const generation_defaults& defaults) {
  if (auto ok = check_range("temperature", defaults.temperature, 0, 100); !ok) return ok;
  if (auto ok = check_range("top_p", defaults.top_p, 0, 1); !ok) return ok;
  if (auto ok = check_range("min_p", defaults.min_p, 0, 1); !ok) return ok;
  if (auto ok = check_range("repetition_penalty", defaults.repetition_penalty, 0, 100); !ok)
    return ok;
  if (defaults.repetition_penalty && *defaults.repetition_penalty == 0)
    return fail(errc::corrupt, "the default repetition_penalty is 0");
  return {};
}

}  // namespace troupe
