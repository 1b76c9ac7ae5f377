#include "runtime/template/chat_template.hpp"

#include <boost/json/object.hpp>
#include <chrono>

#include "runtime/template/evaluator.hpp"
#include "runtime/template/input.hpp"
#include "runtime/template/lexer.hpp"
#include "runtime/template/parser.hpp"
#include "runtime/template/text.hpp"

namespace troupe {
namespace {

constexpr std::size_t longest_source = 256U << 10U;

std::int64_t system_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

struct chat_template::program {
  template_limits limits;
  jinja::scoped_block body;
};

chat_template::chat_template(std::unique_ptr<program> p) : program_(std::move(p)) {}
chat_template::~chat_template() = default;

result<std::shared_ptr<const chat_template>> chat_template::compile(std::string_view source,
                                                                    template_limits limits) {
  if (source.size() > longest_source) {
    return fail(errc::out_of_range, "chat template: {} bytes are more than {}", source.size(),
                longest_source);
  }
  if (!jinja::valid_utf8(source)) {
    return fail(errc::invalid_argument, "chat template: the text is not valid UTF-8");
  }
  auto tokens = jinja::tokenize(source);
  if (!tokens) return fail(std::move(tokens.error()));
  auto body = jinja::parser(std::move(*tokens), limits.depth).run();
  if (!body) return fail(std::move(body.error()));
  auto made = std::make_unique<program>();
  made->limits = limits;
  made->body = std::move(*body);
  return std::shared_ptr<const chat_template>(new chat_template(std::move(made)));
}

result<std::string> chat_template::render(const boost::json::object& variables) const {
  return render(variables, system_seconds);
}

result<std::string> chat_template::render(const boost::json::object& variables,
                                          const clock& now) const {
  jinja::machine machine(program_->limits, now);
  {
    auto root = std::make_shared<jinja::scope>(nullptr);
    for (const auto& [name, v] : variables) root->set(name, jinja::from_json(machine, v));
    jinja::evaluator evaluator(machine, std::move(root));
    evaluator.run(program_->body);
  }
  if (machine.failed()) return fail(*machine.failure());
  return machine.take_output();
}

}  // namespace troupe
