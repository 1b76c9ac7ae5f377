#include "actors/bin/model_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>

#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

std::uint64_t elements(const tensor_listing& tensor) {
  std::uint64_t count = 1;
  for (const std::uint64_t extent : tensor.shape) count *= extent;
  return count;
}

/// Parameters of the routed experts that one token does not meet.
std::uint64_t idle_parameters(const model_config& config) {
  std::uint64_t idle = 0;
  for (std::uint32_t layer = 0; layer < config.layers; ++layer) {
    const std::uint64_t one = std::uint64_t{3} * config.hidden * config.layer_intermediate(layer);
    idle += one * (config.layer_experts(layer) - config.layer_top_k(layer));
  }
  return idle;
}

std::string split_name(pre_tokenizer split) {
  switch (split) {
    case pre_tokenizer::gpt2:
      return "gpt2";
    case pre_tokenizer::qwen2:
      return "qwen2";
    case pre_tokenizer::llama3:
      return "llama3";
    case pre_tokenizer::smollm:
      return "smollm";
  }
  return "?";
}

std::string type_text(const std::map<std::string, std::uint64_t>& bytes_by_type) {
  std::vector<std::string> parts;
  parts.reserve(bytes_by_type.size());
  for (const auto& [type, bytes] : bytes_by_type)
    parts.push_back(fmt::format("{} {}", type, short_bytes(bytes)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string expert_text(const model_config& config) {
  if (config.experts == 0) return "none (dense)";
  std::uint32_t sparse = 0;
  for (std::uint32_t layer = 0; layer < config.layers; ++layer)
    if (config.is_sparse(layer)) ++sparse;
  return fmt::format("{}, {} a token, in {} of {} layers, width {}", config.experts, config.top_k,
                     sparse, config.layers, config.expert_intermediate);
}

}  // namespace

model_report report_on(const model_files& model) {
  model_report out;
  out.name = model.name();
  out.format = model.format();
  out.identity = model.identity();
  out.config = model.config();
  out.tensors = model.tensors();
  for (const tensor_listing& tensor : out.tensors) {
    out.weight_bytes += tensor.bytes;
    out.bytes_by_type[std::string(kernels::info(tensor.type).name)] += tensor.bytes;
    // Scales of 8-bit blocks belong to the storage, not to the model.
    if (!tensor.name.ends_with("_scale_inv")) out.parameters += elements(tensor);
  }
  const model_config& config = out.config;
  out.active_parameters = out.parameters - std::min(out.parameters, idle_parameters(config));
  out.kv_bytes_per_token = std::uint64_t{2} * config.layers * config.kv_heads * config.head_dim *
                           kernels::kv_element_bytes(kernels::kv_type::f16);
  out.vocabulary = model.tokenizer().tokens.size();
  out.split = split_name(model.tokenizer().split);
  out.has_template = !model.chat_template().empty();
  return out;
}

std::string to_text(const model_report& report, bool tensors) {
  const model_config& c = report.config;
  std::string out = align(
      {{"model", report.name},
       {"format", report.format},
       {"architecture", std::string(to_string(c.arch))},
       {"parameters", fmt::format("{} ({} active a token)", short_count(report.parameters),
                                  short_count(report.active_parameters))},
       {"types", type_text(report.bytes_by_type)},
       {"layers", fmt::format("{}, hidden size {}", c.layers, c.hidden)},
       {"heads", fmt::format("{} query, {} key/value, size {}", c.heads, c.kv_heads, c.head_dim)},
       {"experts", expert_text(c)},
       {"context", fmt::format("{} tokens", c.context)},
       {"memory",
        fmt::format("{} weights; {} keys and values a token (f16)",
                    short_bytes(report.weight_bytes), short_bytes(report.kv_bytes_per_token))},
       {"tokenizer",
        fmt::format("byte-level BPE, {} split, {} tokens", report.split, report.vocabulary)},
       {"chat template", report.has_template ? "yes" : "no"},
       {"identity", report.identity}},
      false);
  if (!tensors) return out;
  std::vector<std::vector<std::string>> rows;
  rows.reserve(report.tensors.size());
  for (const tensor_listing& tensor : report.tensors)
    rows.push_back({tensor.name, std::string(kernels::info(tensor.type).name),
                    fmt::format("{}", fmt::join(tensor.shape, " x ")), short_bytes(tensor.bytes)});
  return out + '\n' + align(rows, false);
}

boost::json::object to_json(const model_report& report, bool tensors) {
  const model_config& c = report.config;
  boost::json::object types;
  for (const auto& [type, bytes] : report.bytes_by_type) types[type] = bytes;
  boost::json::object out{{"name", report.name},
                          {"format", report.format},
                          {"identity", report.identity},
                          {"architecture", to_string(c.arch)},
                          {"parameters", report.parameters},
                          {"active_parameters", report.active_parameters},
                          {"bytes_by_type", std::move(types)},
                          {"layers", c.layers},
                          {"hidden_size", c.hidden},
                          {"heads", c.heads},
                          {"kv_heads", c.kv_heads},
                          {"head_size", c.head_dim},
                          {"experts", c.experts},
                          {"experts_per_token", c.top_k},
                          {"context_tokens", c.context},
                          {"weight_bytes", report.weight_bytes},
                          {"kv_bytes_per_token", report.kv_bytes_per_token},
                          {"tokenizer_split", report.split},
                          {"vocabulary", report.vocabulary},
                          {"chat_template", report.has_template}};
  if (!tensors) return out;
  boost::json::array list;
  for (const tensor_listing& tensor : report.tensors) {
    boost::json::array shape;
    for (const std::uint64_t extent : tensor.shape) shape.emplace_back(extent);
    list.push_back(boost::json::object{{"name", tensor.name},
                                       {"type", kernels::info(tensor.type).name},
                                       {"shape", std::move(shape)},
                                       {"bytes", tensor.bytes}});
  }
  out["tensors"] = std::move(list);
  return out;
}

}  // namespace troupe::cli
