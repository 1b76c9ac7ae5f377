#include "tests/runtime/api/api_fixture.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>

#include "tests/support/paths.hpp"

namespace troupe::test {
namespace json = boost::json;

const std::shared_ptr<const served_model>& tiny_model() {
  static const std::shared_ptr<const served_model> model = [] {
    auto files = model_files::open(reference() / "models" / "tiny-llama");
    REQUIRE(files);
    auto tokens = tokenizer::create((*files)->tokenizer());
    REQUIRE(tokens);
    auto chat = chat_template::compile((*files)->chat_template());
    REQUIRE(chat);
    auto out = std::make_shared<served_model>();
    out->id = "tiny";
    out->created = 1'600'000'000;
    out->context = 4096;
    out->files = std::move(*files);
    out->tokens = *tokens;
    out->chat = *chat;
    return out;
  }();
  return model;
}

std::string chat_body(std::string_view rest) {
  std::string body = R"({"model":"tiny","messages":[{"role":"user","content":"Hello"}])";
  if (!rest.empty()) body.append(",").append(rest);
  return body + "}";
}

std::string completion_body(std::string_view rest) {
  std::string body = R"({"model":"tiny","prompt":"Hello world")";
  if (!rest.empty()) body.append(",").append(rest);
  return body + "}";
}

void recording_sink::begin(int s, std::string_view content_type) {
  CHECK(status == 0);
  CHECK_FALSE(failure.has_value());
  status = s;
  type = content_type;
}

bool recording_sink::write(std::string bytes) {
  CHECK(status != 0);
  if (ended) ++calls_after_end;
  if (broken) return false;
  body += bytes;
  return true;
}

void recording_sink::end(std::string bytes) {
  CHECK(status != 0);
  if (ended) ++calls_after_end;
  ended = true;
  last = std::move(bytes);
  if (!broken) body += last;
}

void recording_sink::fail(const api_error& e) {
  CHECK(status == 0);
  CHECK_FALSE(failure.has_value());
  failure = e;
}

std::vector<json::value> recording_sink::events() const {
  std::vector<json::value> out;
  std::string_view rest = body;
  bool done = false;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\n\n");
    REQUIRE(end != std::string_view::npos);
    const std::string_view frame = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    REQUIRE(frame.substr(0, 6) == "data: ");
    CHECK_FALSE(done);
    done = frame == "data: [DONE]";
    const std::string_view data = frame.substr(6);
    if (!done) out.push_back(json::parse(json::string_view(data.data(), data.size())));
  }
  CHECK(done);
  return out;
}

result<request_id> scripted_service::submit(generation_request request,
                                            std::shared_ptr<generation_listener> listener) {
  if (requests.size() >= accepts) return fail(errc::exhausted, "1024 requests are waiting already");
  const request_id id = requests.size() + 1;
  requests[id] = {std::move(request), std::move(listener)};
  return id;
}

api_context make_context(scripted_service& service) {
  auto counter = std::make_shared<std::atomic<std::uint64_t>>(0);
  api_context context;
  context.model = tiny_model();
  context.service = &service;
  context.random = [counter] { return ++*counter; };
  context.now = [] { return 1'700'000'000; };
  return context;
}

std::vector<token_event> events_for(std::string_view text, finish_reason finish,
                                    std::uint32_t choice) {
  std::vector<token_event> out;
  for (const token_id token : tiny_model()->tokens->encode(text)) {
    token_event e;
    e.choice = choice;
    e.index = static_cast<std::uint32_t>(out.size());
    e.token = token;
    e.logprob.logprob = -0.5F * static_cast<float>(e.index + 1);
    e.logprob.top = {{token, e.logprob.logprob}, {7, -9.25F}};
    out.push_back(e);
  }
  if (finish == finish_reason::stop) {
    token_event e;
    e.choice = choice;
    e.index = static_cast<std::uint32_t>(out.size());
    e.token = tiny_model()->files->config().eos.front();
    out.push_back(e);
  }
  if (!out.empty()) out.back().finish = finish;
  return out;
}

std::map<std::int64_t, std::string> texts(const json::value& whole) {
  std::map<std::int64_t, std::string> out;
  for (const json::value& v : whole.at("choices").as_array()) {
    const json::object& choice = v.as_object();
    std::string& text = out[choice.at("index").as_int64()];
    const auto append = [&](const json::value* s) {
      if (s != nullptr && s->is_string()) text += json::value_to<std::string>(*s);
    };
    append(choice.if_contains("text"));
    if (const json::value* m = choice.if_contains("message"))
      append(m->as_object().if_contains("content"));
    if (const json::value* d = choice.if_contains("delta"))
      append(d->as_object().if_contains("content"));
  }
  return out;
}

std::map<std::int64_t, std::string> texts(const std::vector<json::value>& events) {
  std::map<std::int64_t, std::string> out;
  for (const json::value& e : events)
    for (const auto& [index, text] : texts(e)) out[index] += text;
  return out;
}

}  // namespace troupe::test
