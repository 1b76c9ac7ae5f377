#include "tests/fuzz/api/byte_model.hpp"

#include <boost/json/parse.hpp>
#include <cstdlib>
#include <memory>
#include <utility>

#include "runtime/api/prompt.hpp"

namespace troupe::fuzz {
namespace {

/// A model of bytes: one token each in GPT-2's alphabet, then an end of sequence.
tokenizer_spec byte_spec() {
  tokenizer_spec spec;
  unsigned next = 256;
  for (unsigned b = 0; b < 256; ++b) {
    const bool shown = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    const unsigned point = shown ? b : next++;
    std::string text;
    if (point < 128) {
      text = static_cast<char>(point);
    } else {
      text = static_cast<char>(0xC0U | (point >> 6U));
      text += static_cast<char>(0x80U | (point & 0x3FU));
    }
    spec.tokens.push_back(text);
  }
  spec.tokens.emplace_back("<|end|>");
  spec.added.push_back({256, "<|end|>", true});
  spec.eos = 256;
  return spec;
}

class byte_files final : public model_files {
 public:
  byte_files() {
    config_.vocab = 257;
    config_.context = 512;
    config_.eos = {256};
  }
  [[nodiscard]] const model_config& config() const override { return config_; }
  [[nodiscard]] kernels::matrix matrix(matrix_slot, std::uint32_t, std::uint32_t) const override {
    return {};
  }
  [[nodiscard]] std::span<const float> vector(vector_slot, std::uint32_t) const override {
    return {};
  }
  [[nodiscard]] const tokenizer_spec& tokenizer() const override { return spec_; }
  [[nodiscard]] const std::string& chat_template() const override { return template_; }
  [[nodiscard]] const generation_defaults& defaults() const override { return defaults_; }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::string format() const override { return {}; }
  [[nodiscard]] std::vector<tensor_listing> tensors() const override { return {}; }
  [[nodiscard]] const std::string& identity() const override { return name_; }

 private:
  model_config config_;
  tokenizer_spec spec_ = byte_spec();
  std::string template_ =
      "{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.tool_calls %}"
      "{{ m.tool_calls | tojson }}{% endif %}<|end|>{% endfor %}"
      "{% if tools %}{{ tools | tojson }}{% endif %}";
  generation_defaults defaults_;
  std::string name_ = "m";
};

}  // namespace

const served_model& byte_model() {
  static const served_model made = [] {
    served_model m;
    m.id = "m";
    m.context = 512;
    m.files = std::make_shared<byte_files>();
    m.tokens = tokenizer::create(m.files->tokenizer()).value();
    m.chat = chat_template::compile(m.files->chat_template()).value();
    return m;
  }();
  return made;
}

/// A refusal is 4xx with a body that is JSON.
void check(const api_error& e) {
  boost::system::error_code code;
  boost::json::parse(e.body(), code);
  if (code || e.status < 400 || e.status > 499 || e.message.empty()) std::abort();
}

void check(const api_result<generation_request>& made) {
  if (!made) return check(made.error());
  if (made->prompt.size() + made->max_tokens > byte_model().context) std::abort();
}

void check(const chat_request& chat) {
  auto prompt = prepare_chat(byte_model(), chat);
  if (!prompt) return check(prompt.error());
  check(make_generation_request(byte_model(), chat.options, std::move(prompt->tokens)));
}

}  // namespace troupe::fuzz
