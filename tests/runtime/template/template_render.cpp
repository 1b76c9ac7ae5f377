/// Renders cases from standard input, one JSON object a line, and prints one answer a line: the
/// half of the comparison with jinja2 that is troupe's. See against_jinja2.py.
#include <boost/json.hpp>
#include <cstdint>
#include <iostream>
#include <string>

#include "runtime/template/chat_template.hpp"

namespace {

/// The moment at which all cases are rendered; oracle.py has the same.
constexpr std::int64_t moment = 1753791000;

boost::json::object answer(const boost::json::object& asked) {
  boost::json::object given;
  const std::string source(asked.at("template").as_string());
  const auto compiled = troupe::chat_template::compile(source);
  if (!compiled) {
    given["error"] = compiled.error().message();
    return given;
  }
  const auto rendered =
      (*compiled)->render(asked.at("variables").as_object(), [] { return moment; });
  if (rendered) {
    given["output"] = *rendered;
  } else {
    given["error"] = rendered.error().message();
  }
  return given;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << boost::json::serialize(answer(boost::json::parse(line).as_object())) << '\n';
  }
  return 0;
}
