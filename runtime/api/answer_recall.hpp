#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/api/generation.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// An answer that a client comes back for.
struct recalled_answer {
  request_id id = 0;
  std::shared_ptr<const generation_request> asked;  ///< as it was first asked for; has its origin
};

/// Where a front end finds answers that another one had asked for. Any thread.
class answer_recall {
 public:
  using found = std::function<void(result<recalled_answer>)>;

  virtual ~answer_recall() = default;
  /// Looks for the answer of the response `id`, and takes it over from whoever had it. `then` is
  /// called once, from a thread that must not be held up: not_found where there is no such answer
  /// (any more), unavailable where nobody has said so in time, exhausted where too many ask.
  virtual void recall(const std::string& id, found then) = 0;
  /// Tells the listener all of a recalled answer from its beginning; once for each recall. It hears
  /// an error where somebody else takes the answer over.
  virtual void listen(request_id id, std::shared_ptr<generation_listener> listener) = 0;
};

}  // namespace troupe
