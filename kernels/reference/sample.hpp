#pragma once

#include "kernels/api/sample.hpp"

namespace troupe::kernels::reference {

/// The plainest form of sampling: sorts whole rows and works in double. It says what the fast
/// kernels must compute. Tokens that survive the filters are drawn by inverse distribution function
/// in order of their ids.
void sample(const sample_params& p);
void score(const score_params& p);

}  // namespace troupe::kernels::reference
