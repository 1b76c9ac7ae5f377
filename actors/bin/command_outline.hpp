#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe::cli {

/// A command as its help tells it: what shells and manual pages are made from.
struct command_outline {
  struct option {
    std::string long_name;   ///< "--port"
    std::string short_name;  ///< "-h"; empty: none
    std::string value;       ///< "PORT"; empty: it takes none
    std::string help;
  };
  struct argument {
    std::string name;
    std::string help;
    bool required = false;
  };
  std::string name;
  std::string help;
  std::string footer;
  std::vector<option> options;
  std::vector<argument> arguments;
  std::vector<command_outline> commands;
};

/// Reads a program's commands and options; those without a help text are left out.
[[nodiscard]] command_outline outline_of(const CLI::App& app);

/// A script that completes the program's words: for "bash", "zsh" or "fish". Fails with
/// invalid_argument for another shell.
[[nodiscard]] result<std::string> completion_script(const command_outline& program,
                                                    std::string_view shell);
/// The manual page, in section 1, of the program (empty `command`) or of one of its commands, as
/// roff. not_found: there is no such command.
[[nodiscard]] result<std::string> manual_page(const command_outline& program,
                                              std::string_view command, std::string_view version);

}  // namespace troupe::cli
