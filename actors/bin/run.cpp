#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "actors/bin/answer.hpp"
#include "actors/bin/commands.hpp"
#include "actors/bin/engine_start.hpp"
#include "actors/bin/interrupts.hpp"

namespace troupe::cli {
namespace {

struct run_options {
  engine_options engine;
  answer_options answer;
  std::string prompt;
  std::string system;
  bool raw = false;
};

result<std::vector<token_id>> prompt_tokens(const served_model& model, const run_options& options,
                                            const std::string& text) {
  if (options.raw) return model.tokens->encode(text);
  boost::json::array messages;
  if (!options.system.empty())
    messages.push_back(boost::json::object{{"role", "system"}, {"content", options.system}});
  messages.push_back(boost::json::object{{"role", "user"}, {"content", text}});
  return chat_prompt(model, messages);
}

result<void> run(run_options& options) {
  const interrupts signals{SIGINT, SIGTERM};
  std::string text = options.prompt;
  if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
  auto engine = options.engine.start(signals);
  if (!engine) return fail(engine.error());
  const served_model& model = *(*engine)->model();
  auto prompt = prompt_tokens(model, options, text);
  if (!prompt) return fail(prompt.error());
  const auto done = generate(
      **engine, model, std::move(*prompt), options.answer,
      [](std::string_view piece) {
        fmt::print("{}", piece);
        std::fflush(stdout);
      },
      [&signals] { return signals.take() != 0; });
  if (!done) return fail(done.error());
  fmt::print("\n");
  return {};
}

}  // namespace

void add_run(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<run_options>();
  CLI::App* command = app.add_subcommand("run", "Answer one prompt and exit");
  command->add_option("PROMPT", options->prompt, "What to ask; - reads it from standard input")
      ->required()
      ->type_name("TEXT");
  command->add_option("--system", options->system, "An opening instruction")->type_name("TEXT");
  command
      ->add_option("--temperature", options->answer.temperature,
                   "0 takes the likeliest token every time")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  command->add_option("--top-p", options->answer.top_p, "Share of probability to draw from")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", options->answer.seed, "Same seed, same answer")
      ->capture_default_str();
  command
      ->add_option("--max-tokens", options->answer.max_tokens,
                   "Most tokens of the answer; 0: as many as fit")
      ->capture_default_str();
  command->add_flag("--raw", options->raw, "Continue the prompt as it is, without a chat template");
  options->engine.add_to(*command);
  command->footer("Example:\n  troupe run \"What is the capital of France?\"");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace troupe::cli
