#include "runtime/model/identity.hpp"

#include <algorithm>
#include <bit>
#include <map>

#include "runtime/base/sha256.hpp"

namespace troupe {
namespace {

constexpr std::size_t sample_bytes = 4096;
constexpr std::size_t most_sampled = 4096;

void add_config(sha256& hash, const model_config& c) {
  hash.add("troupe model 1");
  hash.add(to_string(c.arch));
  for (const std::uint32_t value :
       {c.layers, c.hidden, c.heads, c.kv_heads, c.head_dim, c.dense_intermediate,
        c.expert_intermediate, c.experts, c.top_k, c.vocab, c.context,
        std::bit_cast<std::uint32_t>(c.norm_eps), std::uint32_t{c.normalise_top_k},
        std::uint32_t{c.qk_norm}, std::uint32_t{c.tied_head},
        std::bit_cast<std::uint32_t>(c.rope.scale), static_cast<std::uint32_t>(c.rope.pairing)})
    hash.add(value);
  for (const bool sparse : c.sparse) hash.add(std::uint64_t{sparse});
  hash.add(c.rope.inv_freq.size());
  hash.add(std::as_bytes(std::span(c.rope.inv_freq)));
}

}  // namespace

std::string model_identity(const model_config& config, const tensor_table& tensors) {
  sha256 hash;
  add_config(hash, config);
  // By name: the order in the file, or of the files, says nothing about the model.
  std::map<std::string_view, const stored_tensor*> ordered;
  for (const stored_tensor& tensor : tensors.all()) ordered.emplace(tensor.name, &tensor);
  const std::size_t stride = (ordered.size() + most_sampled - 1) / most_sampled;
  std::size_t number = 0;
  for (const auto& [name, tensor] : ordered) {
    hash.add(name);
    hash.add(kernels::info(tensor->type).name);
    hash.add(tensor->shape.size());
    for (const std::uint64_t size : tensor->shape) hash.add(size);
    if (number++ % stride != 0) continue;
    const std::size_t sample = std::min(sample_bytes, tensor->data.size());
    hash.add(tensor->data.first(sample));
    hash.add(tensor->data.last(sample));
  }
  return hash.finish();
}

}  // namespace troupe
