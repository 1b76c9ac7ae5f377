#include "runtime/model/model_parts.hpp"

namespace troupe {

result<model_parts> read_hugging_face_model(const std::filesystem::path&) {
  return fail(errc::unsupported, "Hugging Face folders are not read yet; give a GGUF file");
}

}  // namespace troupe
