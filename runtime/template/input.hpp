#pragma once

#include <boost/json/value.hpp>

#include "runtime/template/machine.hpp"

namespace troupe::jinja {

/// A JSON value as the template sees it; objects keep their order.
[[nodiscard]] value from_json(machine& m, const boost::json::value& json);

}  // namespace troupe::jinja
