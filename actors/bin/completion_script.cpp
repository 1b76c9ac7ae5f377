#include <fmt/format.h>

#include <string>

#include "actors/bin/command_outline.hpp"

// Words come from this program's own help: names of letters, digits and dashes.
namespace troupe::cli {
namespace {

/// For between single quotes, in all three shells but for the brackets and colons of zsh.
std::string quoted(std::string_view text, bool zsh) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (zsh && (c == '[' || c == ']' || c == ':')) out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

bool names_file(const command_outline::option& o) {
  return o.value == "FILE" || o.value == "PATH" || o.value == "DIRECTORY";
}

std::string names_of(const command_outline& command) {
  std::string out;
  for (const command_outline& c : command.commands) out += c.name + ' ';
  for (const command_outline::option& o : command.options) out += o.long_name + ' ';
  if (!out.empty()) out.pop_back();
  return out;
}

void bash_cases(const command_outline& command, const std::string& path, std::string& out) {
  out += fmt::format("    '{}') words='{}' ;;\n", path, names_of(command));
  for (const command_outline& c : command.commands)
    bash_cases(c, path.empty() ? c.name : path + ' ' + c.name, out);
}

void value_options(const command_outline& command, std::string& files, std::string& others) {
  for (const command_outline::option& o : command.options)
    if (!o.value.empty()) (names_file(o) ? files : others) += o.long_name + '|';
  for (const command_outline& c : command.commands) value_options(c, files, others);
}

std::string bash_script(const command_outline& program) {
  std::string files;
  std::string others;
  value_options(program, files, others);
  std::string cases;
  bash_cases(program, "", cases);
  return fmt::format(
      R"(# bash completion of {0}; made by `{0} completion bash`
_{0}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} path= words= next i
  COMPREPLY=()
  case $before in
    {1}-) COMPREPLY=($(compgen -f -- "$word")); compopt -o filenames 2>/dev/null; return ;;
    {2}-) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    next=${{path:+$path }}${{COMP_WORDS[i]}}
    case " {3} " in *" ${{next// /_}} "*) path=$next ;; esac
  done
  case $path in
{4}  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [[ ${{#COMPREPLY[@]}} -gt 0 || $word == -* ]] || {{
    COMPREPLY=($(compgen -f -- "$word")); compopt -o filenames 2>/dev/null; }}
}}
complete -F _{0} {0}
)",
      program.name, files, others,
      [&] {
        std::string paths;
        for (const command_outline& c : program.commands) {
          paths += c.name + ' ';
          for (const command_outline& d : c.commands) paths += c.name + '_' + d.name + ' ';
        }
        if (!paths.empty()) paths.pop_back();
        return paths;
      }(),
      cases);
}

void zsh_function(const command_outline& command, const std::string& name, std::string& out) {
  std::string specs;
  for (const command_outline::option& o : command.options) {
    specs += fmt::format(" \\\n    '{}[{}]{}'", o.long_name, quoted(o.help, true),
                         o.value.empty() ? ""
                         : names_file(o) ? ':' + o.value + ":_files"
                                         : ':' + o.value + ": ");
  }
  if (command.commands.empty()) {
    out += fmt::format("{}() {{\n  _arguments{} \\\n    '*:file:_files'\n}}\n", name, specs);
    return;
  }
  std::string described;
  std::string chosen;
  for (const command_outline& c : command.commands) {
    described += fmt::format(" '{}:{}'", c.name, quoted(c.help, true));
    chosen += fmt::format("        {}) {}_{} ;;\n", c.name, name, c.name);
    zsh_function(c, name + '_' + c.name, out);
  }
  out += fmt::format(
      "{0}() {{\n  local state line\n  local -a commands=({1})\n  _arguments -C{2} \\\n"
      "    '1: :->command' '*:: :->rest'\n  case $state in\n"
      "    command) _describe command commands ;;\n    rest)\n      case $line[1] in\n{3}"
      "      esac ;;\n  esac\n}}\n",
      name, described, specs, chosen);
}

std::string zsh_script(const command_outline& program) {
  std::string functions;
  zsh_function(program, '_' + program.name, functions);
  return fmt::format("#compdef {0}\n# made by `{0} completion zsh`\n{1}_{0} \"$@\"\n", program.name,
                     functions);
}

std::string fish_lines(const command_outline& program, const command_outline& command,
                       const std::string& when) {
  std::string out;
  for (const command_outline::option& o : command.options) {
    if (o.long_name.empty()) continue;
    out += fmt::format("complete -c {} {} -l {}{} -d '{}'\n", program.name, when,
                       o.long_name.substr(2),
                       o.value.empty() ? ""
                       : names_file(o) ? " -r -F"
                                       : " -x",
                       quoted(o.help, false));
  }
  for (const command_outline& c : command.commands) {
    out += fmt::format("complete -c {} {} -f -a {} -d '{}'\n", program.name, when, c.name,
                       quoted(c.help, false));
  }
  return out;
}

std::string fish_script(const command_outline& program) {
  std::string out =
      fmt::format("# fish completion of {0}; made by `{0} completion fish`\n", program.name);
  out += fish_lines(program, program, "-n __fish_use_subcommand");
  for (const command_outline& c : program.commands) {
    out += fish_lines(program, c, fmt::format("-n '__fish_seen_subcommand_from {}'", c.name));
    for (const command_outline& d : c.commands) {
      out += fish_lines(program, d,
                        fmt::format("-n '__fish_seen_subcommand_from {}; and "
                                    "__fish_seen_subcommand_from {}'",
                                    c.name, d.name));
    }
  }
  return out;
}

}  // namespace

result<std::string> completion_script(const command_outline& program, std::string_view shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  return fail(errc::invalid_argument,
              "there is no completion for '{}'; there is for bash, zsh and fish", shell);
}

}  // namespace troupe::cli
