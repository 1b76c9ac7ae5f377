#include "actors/bin/chat_session.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/actors/bin/fake_model.hpp"
#include "tests/support/paths.hpp"

namespace troupe::cli {
namespace {

/// Runs a conversation and keeps what was shown and asked.
struct conversation {
  std::shared_ptr<const served_model> model = test::byte_model();
  std::vector<std::string> prompts;
  test::fake_service service{[this](const std::string& prompt) -> result<std::string> {
    prompts.push_back(prompt);
    if (prompt.find("fail") != std::string::npos) return fail(errc::unavailable, "no luck");
    return "answer " + std::to_string(prompts.size());
  }};
  std::ostringstream out;

  std::vector<std::string> hold(std::vector<std::string> input) {
    test::scripted_lines lines(std::move(input));
    chat_session session(service, *model, lines, out, [] { return false; }, {});
    session.run();
    return lines.remembered;
  }
};

}  // namespace

TEST_CASE("every turn sees the ones before it") {
  conversation c;
  c.hold({"one", "", "two"});
  CHECK(c.prompts ==
        std::vector<std::string>{"user:one\nassistant:",
                                 "user:one\nassistant:answer 1\nuser:two\nassistant:"});
  CHECK(c.out.str() == "answer 1\nanswer 2\n");
}

TEST_CASE("a trailing backslash continues the line") {
  conversation c;
  const auto remembered = c.hold({"one\\", "two\\", "three"});
  CHECK(c.prompts == std::vector<std::string>{"user:one\ntwo\nthree\nassistant:"});
  CHECK(remembered == std::vector<std::string>{"one\ntwo\nthree"});
}

TEST_CASE("commands clear, instruct, help, leave; an unknown one says so") {
  conversation c;
  c.hold({"one", "/clear", "/system be brief", "two", "/nonsense", "/help", "/exit", "three"});
  REQUIRE(c.prompts.size() == 2);
  CHECK(c.prompts[1] == "system:be brief\nuser:two\nassistant:");
  CHECK(c.out.str().find("Unknown command /nonsense") != std::string::npos);
  CHECK(c.out.str().find("/save FILE") != std::string::npos);
}

TEST_CASE("a failed answer is reported and the conversation goes on without it") {
  conversation c;
  c.hold({"fail", "two"});
  CHECK(c.out.str() == "troupe: no luck\nanswer 2\n");
  CHECK(c.prompts.back() == "user:two\nassistant:");
}

TEST_CASE("a saved conversation is a list of messages") {
  const test::temporary_directory folder;
  const std::string file = (folder.path() / "talk.json").string();
  conversation c;
  c.hold({"one", "/save " + file, "/save /nowhere/at/all", "/save"});
  std::ifstream in(file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  CHECK(boost::json::parse(text) == boost::json::parse(R"([{"role":"user","content":"one"},
                               {"role":"assistant","content":"answer 1"}])"));
  CHECK(c.out.str().find("Cannot write /nowhere/at/all.") != std::string::npos);
}

}  // namespace troupe::cli
