#include "actors/bin/command_outline.hpp"

#include <doctest/doctest.h>

#include <string>

namespace troupe::cli {
namespace {

/// A program with a command that has options, and one that has commands.
command_outline program() {
  CLI::App app("Serves models.", "troupe");
  app.footer("Example:\n  troupe serve");
  static std::string text;
  static bool flag = false;
  CLI::App* serve = app.add_subcommand("serve", "Serve a model");
  serve->add_option("MODEL", text, "A file; 'quoted' [or not]: any")->type_name("PATH");
  serve->add_option("--port", text, "Where to listen")->type_name("PORT");
  serve->add_option("--config", text, "A file")->type_name("FILE");
  serve->add_flag("--print-config", flag, "Print it");
  CLI::App* key = app.add_subcommand("key", "Keys");
  key->add_subcommand("create", "Make one")->add_flag("--quiet", flag, "Say -nothing-");
  return outline_of(app);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an outline has what the help has") {
  const command_outline all = program();
  CHECK(all.name == "troupe");
  REQUIRE(all.commands.size() == 2);
  const command_outline& serve = all.commands[0];
  REQUIRE(serve.arguments.size() == 1);
  CHECK(serve.arguments[0].name == "MODEL");
  CHECK_FALSE(serve.arguments[0].required);
  REQUIRE(serve.options.size() == 4);
  CHECK(serve.options[0].long_name == "--help");
  CHECK(serve.options[0].short_name == "-h");
  CHECK(serve.options[0].value.empty());
  CHECK(serve.options[1].long_name == "--port");
  CHECK(serve.options[1].value == "PORT");
  CHECK(serve.options[3].value.empty());
  CHECK(all.commands[1].commands[0].name == "create");
}

TEST_CASE("every shell's script knows every command and option") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    const auto script = completion_script(program(), shell);
    REQUIRE(script);
    for (const char* word : {"serve", "key", "create", "port", "print-config", "quiet"})
      CHECK(has(*script, word));
  }
  CHECK(completion_script(program(), "tcsh").error().code() == errc::invalid_argument);
}

TEST_CASE("a manual page escapes what roff would take for its own") {
  const auto page = manual_page(program(), "serve", "1.2.3");
  REQUIRE(page);
  CHECK(has(*page, ".TH TROUPE-SERVE 1"));
  CHECK(has(*page, "\\fB\\-\\-port\\fR \\fIPORT\\fR"));
  CHECK(has(*page, ".SH SEE ALSO\n\\fBtroupe\\fR(1)"));
  const auto whole = manual_page(program(), "", "1.2.3");
  REQUIRE(whole);
  CHECK(has(*whole, "\\fBtroupe\\-serve\\fR(1), \\fBtroupe\\-key\\fR(1)"));
  const auto keys = manual_page(program(), "key", "1.2.3");
  REQUIRE(keys);
  CHECK(has(*keys, "Say \\-nothing\\-"));
  CHECK(manual_page(program(), "nothing", "1").error().code() == errc::not_found);
}

}  // namespace troupe::cli
