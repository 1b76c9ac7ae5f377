#include "runtime/model/config.hpp"

namespace troupe {

std::string_view to_string(architecture a) {
  switch (a) {
    case architecture::llama:
      return "llama";
    case architecture::qwen3:
      return "qwen3";
    case architecture::qwen3_moe:
      return "qwen3_moe";
  }
  return "unknown";
}

}  // namespace troupe
