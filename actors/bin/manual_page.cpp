#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "actors/bin/command_outline.hpp"

namespace troupe::cli {
namespace {

/// As text of a line: backslashes and dashes are roff's own, and so is a dot that begins it.
std::string plain(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    begins = c == '\n';
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + plain(text) + "\\fR"; }
std::string slanted(std::string_view text) { return "\\fI" + plain(text) + "\\fR"; }

std::string options_of(const command_outline& command) {
  std::string out;
  for (const command_outline::option& o : command.options) {
    std::string names =
        o.short_name.empty() ? bold(o.long_name) : bold(o.short_name) + ", " + bold(o.long_name);
    if (!o.value.empty()) names += ' ' + slanted(o.value);
    out += fmt::format(".TP\n{}\n{}\n", names, plain(o.help));
  }
  return out;
}

std::string synopsis(const std::string& name, const command_outline& command) {
  std::string out = bold(name);
  if (!command.commands.empty()) out += ' ' + slanted("COMMAND");
  if (!command.options.empty()) out += " [" + slanted("OPTION") + "]...";
  for (const command_outline::argument& a : command.arguments)
    out += a.required ? ' ' + slanted(a.name) : " [" + slanted(a.name) + ']';
  return out + '\n';
}

}  // namespace

result<std::string> manual_page(const command_outline& program, std::string_view command,
                                std::string_view version) {
  const command_outline* shown = &program;
  std::string name = program.name;
  std::string file = program.name;
  if (!command.empty()) {
    const auto found = std::ranges::find(program.commands, command, &command_outline::name);
    if (found == program.commands.end())
      return fail(errc::not_found, "there is no command '{}'", command);
    shown = &*found;
    name += fmt::format(" {}", command);
    file += fmt::format("-{}", command);
  }
  std::string out = fmt::format(
      ".TH {} 1 \"\" \"{} {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}",
      upper(file), program.name, plain(version), plain(file), plain(shown->help),
      synopsis(name, *shown));
  if (!shown->arguments.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const command_outline::argument& a : shown->arguments)
      out += fmt::format(".TP\n{}\n{}\n", slanted(a.name), plain(a.help));
  }
  if (!shown->commands.empty()) out += ".SH COMMANDS\n";
  for (const command_outline& c : shown->commands) {
    out += fmt::format(".TP\n{}\n{}\n", bold(c.name), plain(c.help));
    if (command.empty()) continue;
    out += ".RS\n" + options_of(c) + ".RE\n";
  }
  if (!shown->options.empty()) out += ".SH OPTIONS\n" + options_of(*shown);
  if (!shown->footer.empty()) out += fmt::format(".SH NOTES\n.nf\n{}\n.fi\n", plain(shown->footer));
  out += ".SH SEE ALSO\n";
  if (!command.empty()) return out + fmt::format("{}(1)\n", bold(program.name));
  std::string others;
  for (const command_outline& c : program.commands)
    others += fmt::format("{}{}(1)", others.empty() ? "" : ", ", bold(program.name + '-' + c.name));
  return out + others + '\n';
}

}  // namespace troupe::cli
