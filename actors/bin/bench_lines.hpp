#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <iosfwd>

#include "runtime/api/generation.hpp"
#include "runtime/base/result.hpp"
#include "runtime/device/device_profile.hpp"

namespace troupe::cli {

/// Measures what a script asks for, until `in` ends: one JSON object a line in and one out, so that
/// a script can take turns with another program. `greeting` goes out first.
///   {"test": "prefill", "prompt_tokens": 512}
///   {"test": "decode", "prompt_tokens": 32, "streams": 16, "tokens": 64}
///   {"test": "limits"}
/// The answer holds tokens_per_second and host_share as bench_line has them, or the members of
/// device_limits, which `limits` measures, or error.
void answer_bench_lines(generation_service& service, std::uint32_t vocabulary,
                        const std::function<result<device_limits>()>& limits,
                        const boost::json::object& greeting, std::istream& in, std::ostream& out);

}  // namespace troupe::cli
