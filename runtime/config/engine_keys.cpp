#include "runtime/config/engine_keys.hpp"

#include "runtime/config/cache_keys.hpp"
#include "runtime/config/speculation_keys.hpp"

namespace troupe {

void describe(config_schema& schema, engine_config& config) {
  constexpr std::int64_t mib = 1 << 20;
  schema.begin_table(
      "engine",
      "How the model is run. None of it but device, activations, expert_rows and kv_type changes "
      "an answer.");
  describe_devices(schema, config);
  schema.integer("actor_threads", config.actor_threads, 1, 64,
                 "Threads that run the actors' messages.");
  schema
      .integer("stages", config.stages, 0, 1024,
               "Attention blocks that share the layers; 0: what fits the machine.")
      .on_command_line("--stages", "N");
  schema
      .integer("expert_shards", config.expert_shards, 0, 4096,
               "Expert actors a stage; 0: what fits the machine.")
      .on_command_line("--expert-shards", "N");
  schema
      .integer("context_tokens", config.context, 0, 16'777'216,
               "Most tokens of prompt and answer together; 0: the model's own limit.")
      .on_command_line("--context", "TOKENS");
  schema
      .integer("kv_memory_mib", config.kv_bytes, 0, 64 * mib,
               "Memory for keys and values in MiB; 0: what fits the machine.", mib)
      .on_command_line("--kv-memory-mib", "MIB");
  schema.one_of("kv_page_tokens", config.page_size, {16, 32},
                "Positions a page of keys and values: 16 or 32.");
  schema
      .choice<kernels::kv_type>("kv_type", config.kv,
                                {{"f16", kernels::kv_type::f16}, {"f32", kernels::kv_type::f32}},
                                "How keys and values are kept: \"f16\" or \"f32\".")
      .on_command_line("--kv-type", "TYPE");
  schema
      .choice<activation_mode>("activations", config.activations,
                               {{"auto", activation_mode::automatic},
                                {"f32", activation_mode::f32},
                                {"integer", activation_mode::integer}},
                               "Activations that meet quantised weights: \"auto\", \"f32\" (exact) "
                               "or \"integer\" (fast).")
      .on_command_line("--activations", "MODE");
  schema
      .choice<expert_row_form>(
          "expert_rows", config.expert_rows,
          {{"exact", expert_row_form::exact}, {"fp8", expert_row_form::fp8}},
          "Rows that experts of a sparse layer read: \"exact\", or \"fp8\" (rounded wherever the "
          "expert is, and a quarter of the bytes on their way to other nodes).")
      .on_command_line("--expert-rows", "FORM");
  schema.integer("step_rows", config.step_rows, 1, 65'536,
                 "Most tokens computed in one step, of all sequences together.");
  schema.integer("prefill_chunk_tokens", config.prefill_chunk, 1, 65'536,
                 "Most prompt tokens that one sequence may put in a step.");
  schema.integer("prefill_beside_decode_tokens", config.prefill_beside, 1, 65'536,
                 "Most prompt tokens in a step that also decodes: fewer, and streams run more "
                 "evenly while prompts are read.");
  schema.integer("max_sequences", config.max_sequences, 1, 4096, "Sequences running at once.")
      .on_command_line("--max-sequences", "N");
  schema.integer("max_waiting", config.max_waiting, 1, 1'000'000,
                 "Requests that may wait before new ones are refused (429).");
  schema
      .boolean("prefix_cache", config.prefix_cache,
               "Whether requests that begin alike share the keys and values of the beginning.")
      .on_command_line("--prefix-cache", "BOOL");
  schema.boolean(
      "pack_weights", config.pack_weights,
      "Whether quantised weights are copied at start into the order that is read fastest; "
      "false reads them from the mapped file.");
  describe(schema, config.cache);
  describe(schema, config.speculation);
}

}  // namespace troupe
