#include <doctest/doctest.h>

#include "runtime/api/chat_request.hpp"
#include "runtime/api/completion_request.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {
namespace json = boost::json;

chat_request chat(std::string_view rest, const served_model& model = *test::tiny_model()) {
  auto parsed = parse_chat_request(test::chat_body(rest), model);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().message);
  return *parsed;
}

completion_request completion(std::string_view rest) {
  auto parsed = parse_completion_request(test::completion_body(rest), *test::tiny_model());
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().message);
  return *parsed;
}

TEST_CASE("defaults are OpenAI's where nobody says otherwise") {
  const request_options o = chat("").options;
  CHECK(o.sampling == sampling_params{});
  CHECK_FALSE(o.seed_given);
  CHECK(o.choices == 1);
  CHECK_FALSE(o.max_tokens.has_value());
  CHECK_FALSE(o.stream);
  CHECK(completion("").options.max_tokens == 16U);
}

/// The tiny model with defaults of its own.
class files_with_defaults final : public model_files {
 public:
  explicit files_with_defaults(const model_files& files) : files_(files) {
    defaults_.temperature = 0.6F;
    defaults_.top_k = 20;
    defaults_.top_p = 0.95F;
  }
  [[nodiscard]] const model_config& config() const override { return files_.config(); }
  [[nodiscard]] kernels::matrix matrix(matrix_slot, std::uint32_t, std::uint32_t) const override {
    return {};
  }
  [[nodiscard]] std::span<const float> vector(vector_slot, std::uint32_t) const override {
    return {};
  }
  [[nodiscard]] const tokenizer_spec& tokenizer() const override { return files_.tokenizer(); }
  [[nodiscard]] const std::string& chat_template() const override { return template_; }
  [[nodiscard]] const generation_defaults& defaults() const override { return defaults_; }
  [[nodiscard]] const std::string& name() const override { return files_.name(); }
  [[nodiscard]] std::string format() const override { return files_.format(); }
  [[nodiscard]] std::vector<tensor_listing> tensors() const override { return {}; }
  [[nodiscard]] const std::string& identity() const override { return files_.identity(); }

 private:
  const model_files& files_;
  generation_defaults defaults_;
  std::string template_ = "... developer ...";
};

TEST_CASE("the request wins over the model's defaults, and they over OpenAI's") {
  served_model model = *test::tiny_model();
  model.files = std::make_shared<files_with_defaults>(*test::tiny_model()->files);
  const sampling_params p = chat(R"("top_k":-1,"top_p":null)", model).options.sampling;
  CHECK(p.temperature == 0.6F);
  CHECK(p.top_k == 0);
  CHECK(p.top_p == 0.95F);
  CHECK(p.min_p == 0.0F);
}

TEST_CASE("every parameter reaches the options") {
  const request_options o =
      chat(R"("temperature":0.25,"top_p":0.5,"top_k":7,"min_p":0.125,"presence_penalty":-1,
              "frequency_penalty":1.5,"repetition_penalty":1.25,"seed":-1,"n":3,
              "logit_bias":{"9":-100,"3":2.5},"max_tokens":5,"max_completion_tokens":6,
              "min_tokens":2,"stop":["a",12],"stop_token_ids":[13],"logprobs":true,
              "top_logprobs":4,"ignore_eos":true,"include_stop_str_in_output":true,
              "return_token_ids":true,"stream":true,"stream_options":{"include_usage":true},
              "user":"me","metadata":{"a":"b"},"store":false,"service_tier":"auto",
              "parallel_tool_calls":true,"response_format":{"type":"text"},"tool_choice":"auto",
              "functions":null,"guided_json":null)")
          .options;
  CHECK(o.sampling.temperature == 0.25F);
  CHECK(o.sampling.top_p == 0.5F);
  CHECK(o.sampling.top_k == 7);
  CHECK(o.sampling.min_p == 0.125F);
  CHECK(o.sampling.presence_penalty == -1);
  CHECK(o.sampling.frequency_penalty == 1.5F);
  CHECK(o.sampling.repetition_penalty == 1.25F);
  CHECK(o.sampling.seed == ~0ULL);
  CHECK(o.seed_given);
  CHECK(o.sampling.logit_bias == std::vector<std::pair<token_id, float>>{{3, 2.5F}, {9, -100.0F}});
  CHECK(o.sampling.logprobs);
  CHECK(o.sampling.top_logprobs == 4);
  CHECK(o.choices == 3);
  CHECK(o.max_tokens == 6U);
  CHECK(o.min_tokens == 2);
  CHECK(o.stop == std::vector<std::string>{"a"});
  CHECK(o.stop_tokens == std::vector<token_id>{12, 13});
  CHECK(o.ignore_eos);
  CHECK(o.include_stop);
  CHECK(o.return_token_ids);
  CHECK(o.stream);
  CHECK(o.include_usage);
}

TEST_CASE("a name of one or two letters is no slip for another") {
  CHECK(chat(R"("":1,"m":2,"nn":3,"\u00d6":4)").options.choices == 1);
}

TEST_CASE("the last of duplicate keys counts") {
  CHECK(chat(R"("temperature":0.5,"temperature":1.5)").options.sampling.temperature == 1.5F);
}

TEST_CASE("prompts come as text or tokens, one or a list") {
  using tokens = std::vector<token_id>;
  CHECK(std::get<std::string>(completion("").prompts.at(0)) == "Hello world");
  CHECK(completion(R"("prompt":["a","b"])").prompts.size() == 2);
  CHECK(std::get<tokens>(completion(R"("prompt":[1,2])").prompts.at(0)) == tokens{1, 2});
  const auto lists = completion(R"("prompt":[[1],[2,3]])").prompts;
  REQUIRE(lists.size() == 2);
  CHECK(std::get<tokens>(lists[1]) == tokens{2, 3});
  CHECK(completion(R"("n":2,"best_of":2,"suffix":null)").options.choices == 2);
  CHECK_FALSE(completion("").options.sampling.logprobs);
  CHECK(completion(R"("logprobs":0)").options.sampling.logprobs);
}

TEST_CASE("messages reach the template in the form it expects") {
  const json::object v = chat(R"("messages":[
                {"role":"developer","content":"be kind"},
                {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],
                 "mood":"good"},
                {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",
                 "function":{"name":"f","arguments":"{\"x\":1}"}}]},
                {"role":"tool","tool_call_id":"1","content":"done"}],
              "tools":[{"type":"function","function":{"name":"f"}}],
              "enable_thinking":false,"chat_template_kwargs":{"style":"short"})")
                             .variables;
  const json::array& m = v.at("messages").as_array();
  CHECK(m[0].at("role") == "system");
  CHECK(m[1].at("content") == "a\nb");
  CHECK(m[1].at("mood") == "good");
  CHECK(m[2].at("content") == "");
  CHECK(m[2].at("tool_calls").at(0).at("function").at("arguments").at("x") == 1);
  CHECK(v.at("tools").as_array().size() == 1);
  CHECK(v.at("enable_thinking") == false);
  CHECK(v.at("style") == "short");
  CHECK(v.at("add_generation_prompt") == true);
  CHECK(v.at("eos_token") == "<|im_end|>");
  CHECK(v.at("bos_token") == "");
}

TEST_CASE("tool_choice none hides the tools, and absent ones are null to the template") {
  const char* hidden =
      R"("tool_choice":"none","tools":[{"type":"function","function":{"name":"f"}}])";
  CHECK(chat(hidden).variables.at("tools").is_null());
  CHECK(chat(R"("n":1)").variables.at("tools").is_null());
  CHECK(chat(R"("n":1)").variables.at("documents").is_null());
}

TEST_CASE("extensions of other servers are left out") {
  CHECK(chat(R"("zzzzzzzzzzzz":1,"n":2)").options.choices == 2);
}

TEST_CASE("a template that knows developers keeps the role") {
  served_model model = *test::tiny_model();
  model.files = std::make_shared<files_with_defaults>(*test::tiny_model()->files);
  const auto v = chat(R"("messages":[{"role":"developer","content":"x"}])", model).variables;
  CHECK(v.at("messages").at(0).at("role") == "developer");
}

TEST_CASE("a model without a template cannot chat") {
  served_model model = *test::tiny_model();
  model.chat = nullptr;
  model.template_error = "line 3: unknown tag";
  const auto parsed = parse_chat_request(test::chat_body(), model);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().message ==
        "The model 'tiny' cannot chat: line 3: unknown tag. Use /v1/completions.");
}

}  // namespace
}  // namespace troupe
