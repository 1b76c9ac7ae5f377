#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

#include "runtime/api/api_error.hpp"
#include "runtime/api/chat_request.hpp"
#include "runtime/api/completion_request.hpp"
#include "runtime/api/models.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {

struct refusal {
  const char* body;   // further members of an otherwise good request
  const char* param;  // what the error must name
  const char* says;   // part of its message
};

void check_refused(const auto& parsed, const refusal& r) {
  CAPTURE(r.body);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().status == 400);
  CHECK(parsed.error().param == r.param);
  CHECK(parsed.error().message.find(r.says) != std::string::npos);
  CHECK(parsed.error().message.find('\n') == std::string::npos);
  CAPTURE(parsed.error().message);
}

const std::vector<refusal> common_refusals{
    {R"("temperature":"hot")", "temperature", "must be a number, got a string"},
    {R"("temperature":2.5)", "temperature", "must be in [0, 2], got 2.5"},
    {R"("temperature":-0.1)", "temperature", "[0, 2]"},
    {R"("temperature":1e999)", "temperature", "[0, 2]"},
    {R"("top_p":0)", "top_p", "must be in (0, 1], got 0"},
    {R"("top_p":1.01)", "top_p", "(0, 1]"},
    {R"("top_p":[1])", "top_p", "must be a number, got a list"},
    {R"("min_p":-1)", "min_p", "[0, 1]"},
    {R"("min_p":true)", "min_p", "must be a number, got a boolean"},
    {R"("top_k":-2)", "top_k", "from -1 to"},
    {R"("top_k":1.5)", "top_k", "must be an integer, got 1.5"},
    {R"("top_k":"5")", "top_k", "must be an integer, got a string"},
    {R"("presence_penalty":2.1)", "presence_penalty", "[-2, 2]"},
    {R"("presence_penalty":{})", "presence_penalty", "got an object"},
    {R"("frequency_penalty":-3)", "frequency_penalty", "[-2, 2]"},
    {R"("frequency_penalty":"a")", "frequency_penalty", "must be a number"},
    {R"("repetition_penalty":0)", "repetition_penalty", "(0, 100]"},
    {R"("repetition_penalty":"a")", "repetition_penalty", "must be a number"},
    {R"("logit_bias":[1])", "logit_bias", "must be an object, got a list"},
    {R"("logit_bias":{"a":1})", "logit_bias", "must map token ids"},
    {R"("logit_bias":{"709":1})", "logit_bias", "\"708\""},
    {R"("logit_bias":{"-1":1})", "logit_bias", "must map token ids"},
    {R"("logit_bias":{"1":101})", "logit_bias", "of token 1 must be a number in [-100, 100]"},
    {R"("logit_bias":{"1":"x"})", "logit_bias", "of token 1"},
    {R"("seed":"1")", "seed", "must be a 64-bit integer, got a string"},
    {R"("seed":1.5)", "seed", "must be a 64-bit integer"},
    {R"("seed":99999999999999999999)", "seed", "must be a 64-bit integer"},
    {R"("n":0)", "n", "from 1 to 16, got 0"},
    {R"("n":17)", "n", "from 1 to 16, got 17"},
    {R"("n":"2")", "n", "must be an integer"},
    {R"("n":18446744073709551615)", "n", "got 18446744073709551615"},
    {R"("min_tokens":-1)", "min_tokens", "from 0 to"},
    {R"("min_tokens":"1")", "min_tokens", "must be an integer"},
    {R"("stop":1)", "stop", "must be a string or a list"},
    {R"("stop":"")", "stop", "must not hold an empty string"},
    {R"("stop":["a",""])", "stop", "must not hold an empty string"},
    {R"("stop":[null])", "stop", "must hold token ids only, got null"},
    {R"("stop":[709])", "stop", "holds token 709: this model's tokens are 0 to 708"},
    {R"("stop":["1","2","3","4","5","6","7","8","9","a","b","c","d","e","f","g","h"])", "stop",
     "at most 16 entries, got 17"},
    {R"("stop_token_ids":5)", "stop_token_ids", "must be a list, got an integer"},
    {R"("stop_token_ids":["a"])", "stop_token_ids", "must hold token ids only"},
    {R"("stop_token_ids":[-1])", "stop_token_ids", "holds token -1"},
    {R"("ignore_eos":1)", "ignore_eos", "must be a boolean, got an integer"},
    {R"("include_stop_str_in_output":"x")", "include_stop_str_in_output", "must be a boolean"},
    {R"("skip_special_tokens":0)", "skip_special_tokens", "must be a boolean"},
    {R"("return_token_ids":0)", "return_token_ids", "must be a boolean"},
    {R"("stream":"yes")", "stream", "must be a boolean, got a string"},
    {R"("stream_options":{"include_usage":true})", "stream_options", "only allowed with stream"},
    {R"("stream":true,"stream_options":[])", "stream_options", "must be an object"},
    {R"("stream":true,"stream_options":{"include_usage":1})", "stream_options.include_usage",
     "must be a boolean"},
    {R"("stream":true,"stream_options":{"include_use":true})", "stream_options.include_use",
     "Did you mean include_usage?"},
    {R"("response_format":{"type":"xml"})", "response_format", "must be of type"},
    {R"("response_format":{"type":"json_schema"})", "response_format", "needs json_schema"},
    {R"("response_format":"text")", "response_format", "must be an object with a type"},
    {R"("guided_json":[])", "guided_json", "must be a JSON schema"},
    {R"("guided_regex":1)", "guided_regex", "must be a string"},
    {R"("guided_choice":[""])", "guided_choice", "not empty"},
    {R"("guided_grammar":"")", "guided_grammar", "must not be empty"},
    {R"("structured_outputs":[])", "structured_outputs", "must be an object"},
    {R"("temprature":1)", "temprature",
     "Unrecognized request argument supplied: temprature. Did you mean temperature?"},
    {R"("max_tokens":-5)", "max_tokens", "must be an integer from"},
    {R"("max_tokens":"many")", "max_tokens", "must be an integer, got a string"},
};

const std::vector<refusal> chat_refusals{
    {R"("max_tokens":0)", "max_tokens", "from 1 to"},
    {R"("max_completion_tokens":0)", "max_completion_tokens", "from 1 to"},
    {R"("logprobs":3)", "logprobs", "must be a boolean"},
    {R"("logprobs":true,"top_logprobs":21)", "top_logprobs", "from 0 to 20, got 21"},
    {R"("top_logprobs":2)", "top_logprobs", "needs logprobs: true"},
    {R"("tools":{})", "tools", "must be a list, got an object"},
    {R"("tools":[{"type":"function"}])", "tools[0]", "\"function\""},
    {R"("tool_choice":"required")", "tool_choice", "needs tools"},
    {R"("tool_choice":{"type":"function","function":{"name":"f"}})", "tool_choice", "needs tools"},
    {R"("tool_choice":{"type":"function"})", "tool_choice", "must name a function"},
    {R"("tool_choice":"maybe")", "tool_choice", "must be 'auto', 'none', 'required' or"},
    {R"("chat_template_kwargs":[])", "chat_template_kwargs", "must be an object"},
    {R"("chat_template_kwargs":{"messages":[]})", "chat_template_kwargs", "must not set messages"},
    {R"("thinking_budget":-1)", "thinking_budget", "from 0 to"},
    {R"("thinking_budget":"9")", "thinking_budget", "must be an integer, got a string"},
    {R"("enable_thinking":"no")", "enable_thinking", "must be a boolean"},
    {R"("functions":[{}])", "functions", "use tools"},
    {R"("continue_final_message":true)", "continue_final_message", "assistant's message last"},
    {R"("messages":"x")", "messages", "must be a list, got a string"},
    {R"("messages":[])", "messages", "at least one message"},
    {R"("messages":["x"])", "messages[0]", "must be an object, got a string"},
    {R"("messages":[{"content":"x"}])", "messages[0].role", "must be one of system"},
    {R"("messages":[{"role":"robot","content":"x"}])", "messages[0].role", "got 'robot'"},
    {R"("messages":[{"role":"user"}])", "messages[0].content", "is required"},
    {R"("messages":[{"role":"user","content":null}])", "messages[0].content", "is required"},
    {R"("messages":[{"role":"assistant"}])", "messages[0].content", "is required"},
    {R"("messages":[{"role":"user","content":5}])", "messages[0].content", "got an integer"},
    {R"("messages":[{"role":"user","content":["x"]}])", "messages[0].content[0]",
     "must be an object"},
    {R"("messages":[{"role":"user","content":[{"text":"x"}]}])", "messages[0].content[0].type",
     "must be a string"},
    {R"("messages":[{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text",
     "must be a string"},
    {R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])",
     "messages[0].content[0]", "'image_url', which is not supported"},
    {R"("messages":[{"role":"user","content":"x","name":1}])", "messages[0].name",
     "must be a string"},
    {R"("messages":[{"role":"assistant","content":"x","partial":"true"}])", "messages[0].partial",
     "must be a boolean, got a string"},
    {R"("messages":[{"role":"assistant","content":"x","tool_calls":1}])", "messages[0].tool_calls",
     "must be a list"},
    {R"("messages":[{"role":"assistant","tool_calls":[{}]}])", "messages[0].tool_calls[0].function",
     "must be an object"},
    {R"("messages":[{"role":"assistant","tool_calls":[{"function":{}}]}])",
     "messages[0].tool_calls[0].function.name", "must be a string"},
    {R"("messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":1}}]}])",
     "messages[0].tool_calls[0].function.arguments", "must be a string or an object"},
};

const std::vector<refusal> completion_refusals{
    {R"("logprobs":21)", "logprobs", "from 0 to 20"},
    {R"("logprobs":true)", "logprobs", "must be an integer, got a boolean"},
    {R"("echo":"x")", "echo", "must be a boolean"},
    {R"("best_of":2)", "best_of", "must equal n (1)"},
    {R"("suffix":"x")", "suffix", "is not supported"},
    {R"("suffix":false)", "suffix", "must be a string"},
    {R"("prompt":5)", "prompt", "got an integer"},
    {R"("prompt":[])", "prompt", "must not be an empty list"},
    {R"("prompt":[1,"a"])", "prompt", "must hold token ids only, got a string"},
    {R"("prompt":[1,709])", "prompt", "holds token 709"},
    {R"("prompt":["a",5])", "prompt[1]", "must be a string or a list of token ids"},
    {R"("prompt":[[1],[-1]])", "prompt[1]", "holds token -1"},
    {R"("prompt":[[1],["x"]])", "prompt[1]", "must hold token ids only"},
};

TEST_CASE("every wrong chat parameter is refused by name, with what is allowed") {
  for (const auto& list : {common_refusals, chat_refusals})
    for (const refusal& r : list)
      check_refused(parse_chat_request(test::chat_body(r.body), *test::tiny_model()), r);
}

TEST_CASE("every wrong completion parameter is refused by name, with what is allowed") {
  for (const auto& list : {common_refusals, completion_refusals})
    for (const refusal& r : list)
      check_refused(parse_completion_request(test::completion_body(r.body), *test::tiny_model()),
                    r);
}

TEST_CASE("missing parameters are named") {
  const auto& model = *test::tiny_model();
  CHECK(parse_chat_request(R"({"model":"tiny"})", model).error().param == "messages");
  CHECK(parse_completion_request(R"({"model":"tiny"})", model).error().param == "prompt");
  CHECK(parse_chat_request(R"({"messages":[{"role":"user","content":"x"}]})", model)
            .error()
            .message == "model is required: this server has 'tiny'");
}

TEST_CASE("another model is not found") {
  const auto e =
      parse_completion_request(R"({"model":"gpt-9","prompt":"x"})", *test::tiny_model()).error();
  CHECK(e.status == 404);
  CHECK(e.code == "model_not_found");
  CHECK(e.param == "model");
  CHECK(e.message == "The model 'gpt-9' does not exist; this server has 'tiny'.");
}

TEST_CASE("a body that is not a JSON object says where it breaks") {
  const auto message = [](std::string_view body) {
    const auto parsed = parse_chat_request(body, *test::tiny_model());
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().status == 400);
    CHECK(parsed.error().code == "invalid_json");
    return parsed.error().message;
  };
  CHECK(message("") == "The request body is not whole JSON: it ends at byte 0.");
  CHECK(message("{\"a\":") == "The request body is not whole JSON: it ends at byte 5.");
  CHECK(message("{\"a\":x}").find("at byte 5") != std::string::npos);
  CHECK(message("{} x").find("at byte 3") != std::string::npos);
  CHECK(message("[1]") == "The request body must be a JSON object, got a list.");
  CHECK(message("{\"a\":\"\xff\"}").find("not valid JSON") != std::string::npos);
  CHECK(message("{\"a\":" + std::string(100'000, '[')).find("deeper than 64 levels") !=
        std::string::npos);
  api_limits limits;
  limits.body_bytes = 10;
  const auto large = parse_chat_request("{           }", *test::tiny_model(), limits);
  CHECK(large.error().status == 413);
}

TEST_CASE("engine errors become HTTP statuses") {
  const auto status = [](errc code) { return to_api_error(error(code, "x")).status; };
  CHECK(status(errc::invalid_argument) == 400);
  CHECK(status(errc::out_of_range) == 400);
  CHECK(status(errc::unsupported) == 400);
  CHECK(status(errc::not_found) == 404);
  CHECK(status(errc::exhausted) == 429);
  CHECK(status(errc::unavailable) == 503);
  CHECK(status(errc::deadline_exceeded) == 504);
  CHECK(status(errc::internal) == 500);
  CHECK(to_api_error(error(errc::exhausted, "x")).retry_after_seconds == 1);
}

TEST_CASE("an error's body is OpenAI's, whatever the message holds") {
  api_error e;
  e.message = "a \"quote\"\n\x01 \xe2\x82\xac";
  CHECK(e.body() ==
        "{\"error\":{\"message\":\"a \\\"quote\\\"\\n\\u0001 \xe2\x82\xac\","
        "\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}");
  CHECK(unknown_path("GET", "/v2").status == 404);
}

TEST_CASE("models are listed and described, in OpenAI's form and in OpenRouter's") {
  served_model model = *test::tiny_model();
  model.markup.thoughts = thought_markup::think;
  model.quantization = "bf16";
  const auto one = boost::json::parse(describe_model(model, "tiny").value()).as_object();
  const boost::json::object expected{{"id", "tiny"},
                                     {"object", "model"},
                                     {"created", 1600000000},
                                     {"owned_by", "troupe"},
                                     {"name", "tiny"},
                                     {"max_model_len", 4096},
                                     {"context_length", 4096},
                                     {"max_output_length", 4095},
                                     {"input_modalities", boost::json::array{"text"}},
                                     {"output_modalities", boost::json::array{"text"}},
                                     {"quantization", "bf16"},
                                     {"supported_features", boost::json::array{"reasoning"}}};
  for (const auto& member : expected) {
    CAPTURE(std::string(member.key()));
    CHECK(one.at(member.key()) == member.value());
  }
  CHECK(one.size() == expected.size() + 1);
  CHECK(boost::json::parse(list_models(model)) ==
        boost::json::value{{"object", "list"}, {"data", boost::json::array{one}}});
  CHECK(describe_model(model, "other").error().status == 404);
}

TEST_CASE("every sampling parameter that a listing names is taken") {
  const auto one = boost::json::parse(describe_model(*test::tiny_model(), "tiny").value());
  for (const auto& name : one.at("supported_sampling_parameters").as_array()) {
    // A parameter that is read refuses a value of a wrong kind.
    const std::string wrong = "\"" + std::string(name.as_string()) + R"(":{"a":[]})";
    CAPTURE(wrong);
    CHECK_FALSE(parse_chat_request(test::chat_body(wrong), *test::tiny_model()).has_value());
  }
}

}  // namespace
}  // namespace troupe
