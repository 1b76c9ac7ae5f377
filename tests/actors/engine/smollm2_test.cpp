#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "tests/actors/engine/engine_harness.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

namespace json = boost::json;

/// A step whose best two logits are closer than this may differ between implementations.
constexpr double least_margin = 0.05;

TEST_CASE("SmolLM2 draws the tokens that transformers draws, up to the first close call") {
  const auto path = smollm2();
  if (path.empty()) {
    MESSAGE("skipped: SmolLM2 is not here; tools/fetch-model.sh gets it");
    return;
  }
  engine_config c;
  c.threads = 2;
  c.kv_bytes = 256U << 20U;
  const auto engine = embedded_runtime::start(path, c);
  REQUIRE(engine);
  std::ifstream in(reference() / "logits-smollm2.json");
  std::stringstream text;
  text << in.rdbuf();
  std::vector<generation_request> requests;
  const json::value vectors = json::parse(text.str());
  for (const json::value& each : vectors.at("cases").as_array()) {
    generation_request r;
    r.prompt = json::value_to<std::vector<token_id>>(each.at("prompt_ids"));
    r.max_tokens = static_cast<std::uint32_t>(each.at("greedy_ids").as_array().size());
    r.sampling.temperature = 0;
    requests.push_back(std::move(r));
  }
  const auto answers = run_all(**engine, requests);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const json::value& expected = vectors.at("cases").at(i);
    const std::string question(expected.at("user").as_string());
    CAPTURE(question);
    const auto ids = json::value_to<std::vector<token_id>>(expected.at("greedy_ids"));
    const auto margins = json::value_to<std::vector<double>>(expected.at("greedy_margin"));
    for (std::size_t k = 0; k < ids.size() && margins[k] >= least_margin; ++k) {
      REQUIRE(answers[i].events.at(0).at(k).token == ids[k]);
    }
  }
}

}  // namespace
}  // namespace troupe::test
