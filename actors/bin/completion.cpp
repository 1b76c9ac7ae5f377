#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "actors/bin/command_outline.hpp"
#include "actors/bin/commands.hpp"
#include "runtime/release/release.hpp"

namespace troupe::cli {

void add_completion(CLI::App& app, action& chosen) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print a script that completes troupe's words");
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->type_name("SHELL");
  command->footer("Example:\n  troupe completion bash > /etc/bash_completion.d/troupe");
  command->callback([&app, shell, &chosen] {
    chosen = [&app, shell]() -> result<void> {
      const auto script = completion_script(outline_of(app), *shell);
      if (!script) return fail(script.error());
      fmt::print("{}", *script);
      return {};
    };
  });
}

namespace {

struct manual_options {
  std::string command;
  std::filesystem::path folder;
};

/// The program's page and that of each command, as man(1) looks for them.
result<void> write_pages(const command_outline& program, const std::filesystem::path& folder) {
  std::vector<std::string> names{""};
  for (const command_outline& c : program.commands) names.push_back(c.name);
  for (const std::string& name : names) {
    const auto page = manual_page(program, name, release::version);
    if (!page) return fail(page.error());
    const auto file = folder / (name.empty() ? "troupe.1" : "troupe-" + name + ".1");
    std::ofstream out(file, std::ios::binary);
    out << *page;
    if (!out.flush()) return fail(errc::io_error, "{} cannot be written", file.string());
  }
  return {};
}

}  // namespace

void add_manual(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<manual_options>();
  CLI::App* command = app.add_subcommand("manual", "Print a manual page: troupe's, or a command's");
  command->add_option("--to", options->folder, "Write all pages into this folder")
      ->type_name("DIRECTORY");
  command->add_option("COMMAND", options->command, "One of troupe's commands")->type_name("NAME");
  command->footer("Example:\n  troupe manual serve | man -l -");
  command->callback([&app, options, &chosen] {
    chosen = [&app, options]() -> result<void> {
      const command_outline program = outline_of(app);
      if (!options->folder.empty()) return write_pages(program, options->folder);
      const auto page = manual_page(program, options->command, release::version);
      if (!page) return fail(page.error());
      fmt::print("{}", *page);
      return {};
    };
  });
}

}  // namespace troupe::cli
