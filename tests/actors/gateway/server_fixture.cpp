#include "tests/actors/gateway/server_fixture.hpp"

#include <spdlog/sinks/base_sink.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <condition_variable>
#include <stdexcept>

#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

std::shared_ptr<const served_model> open_model() {
  auto files = model_files::open(reference() / "models" / "tiny-llama");
  if (!files) throw std::runtime_error(files.error().message());
  auto made = std::make_shared<served_model>();
  made->files = std::move(*files);
  made->id = made->files->name();
  made->context = made->files->config().context;
  auto tokens = tokenizer::create(made->files->tokenizer());
  if (!tokens) throw std::runtime_error(tokens.error().message());
  made->tokens = *tokens;
  auto chat = chat_template::compile(made->files->chat_template());
  if (!chat) throw std::runtime_error(chat.error().message());
  made->chat = *chat;
  return made;
}

}  // namespace

std::shared_ptr<const served_model> tiny_model() {
  static const std::shared_ptr<const served_model> model = open_model();
  return model;
}

server_config quick_config() {
  server_config config;
  config.port = 0;
  return config;
}

struct log_lines::sink : spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::scoped_lock lock(lines_mutex);
    lines.emplace_back(message.payload.begin(), message.payload.end());
    changed.notify_all();
  }
  void flush_() override {}

  std::mutex lines_mutex;
  std::condition_variable changed;
  std::vector<std::string> lines;
};

log_lines::log_lines()
    : sink_(std::make_shared<sink>()), logger_(std::make_shared<spdlog::logger>("test", sink_)) {
  logger_->set_level(spdlog::level::debug);
}

bool log_lines::wait_for(const std::string& text) const {
  std::unique_lock lock(sink_->lines_mutex);
  return sink_->changed.wait_for(lock, std::chrono::seconds(10), [&] {
    for (const std::string& line : sink_->lines)
      if (line.find(text) != std::string::npos) return true;
    return false;
  });
}

server_fixture::server_fixture(const server_config& config, std::uint32_t hold_at)
    : service(std::make_shared<scripted_service>(hold_at)) {
  auto started = http_server::start(config, log.logger(), {service, tiny_model(), {}});
  if (!started) throw std::runtime_error(started.error().message());
  server = std::move(*started);
}

std::string completion_body(const std::string& prompt, std::uint32_t max_tokens, bool stream) {
  const boost::json::value body{{"model", tiny_model()->id},
                                {"prompt", prompt},
                                {"max_tokens", max_tokens},
                                {"stream", stream}};
  return boost::json::serialize(body);
}

streamed collect(const std::vector<std::string>& events) {
  streamed all;
  for (const std::string& event : events) {
    if (event == "[DONE]") {
      all.done = true;
      continue;
    }
    const boost::json::value parsed = boost::json::parse(event);
    for (const auto& choice : parsed.at("choices").as_array())
      if (const auto* text = choice.as_object().if_contains("text")) all.text += text->as_string();
  }
  return all;
}

}  // namespace troupe::test
