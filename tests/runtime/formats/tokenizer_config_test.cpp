#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

#include "runtime/formats/tokenizer_json.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

tokenizer_spec spec() {
  tokenizer_spec out;
  out.tokens = {"a", "<s>", "</s>"};
  added_token bos;
  bos.id = 1;
  bos.content = "<s>";
  out.added.push_back(bos);
  return out;
}

json::object config(std::string_view text) { return json::parse(text).get_object(); }

TEST_CASE("special tokens are texts or objects") {
  tokenizer_spec out = spec();
  REQUIRE(apply_tokenizer_config(
      config(R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": "[none]"})"),
      out));
  CHECK(out.bos == 1);
  CHECK(out.eos == 2);
  CHECK_FALSE(out.padding);
  CHECK(out.prefix.empty());
}

TEST_CASE("add_bos_token adds what the template does not") {
  tokenizer_spec out = spec();
  const auto both = config(
      R"({"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true, "add_eos_token": true})");
  REQUIRE(apply_tokenizer_config(both, out));
  REQUIRE(apply_tokenizer_config(both, out));
  CHECK(out.prefix == std::vector<token_id>{1});
  CHECK(out.suffix == std::vector<token_id>{2});
}

TEST_CASE("a wrong type is refused by name") {
  tokenizer_spec out = spec();
  CHECK(apply_tokenizer_config(config(R"({"bos_token": 5})"), out).error().message() ==
        "tokenizer_config.json: 'bos_token' is not a string");
  CHECK_FALSE(apply_tokenizer_config(config(R"({"add_bos_token": 1})"), out));
}

TEST_CASE("the chat template is a text, or the default of a list") {
  CHECK(*read_chat_template(config("{}")) == "");
  CHECK(*read_chat_template(config(R"({"chat_template": "x"})")) == "x");
  CHECK(*read_chat_template(config(R"({"chat_template": [
      {"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})")) == "d");
  CHECK_FALSE(read_chat_template(config(R"({"chat_template": 5})")));
  CHECK_FALSE(read_chat_template(config(R"({"chat_template": [5]})")));
}

}  // namespace
}  // namespace troupe
