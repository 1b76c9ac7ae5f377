#include "runtime/api/prompt.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {

std::string rendered(std::string_view rest) {
  const served_model& model = *test::tiny_model();
  const auto request = parse_chat_request(test::chat_body(rest), model);
  REQUIRE_MESSAGE(request.has_value(), request.error().message);
  const auto prompt = prepare_chat(model, *request);
  REQUIRE_MESSAGE(prompt.has_value(), prompt.error().message);
  return model.tokens->decode(prompt->tokens);
}

TEST_CASE("a conversation becomes the template's text") {
  CHECK(rendered("") == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("an answer goes on from the last message where that is asked") {
  const std::string expected = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nThe sky is ";
  CHECK(rendered(R"("messages":[{"role":"user","content":"Hi"},
                    {"role":"assistant","content":"The sky is ","partial":true}])") == expected);
  CHECK(rendered(R"("continue_final_message":true,"add_generation_prompt":false,
                    "messages":[{"role":"user","content":"Hi"},
                    {"role":"assistant","content":"The sky is "}])") == expected);
}

TEST_CASE("special tokens written in a message are what the template made them") {
  const served_model& model = *test::tiny_model();
  const auto request = parse_chat_request(test::chat_body(), model);
  const auto prompt = prepare_chat(model, *request);
  CHECK(prompt->tokens.front() == model.tokens->find("<|im_start|>"));
}

TEST_CASE("the end of sequence stops a request unless it is ignored") {
  const served_model& model = *test::tiny_model();
  request_options options;
  options.stop_tokens = {5, 5};
  CHECK(make_generation_request(model, options, {1})->stop_tokens == std::vector<token_id>{5, 702});
  options.ignore_eos = true;
  CHECK(make_generation_request(model, options, {1})->stop_tokens == std::vector<token_id>{5});
}

TEST_CASE("without max_tokens an answer may fill the context") {
  CHECK(
      make_generation_request(*test::tiny_model(), {}, std::vector<token_id>(96, 1))->max_tokens ==
      4000);
}

TEST_CASE("what does not fit the context is refused with the numbers") {
  const served_model& model = *test::tiny_model();
  request_options options;
  auto made = make_generation_request(model, options, std::vector<token_id>(9000, 1));
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().code == "context_length_exceeded");
  CHECK(made.error().message ==
        "This model's maximum context length is 4096 tokens. However, your prompt has 9000 tokens. "
        "Shorten it.");
  options.max_tokens = 100;
  made = make_generation_request(model, options, std::vector<token_id>(4000, 1));
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().message ==
        "This model's maximum context length is 4096 tokens. However, you asked for 4100 tokens "
        "(4000 in the prompt, 100 in the answer). Shorten one of them.");
  options.max_tokens = 96;
  CHECK(make_generation_request(model, options, std::vector<token_id>(4000, 1)).has_value());
  options.max_tokens = 0;
  CHECK(make_generation_request(model, options, std::vector<token_id>(4096, 1)).has_value());
  options.max_tokens = 5;
  options.min_tokens = 6;
  CHECK(make_generation_request(model, options, {1}).error().param == "min_tokens");
}

TEST_CASE("an empty prompt is refused") {
  const auto request =
      parse_completion_request(R"({"model":"tiny","prompt":""})", *test::tiny_model());
  CHECK(prepare_completion(*test::tiny_model(), *request, 0).error().param == "prompt");
}

}  // namespace
}  // namespace troupe
