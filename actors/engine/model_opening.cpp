#include "actors/engine/model_opening.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <utility>
#include <vector>

#include "runtime/model/quantization.hpp"

namespace troupe {
namespace {

/// Every distinct weight matrix of a model.
std::vector<kernels::matrix> all_matrices(const model_files& files) {
  const model_config& c = files.config();
  std::vector<kernels::matrix> all{files.matrix(matrix_slot::token_embedding, 0, 0)};
  if (!c.tied_head) all.push_back(files.matrix(matrix_slot::head, 0, 0));
  for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
    for (const auto slot : {matrix_slot::query, matrix_slot::key, matrix_slot::value,
                            matrix_slot::attention_output}) {
      all.push_back(files.matrix(slot, layer, 0));
    }
    if (c.is_sparse(layer)) all.push_back(files.matrix(matrix_slot::router, layer, 0));
    for (std::uint32_t e = 0; e < c.layer_experts(layer); ++e) {
      for (const auto slot :
           {matrix_slot::expert_gate, matrix_slot::expert_up, matrix_slot::expert_down}) {
        all.push_back(files.matrix(slot, layer, e));
      }
    }
  }
  return all;
}

}  // namespace

result<opened_model> open_model(const std::filesystem::path& path,
                                const embedded_runtime::progress& report) {
  if (report) report("reading model", 0);
  auto files = model_files::open(path);
  if (!files) return fail(std::move(files.error()));
  opened_model opened;
  opened.model.files = std::move(*files);
  const model_files& m = *opened.model.files;
  for (const kernels::matrix& w : all_matrices(m)) {
    opened.weight_bytes += w.bytes();
    opened.integer_weights = opened.integer_weights || kernels::is_integer_quantised(w.type);
  }
  if (report) report("reading tokenizer", 0);
  auto tokens = tokenizer::create(m.tokenizer());
  if (!tokens) return fail(tokens.error().within(path.string()));
  opened.model.tokens = std::move(*tokens);
  opened.model.structures =
      make_structure_library(opened.model.tokens, m.config().vocab, m.config().eos);
  if (m.chat_template().empty()) {
    opened.model.template_error = "the model has no chat template";
  } else if (auto chat = chat_template::compile(m.chat_template()); chat) {
    opened.model.chat = std::move(*chat);
  } else {
    opened.model.template_error = chat.error().message();
  }
  opened.model.markup = markup_of(m.chat_template());
  opened.model.quantization = quantization_of(m);
  opened.model.id = m.name();
  opened.model.context = m.config().context;
  opened.model.created = std::chrono::duration_cast<std::chrono::seconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  return opened;
}

void touch_weights(const model_files& files, bool packed,
                   const embedded_runtime::progress& report) {
  std::vector<kernels::matrix> all = all_matrices(files);
  if (packed)
    std::erase_if(all, [](const kernels::matrix& w) { return is_integer_quantised(w.type); });
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  std::size_t total = 0;
  for (const kernels::matrix& w : all) total += w.bytes();
  std::size_t done = 0;
  std::size_t reported = 0;
  for (const kernels::matrix& w : all) {
    const auto first = reinterpret_cast<std::uintptr_t>(w.data) / page * page;
    const auto last = reinterpret_cast<std::uintptr_t>(w.data) + w.bytes();
    // Advice: where the kernel cannot, the pages come in on first use.
    (void)::madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_READ);
    done += w.bytes();
    if (report && (done - reported > total / 50 || done == total)) {
      report("loading weights", static_cast<double>(done) / static_cast<double>(total));
      reported = done;
    }
  }
}

}  // namespace troupe
