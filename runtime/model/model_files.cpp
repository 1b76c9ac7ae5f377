#include "runtime/model/model_files.hpp"
#include "runtime/model/partial_model.hpp"

#include <functional>
#include <new>
#include <system_error>
#include <utility>

#include "runtime/formats/gguf_reader.hpp"
#include "runtime/model/identity.hpp"
#include "runtime/model/model_parts.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

class loaded_model final : public model_files {
 public:
  explicit loaded_model(model_parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] const model_config& config() const override { return parts_.config; }
  [[nodiscard]] kernels::matrix matrix(matrix_slot slot, std::uint32_t layer,
                                       std::uint32_t expert) const override {
    return parts_.weights.matrix(slot, layer, expert);
  }
  void let_go(const kernels::matrix& w) const override {
    for (const mapped_file& file : parts_.files) file.let_go({w.data, w.bytes()});
  }
  [[nodiscard]] std::optional<file_place> place_of(
      std::span<const std::byte> bytes) const override {
    for (const mapped_file& file : parts_.files) {
      const std::span<const std::byte> all = file.bytes();
      const std::less_equal<> before;
      if (before(all.data(), bytes.data()) &&
          before(bytes.data() + bytes.size(), all.data() + all.size()))
        return file_place{file.name(), static_cast<std::uint64_t>(bytes.data() - all.data())};
    }
    return std::nullopt;
  }
  [[nodiscard]] std::span<const float> vector(vector_slot slot,
                                              std::uint32_t layer) const override {
    return parts_.weights.vector(slot, layer);
  }
  [[nodiscard]] const tokenizer_spec& tokenizer() const override { return parts_.tokenizer; }
  [[nodiscard]] const std::string& chat_template() const override { return parts_.chat_template; }
  [[nodiscard]] const generation_defaults& defaults() const override { return parts_.defaults; }
  [[nodiscard]] const std::string& name() const override { return parts_.name; }
  [[nodiscard]] std::string format() const override { return parts_.format; }
  [[nodiscard]] std::vector<tensor_listing> tensors() const override {
    std::vector<tensor_listing> out;
    for (const stored_tensor& t : parts_.tensors.all())
      out.push_back({t.name, t.type, t.shape, t.data.size()});
    return out;
  }
  [[nodiscard]] const std::string& identity() const override { return parts_.identity; }

 private:
  model_parts parts_;
};

result<model_parts> read_file(const fs::path& path) {
  auto mapped = mapped_file::open(path);
  if (!mapped) return fail(std::move(mapped.error()));
  if (mapped->bytes().empty()) return fail(errc::corrupt, "{}: the file is empty", path.string());
  if (path.extension() == ".safetensors")
    return fail(errc::invalid_argument, "{}: give the folder that holds it, with its config.json",
                path.string());
  if (!is_gguf(mapped->bytes())) return fail(errc::corrupt, "{}: not a GGUF file", path.string());
  auto parts = read_gguf_model(std::move(*mapped));
  if (!parts) return fail(parts.error().within(path.string()));
  return parts;
}

result<model_parts> read_model(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return fail(errc::not_found, "{}: no such file or folder", path.string());
  if (error) return fail(errc::io_error, "{}: {}", path.string(), error.message());
  if (!fs::is_directory(status)) return read_file(path);
  auto parts = read_hugging_face_model(path);
  if (!parts) return fail(parts.error().within(path.string()));
  return parts;
}

/// The last part of a path, also of "models/qwen/" and ".".
std::string short_name(const fs::path& path) {
  std::error_code error;
  const fs::path full = fs::canonical(path, error);
  const fs::path& named = error ? path : full;
  return (fs::is_directory(path, error) ? named.filename() : named.stem()).string();
}

}  // namespace

result<void> complete(model_parts& parts, const weight_naming& naming, bias_rule biases) {
  if (parts.tokenizer.tokens.size() > parts.config.vocab)
    return fail(errc::corrupt, "the tokenizer has {} tokens, the embedding {} rows",
                parts.tokenizer.tokens.size(), parts.config.vocab);
  auto weights = weight_table::build(parts.config, parts.tensors, naming, biases);
  if (!weights) return fail(std::move(weights.error()));
  parts.weights = std::move(*weights);
  parts.identity = model_identity(parts.config, parts.tensors);
  return {};
}

result<std::unique_ptr<model_files>> open_partial(const fs::path& path,
                                                  const std::string& identity) try {
  auto parts = read_model(path);
  if (!parts) return fail(std::move(parts.error()));
  parts->name = short_name(path);
  parts->identity = identity;
  return std::make_unique<loaded_model>(std::move(*parts));
} catch (const std::bad_alloc&) {
  return fail(errc::out_of_memory, "{}: not enough memory to read it", path.string());
}

result<std::unique_ptr<model_files>> model_files::open(const fs::path& path) try {
  auto parts = read_model(path);
  if (!parts) return fail(std::move(parts.error()));
  parts->name = short_name(path);
  return std::make_unique<loaded_model>(std::move(*parts));
} catch (const std::bad_alloc&) {
  return fail(errc::out_of_memory, "{}: not enough memory to read it", path.string());
}

}  // namespace troupe
