#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/api/matrix.hpp"
#include "runtime/base/result.hpp"
#include "runtime/model/config.hpp"
#include "runtime/tokenizer/spec.hpp"

namespace troupe {

/// Which weight matrix. `layer` and `expert` are ignored where they mean nothing; a dense layer's
/// FFN is its expert 0.
enum class matrix_slot : std::uint8_t {
  token_embedding,
  head,  // head falls back to the embedding where it is tied
  query,
  key,
  value,
  attention_output,
  router,
  expert_gate,
  expert_up,
  expert_down,
};

/// Which weight vector, as float32. Norms are required; biases and q/k norms may be absent.
enum class vector_slot : std::uint8_t {
  attention_norm,
  ffn_norm,
  final_norm,
  query_norm,
  key_norm,
  query_bias,
  key_bias,
  value_bias,
  attention_output_bias,
};

/// Defaults the model's authors ship for sampling (generation_config.json). Absent means not said.
struct generation_defaults {
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<std::uint32_t> top_k;
  std::optional<float> repetition_penalty;
};

/// One stored tensor, for `troupe inspect`.
struct tensor_listing {
  std::string name;
  kernels::dtype type = kernels::dtype::f32;
  std::vector<std::uint64_t> shape;  ///< outermost first
  std::uint64_t bytes = 0;
};

/// Where bytes lie in a model's files.
struct file_place {
  std::string file;  ///< its name, without the folder
  std::uint64_t offset = 0;
};

/// A model on disk, memory-mapped: a GGUF file or a Hugging Face folder behind one interface.
///
/// Everything that `open` returns has been checked against the configuration: every weight the
/// architecture needs is there, with the right shape, inside the file. Views stay valid while this
/// object lives. Immutable after open; any thread may read.
class model_files {
 public:
  /// Opens a GGUF file or a Hugging Face folder. Errors name the path, the tensor or key, and why.
  [[nodiscard]] static result<std::unique_ptr<model_files>> open(const std::filesystem::path& path);

  model_files() = default;
  model_files(const model_files&) = delete;
  model_files& operator=(const model_files&) = delete;
  virtual ~model_files() = default;

  [[nodiscard]] virtual const model_config& config() const = 0;
  [[nodiscard]] virtual kernels::matrix matrix(matrix_slot slot, std::uint32_t layer,
                                               std::uint32_t expert) const = 0;
  /// Tells the system that the file's bytes of `w` will not be read soon, so that they need not
  /// stay in this process's memory. They may still be read. Any thread.
  virtual void let_go(const kernels::matrix& w) const { (void)w; }
  /// Where the bytes of a matrix lie; nothing where they were copied when the model was opened.
  [[nodiscard]] virtual std::optional<file_place> place_of(std::span<const std::byte> bytes) const {
    (void)bytes;
    return std::nullopt;
  }
  /// Empty where the model has no such vector.
  [[nodiscard]] virtual std::span<const float> vector(vector_slot slot,
                                                      std::uint32_t layer) const = 0;

  [[nodiscard]] virtual const tokenizer_spec& tokenizer() const = 0;
  /// The Jinja source of the chat template; empty where the model has none.
  [[nodiscard]] virtual const std::string& chat_template() const = 0;
  [[nodiscard]] virtual const generation_defaults& defaults() const = 0;
  /// A short name for people and for the API: the folder's or the file's stem.
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// "GGUF v3" or "safetensors, 12 files".
  [[nodiscard]] virtual std::string format() const = 0;
  [[nodiscard]] virtual std::vector<tensor_listing> tensors() const = 0;
  /// SHA-256 of configuration and tensor directory, hex: identifies the model in KV prefix keys.
  [[nodiscard]] virtual const std::string& identity() const = 0;
};

}  // namespace troupe
