#pragma once

#include <cstddef>
#include <filesystem>

#include "actors/engine/embedded_runtime.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

struct opened_model {
  served_model model;  ///< `context` is the model's own
  std::size_t weight_bytes = 0;
  bool integer_weights = false;  ///< some weights are quantised to integers
};

/// Opens a model's files, its tokenizer and its chat template. A template that does not compile
/// leaves the model usable for plain completions; its reason is kept.
[[nodiscard]] result<opened_model> open_model(const std::filesystem::path& path,
                                              const embedded_runtime::progress& report);

/// Brings the mapped weights into memory, so that the first request does not wait for the disk;
/// but for the quantised ones if they are about to be packed, which reads them all the same.
void touch_weights(const model_files& files, bool packed, const embedded_runtime::progress& report);

}  // namespace troupe
