#include "runtime/template/chat_template.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <chrono>
#include <string>

using troupe::chat_template;
using troupe::errc;

namespace {

troupe::result<std::string> render(std::string_view source, std::string_view variables = "{}",
                                   troupe::template_limits limits = {}) {
  const auto compiled = chat_template::compile(source, limits);
  if (!compiled) return troupe::fail(compiled.error());
  return (*compiled)->render(boost::json::parse({variables.data(), variables.size()}).as_object());
}

std::string message_of(std::string_view source, std::string_view variables = "{}") {
  const auto rendered = render(source, variables);
  return rendered ? "rendered: " + *rendered : rendered.error().message();
}

}  // namespace

TEST_CASE("a template renders its variables") {
  CHECK(render("Hello {{ name }}!", R"({"name": "Ada"})").value() == "Hello Ada!");
}

TEST_CASE("one compiled template renders many conversations") {
  const auto compiled = chat_template::compile("{% for m in messages %}{{ m.role }};{% endfor %}");
  REQUIRE(compiled);
  for (int i = 0; i < 3; ++i) {
    const auto variables = boost::json::parse(R"({"messages": [{"role": "user"}]})").as_object();
    CHECK((*compiled)->render(variables).value() == "user;");
  }
}

TEST_CASE("the date comes from the injected clock, in UTC without TZ") {
  const auto compiled = chat_template::compile("{{ strftime_now('%d %b %Y %H:%M') }}");
  REQUIRE(compiled);
  CHECK((*compiled)->render({}, [] { return 1753791000; }).value() == "29 Jul 2025 12:10");
}

TEST_CASE("a template's own exception passes its message through") {
  const auto rendered = render("{{ raise_exception('roles must alternate') }}");
  REQUIRE_FALSE(rendered);
  CHECK(rendered.error().code() == errc::invalid_argument);
  CHECK(rendered.error().message() == "roles must alternate");
}

TEST_CASE("errors name the line") {
  CHECK(message_of("a\nb\n{{ x.y }}") == "chat template, line 3: 'x' is undefined");
  CHECK(message_of("a\n{% if %}") == "chat template, line 2: expected an expression");
  CHECK(message_of("\n\n{% for x in y %}").starts_with("chat template, line 3: "));
  CHECK(message_of("{{ 'a' | nope }}") == "chat template, line 1: no filter named 'nope'");
  CHECK(message_of("{% include 'x' %}") ==
        "chat template, line 1: the tag 'include' is not supported");
}

TEST_CASE("hostile templates fail promptly instead of hanging or exhausting memory") {
  const std::string deep(5000, '(');
  const std::string many_nots = [] {
    std::string s = "{{ ";
    for (int i = 0; i < 5000; ++i) s += "not ";
    return s + "1 }}";
  }();
  std::string nested_blocks;
  for (int i = 0; i < 5000; ++i) nested_blocks += "{% if 1 %}";
  std::string branches = "{{ " + std::string(60, '(') + "1";
  for (int i = 0; i < 60; ++i) branches += " if 1)";
  const std::string sources[] = {
      "{% for i in range(10**9) %}x{% endfor %}",
      "{{ 'a' * 10**9 }}",
      "{{ [1] * 10**12 }}",
      "{{ 10 ** 10 ** 10 }}",
      "{{ " + deep,
      many_nots,
      nested_blocks,
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% "
      "endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% "
      "endfor %}",
      "{% set ns = namespace(s=1) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor "
      "%}"
      "{{ ns.s == ns.s|string }}{{ ns.s|tojson }}",
      "{% set ns = namespace(s=1) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(9999) %}{% set ns.s = ns.s|map('string') %}"
      "{% endfor %}{{ ns.s|list }}",
      "{{ '%999999999d' % 1 }}",
      "{{ '%.999999999f' % 1 }}",
      "{{ '{:999999999}'.format(1) }}",
      "{{ 'a'.center(10**9) }}",
      "{{ 'a'.zfill(10**9) }}",
      "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'|replace('a', 'b' * 10**7) }}",
      "{{ 'a'|indent(10**9, true) }}",
      "{{ [[1]]|tojson(indent=10**9) }}",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
      "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{{ strftime_now('%999999d') }}",
      "{% set a = 'a' * 10**7 %}{% set b = 'a' * 10**6 ~ 'b' %}{% for i in range(99) %}{{ b in a }}"
      "{% endfor %}",
      "{% set a = '\\n' * 10**7 %}{{ a.splitlines()|length }}{{ a|indent }}{{ a|wordwrap }}",
      "{% set a = '\\x01' * 10**8 %}{{ [a] }}",
      "{{ '" + std::string(99, '\t') + "'.expandtabs(10**9)|length * 10**30 * 10**30 }}",
  };
  for (const auto& source : sources) {
    CAPTURE(source.substr(0, 100));
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(render(source));
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  }
  CHECK(render(branches + " }}").has_value());
}

TEST_CASE("values that hold themselves do not leak") {
  CHECK(render("{% set ns = namespace() %}{% set ns.self = ns %}ok").value() == "ok");
  CHECK(render("{% set ns = namespace() %}{% macro f() %}{% endmacro %}{% set ns.f = f %}ok") ==
        "ok");
  CHECK(render("{% for i in [1, 2] %}{{ loop.changed(loop) }}{% endfor %}") == "TrueFalse");
}

TEST_CASE("limits are those the caller set") {
  troupe::template_limits limits;
  limits.output_bytes = 10;
  CHECK(render("0123456789", "{}", limits).has_value());
  const auto longer = render("0123456789a", "{}", limits);
  REQUIRE_FALSE(longer);
  CHECK(longer.error().code() == errc::out_of_range);
  limits = {};
  limits.steps = 100;
  CHECK_FALSE(render("{% for i in range(100) %}{{ i }}{% endfor %}", "{}", limits));
  limits = {};
  limits.memory_bytes = 10'000;
  CHECK_FALSE(render("{{ 'a' * 20000 }}", "{}", limits));
}

TEST_CASE("a template that is not UTF-8 is refused") {
  CHECK_FALSE(chat_template::compile("\xff\xfe"));
  CHECK_FALSE(chat_template::compile(std::string(2U << 20U, 'x')));
}
