#include "tests/actors/bin/fake_model.hpp"

#include <stdexcept>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "tests/actors/bin/small_model.hpp"

namespace troupe::test {

std::shared_ptr<const served_model> byte_model(std::uint32_t context) {
  tokenizer_spec spec;
  for (int byte = 0; byte < 256; ++byte)
    spec.tokens.push_back(text::to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  spec.tokens.emplace_back("<end>");
  spec.added.push_back({.id = end_token, .content = "<end>", .special = true});
  spec.eos = end_token;
  auto model = std::make_shared<served_model>();
  auto tokens = tokenizer::create(spec);
  auto chat = chat_template::compile(
      "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}"
      "{% if add_generation_prompt %}assistant:{% endif %}");
  if (!tokens) throw std::runtime_error(tokens.error().message());
  if (!chat) throw std::runtime_error(chat.error().message());
  model->id = "bytes";
  model->context = context;
  model->files = std::make_shared<small_model>();
  model->tokens = *tokens;
  model->chat = *chat;
  return model;
}

result<request_id> fake_service::submit(generation_request request,
                                        std::shared_ptr<generation_listener> listener) {
  std::string prompt;
  for (const token_id id : request.prompt) prompt += static_cast<char>(id);
  requests.push_back(std::move(request));
  const auto reply = reply_(prompt);
  if (!reply) {
    listener->on_error(reply.error());
    return requests.size();
  }
  const generation_request& asked = requests.back();
  const bool all = reply->size() < asked.max_tokens;
  token_event event;
  for (const char c : reply->substr(0, asked.max_tokens)) {
    event.token = static_cast<unsigned char>(c);
    listener->on_tokens({&event, 1});
    ++event.index;
  }
  counted.steps += event.index;
  counted.step_seconds += 1;
  counted.host_seconds += 0.25;
  if (endless_) return requests.size();
  event.finish = all ? finish_reason::stop : finish_reason::length;
  event.token = all ? end_token : -1;
  listener->on_tokens({&event, 1});
  listener->on_done({.prompt_tokens = static_cast<std::uint32_t>(asked.prompt.size()),
                     .completion_tokens = event.index});
  return requests.size();
}

std::optional<std::string> scripted_lines::read(std::string_view prompt) {
  (void)prompt;
  if (next_ == lines_.size()) return std::nullopt;
  return lines_[next_++];
}

}  // namespace troupe::test
