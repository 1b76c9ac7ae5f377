#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/mapped_file.hpp"
#include "runtime/base/result.hpp"
#include "runtime/formats/tensor_table.hpp"
#include "runtime/model/model_files.hpp"
#include "runtime/model/weight_table.hpp"

namespace troupe {

/// What either format is read into. Members are declared so that what is borrowed outlives the
/// borrower.
struct model_parts {
  std::vector<mapped_file> files;
  tensor_table tensors;
  weight_table weights;
  model_config config;
  tokenizer_spec tokenizer;
  std::string chat_template;
  generation_defaults defaults;
  std::string name;
  std::string format;
  std::string identity;
};

/// Reads a GGUF file that has been mapped. Errors do not name the path; the caller does.
[[nodiscard]] result<model_parts> read_gguf_model(mapped_file file);

/// Reads a Hugging Face folder. Errors name files relative to it.
[[nodiscard]] result<model_parts> read_hugging_face_model(const std::filesystem::path& folder);

/// What both formats share at the end: looks the weights up, checks the tokenizer against the
/// vocabulary, computes the identity.
[[nodiscard]] result<void> complete(model_parts& parts, const weight_naming& naming,
                                    bias_rule biases);

}  // namespace troupe
