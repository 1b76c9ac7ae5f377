#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "actors/bin/chat_session.hpp"
#include "actors/bin/commands.hpp"
#include "actors/bin/engine_start.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/line_editor.hpp"

namespace troupe::cli {
namespace {

struct chat_options {
  engine_options engine;
  answer_options answer{.temperature = 0.7F, .top_p = 0.95F};
  std::string system;
};

result<void> chat(chat_options& options) {
  const bool terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const interrupts signals{SIGINT};
  auto engine = options.engine.start(signals);
  if (!engine) return fail(engine.error());
  const served_model& model = *(*engine)->model();
  if (auto usable = chat_prompt(model, {}); !usable && usable.error().code() == errc::unsupported)
    return fail(usable.error());
  std::unique_ptr<line_source> lines;
  if (terminal) {
    fmt::print("{} is ready. /help lists commands, Ctrl-D leaves.\n", model.id);
    std::fflush(stdout);
    lines = std::make_unique<line_editor>(history_file());
  } else {
    lines = std::make_unique<piped_lines>(std::cin);
  }
  chat_session session(
      **engine, model, *lines, std::cout, [&signals] { return signals.take() != 0; },
      options.answer);
  session.set_system(options.system);
  session.run();
  if (terminal) fmt::print("\n");
  return {};
}

}  // namespace

void add_chat(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<chat_options>();
  CLI::App* command = app.add_subcommand("chat", "Converse with a model in the terminal");
  command->add_option("--system", options->system, "An opening instruction")->type_name("TEXT");
  command
      ->add_option("--temperature", options->answer.temperature,
                   "0 takes the likeliest token every time")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  command->add_option("--top-p", options->answer.top_p, "Share of probability to draw from")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", options->answer.seed, "Same seed, same conversation")
      ->capture_default_str();
  command
      ->add_option("--max-tokens", options->answer.max_tokens,
                   "Most tokens of an answer; 0: as many as fit")
      ->capture_default_str();
  options->engine.add_to(*command);
  command->footer("Example:\n  troupe chat --system \"Answer in one sentence.\"");
  command->callback([options, &chosen] { chosen = [options] { return chat(*options); }; });
}

}  // namespace troupe::cli
