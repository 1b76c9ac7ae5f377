#include "runtime/config/speculation_keys.hpp"

namespace troupe {

void describe(config_schema& schema, speculation_config& config) {
  schema.begin_table(
      "speculation",
      "Tokens guessed ahead, so that a step may draw several. It changes no answer.");
  schema
      .choice<speculation_mode>(
          "mode", config.mode,
          {{"off", speculation_mode::off},
           {"ngram", speculation_mode::ngram},
           {"model", speculation_mode::model}},
          "\"off\", \"ngram\" (from earlier in the prompt and answer) or \"model\" (a small one).")
      .on_command_line("--speculation", "MODE");
  schema
      .text("draft_model", config.draft_model, 4096,
            "The small model of mode \"model\": a GGUF file or a Hugging Face folder with the same "
            "vocabulary.")
      .on_command_line("--draft-model", "PATH");
  schema
      .integer("max_draft_tokens", config.max_draft, 1, 64,
               "Most tokens guessed of one sequence in a step.")
      .on_command_line("--max-draft", "TOKENS");
  schema.integer("step_rows", config.rows, 2, 65'536,
                 "Most tokens in a step that decode, guessed ones included.");
}

}  // namespace troupe
