#include "actors/bin/answer.hpp"

#include <boost/json/object.hpp>
#include <chrono>

#include "actors/bin/answer_queue.hpp"
#include "runtime/tokenizer/stream_decoder.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::milliseconds poll_interval{50};
constexpr std::chrono::minutes silence_limit{5};

std::string special_text(const served_model& model, std::optional<token_id> id) {
  return id ? std::string(model.tokens->bytes(*id)) : std::string();
}

/// Text of the tokens so far, passed on piece by piece.
class text_writer {
 public:
  text_writer(const served_model& model, const text_sink& sink, std::string& text)
      : decoder_(model.tokens), sink_(sink), text_(text) {}

  void push(token_id id) { pass(decoder_.push(id)); }
  void finish() { pass(decoder_.finish()); }

 private:
  void pass(const std::string& piece) {
    if (piece.empty()) return;
    text_ += piece;
    sink_(piece);
  }

  stream_decoder decoder_;
  const text_sink& sink_;
  std::string& text_;
};

}  // namespace

result<std::vector<token_id>> chat_prompt(const served_model& model,
                                          const boost::json::array& messages) {
  if (!model.chat)
    return fail(errc::unsupported, "{} cannot chat: {}; try `troupe run --raw`", model.id,
                model.template_error.empty() ? "it has no chat template" : model.template_error);
  const tokenizer_spec& spec = model.tokens->spec();
  boost::json::object variables;
  variables["messages"] = messages;
  variables["add_generation_prompt"] = true;
  variables["tools"] = nullptr;
  variables["documents"] = nullptr;
  variables["bos_token"] = special_text(model, spec.bos);
  variables["eos_token"] = special_text(model, spec.eos);
  auto text = model.chat->render(variables);
  if (!text) return fail(text.error().within("chat template"));
  // The template has written the special tokens itself.
  return model.tokens->encode(*text, {.add_special = false, .parse_special = true});
}

result<answer> generate(generation_service& service, const served_model& model,
                        std::vector<token_id> prompt, const answer_options& options,
                        const text_sink& sink, const stop_flag& stop) {
  if (prompt.empty()) return fail(errc::invalid_argument, "the prompt is empty");
  if (prompt.size() >= model.context)
    return fail(errc::out_of_range, "the prompt has {} tokens, and {} has room for {}",
                prompt.size(), model.id, model.context);
  generation_request request;
  const auto room = static_cast<std::uint32_t>(model.context - prompt.size());
  request.max_tokens = options.max_tokens == 0 ? room : std::min(options.max_tokens, room);
  request.prompt = std::move(prompt);
  request.stop_tokens = model.files->config().eos;
  request.sampling.temperature = options.temperature;
  request.sampling.top_p = options.top_p;
  request.sampling.seed = options.seed;

  const auto queue = std::make_shared<answer_queue>();
  const auto id = service.submit(std::move(request), queue);
  if (!id) return fail(id.error());

  answer out;
  text_writer writer(model, sink, out.text);
  auto last = std::chrono::steady_clock::now();
  while (true) {
    if (stop()) {
      service.cancel(*id);
      writer.finish();
      out.finish = finish_reason::cancelled;
      return out;
    }
    auto item = queue->next(poll_interval);
    const auto now = std::chrono::steady_clock::now();
    if (!item) {
      if (now - last < silence_limit) continue;
      service.cancel(*id);
      return fail(errc::deadline_exceeded, "no token came for five minutes");
    }
    last = now;
    if (const auto* event = std::get_if<token_event>(&*item)) {
      if (event->finish != finish_reason::none) out.finish = event->finish;
      if (event->token < 0) continue;
      out.tokens.push_back(event->token);
      writer.push(event->token);
    } else if (auto* failed = std::get_if<error>(&*item)) {
      writer.finish();
      return fail(std::move(*failed));
    } else {
      writer.finish();
      out.summary = std::get<generation_summary>(*item);
      return out;
    }
  }
}

}  // namespace troupe::cli
