#include "actors/bin/model_report.hpp"

#include <doctest/doctest.h>

#include <boost/json/array.hpp>

#include "tests/actors/bin/small_model.hpp"

namespace troupe::cli {
TEST_CASE("active parameters leave out the experts that a token does not meet") {
  const test::small_model model;
  const model_report report = report_on(model);
  CHECK(report.parameters == 8 * 3 * 32 * 64 + 1000 * 64);
  CHECK(report.active_parameters == 2 * 3 * 32 * 64 + 1000 * 64);
  CHECK(report.weight_bytes == 98'304 + 16 + 256'000);
  CHECK(report.kv_bytes_per_token == 2 * 2 * 2 * 16 * 2);
  CHECK(report.bytes_by_type.at("F32") == 256'016);
}

TEST_CASE("the report reads well and lists tensors only when asked") {
  const test::small_model model;
  const std::string text = to_text(report_on(model), false);
  CHECK(text.find("architecture   qwen3_moe\n") != std::string::npos);
  CHECK(text.find("113.2 K (76.3 K active a token)") != std::string::npos);
  CHECK(text.find("8, 2 a token, in 1 of 2 layers, width 32") != std::string::npos);
  CHECK(text.find("experts.weight") == std::string::npos);
  CHECK(to_text(report_on(model), true).find("1000 x 64") != std::string::npos);
}

TEST_CASE("the JSON report holds the same figures") {
  const test::small_model model;
  const auto json = to_json(report_on(model), true);
  CHECK(json.at("active_parameters").to_number<int>() == 76'288);
  CHECK(json.at("experts_per_token").to_number<int>() == 2);
  CHECK(json.at("chat_template").as_bool() == false);
  CHECK(json.at("tensors").as_array().size() == 3);
}

}  // namespace troupe::cli
