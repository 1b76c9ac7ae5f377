#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "actors/gateway/answer.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// Answers the request with what `make` makes of its body on a thread of the pool; 429 where the
/// pool is full. Io thread; `make` must not throw.
void answer_from_pool(server_core& core, const std::shared_ptr<connection>& client,
                      std::function<answer(std::string_view body)> make);

}  // namespace troupe::gateway
