#include "actors/gateway/cluster_json.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

using namespace troupe;
using gateway::cluster_report;
using gateway::parse_cluster_report;
using gateway::to_json;

namespace {

cluster_report sample() {
  cluster_report report;
  report.join = "[::1]:7001";
  cluster_view& view = report.view;
  view.epoch = 3;
  view.serving = true;
  view.redundant = true;
  view.redundancy = 3;
  view.nodes = {{"worker-0",
                 0x00f0'0000'0000'0001,
                 "host",
                 101,
                 "up",
                 "AVX3_DL",
                 2,
                 1U << 30U,
                 {"stage 0 (layers 0-14)", "replica of stage 1"}}};
  view.stages = {{0, 15, "worker-0", {{"worker-1", true}, {"worker-2", false}}}, {15, 30, "", {}}};
  view.events = {{2.5, "worker-0 has joined"}};
  view.scaling = {"command", 2, 6, 4, "draining worker-5", 0.25, 0.5, 120.5, 3, 1, 2};
  return report;
}

/// The sample with one field of the first node changed.
std::string with_node_field(std::string_view name, boost::json::value value) {
  boost::json::object all = to_json(sample());
  all.at("nodes").at(0).as_object()[{name.data(), name.size()}] = std::move(value);
  return boost::json::serialize(all);
}

}  // namespace

TEST_CASE("a cluster is told with the names that scripts rely on") {
  const boost::json::object all = to_json(sample());
  CHECK(all.at("epoch").to_number<int>() == 3);
  CHECK(all.at("redundant").as_bool());
  CHECK(all.at("serving").as_bool());
  CHECK(all.at("join").as_string() == "[::1]:7001");
  const auto& node = all.at("nodes").at(0);
  CHECK(node.at("name").as_string() == "worker-0");
  CHECK(node.at("peer").as_string() == "00f0000000000001");
  CHECK(node.at("pid").to_number<int>() == 101);
  CHECK(node.at("weights").is_null());
  CHECK(node.at("state").as_string() == "up");
  CHECK(node.at("holds").at(1).as_string() == "replica of stage 1");
  CHECK(node.at("memory").to_number<std::int64_t>() == 1 << 30);
  const auto& stage = all.at("stages").at(0);
  CHECK(stage.at("first").to_number<int>() == 0);
  CHECK(stage.at("last").to_number<int>() == 15);
  CHECK(stage.at("node").as_string() == "worker-0");
  CHECK(stage.at("buddy").as_string() == "worker-1");
  CHECK(stage.at("buddies").at(1).at("synced").as_bool() == false);
  CHECK(all.at("stages").at(1).at("node").is_null());
  CHECK(all.at("stages").at(1).at("buddy").is_null());
  CHECK(all.at("events").at(0).at("seconds_ago").as_double() == 2.5);
  const auto& scaling = all.at("autoscale");
  CHECK(scaling.at("means").as_string() == "command");
  CHECK(scaling.at("wanted").to_number<int>() == 4);
  CHECK(scaling.at("doing").as_string() == "draining worker-5");
  CHECK(scaling.at("queued_seconds").as_double() == 0.25);
  CHECK(scaling.at("tokens_per_second").as_double() == 120.5);
  CHECK(scaling.at("failures").to_number<int>() == 2);
}

TEST_CASE("what is told reads back to the same") {
  const std::string text = boost::json::serialize(to_json(sample()));
  const auto read = parse_cluster_report(text);
  REQUIRE(read);
  CHECK(boost::json::serialize(to_json(*read)) == text);
  const auto empty = parse_cluster_report(boost::json::serialize(to_json({})));
  REQUIRE(empty);
  CHECK(empty->view.nodes.empty());
  CHECK_FALSE(empty->view.scaling);
}

TEST_CASE("how far a node is with weights from peers is told, and may be left out") {
  cluster_report report = sample();
  report.view.nodes[0].weights = {3, 7};
  const auto read = parse_cluster_report(boost::json::serialize(to_json(report)));
  REQUIRE(read);
  REQUIRE(read->view.nodes[0].weights);
  CHECK(read->view.nodes[0].weights->got == 3);
  CHECK(read->view.nodes[0].weights->wanted == 7);
  boost::json::object older = to_json(sample());
  older.at("nodes").at(0).as_object().erase("weights");
  const auto without = parse_cluster_report(boost::json::serialize(older));
  REQUIRE(without);
  CHECK_FALSE(without->view.nodes[0].weights);
}

TEST_CASE("an event's age is finite and the same however often it is told") {
  const auto told = [](const std::string& age) {
    std::string text = boost::json::serialize(to_json(sample()));
    const std::string_view was = "2.5E0";
    text.replace(text.find(was), was.size(), age);
    return text;
  };
  for (const char* age : {"0", "-0.0", "1780624314250e-10", "27410470.096319", "1e11", "0.0004"}) {
    CAPTURE(age);
    const auto read = parse_cluster_report(told(age));
    REQUIRE(read);
    const std::string text = boost::json::serialize(to_json(*read));
    const auto again = parse_cluster_report(text);
    REQUIRE(again);
    CHECK(boost::json::serialize(to_json(*again)) == text);
  }
  for (const char* age : {"-1", "1e12", "27410470096319e40", "132023665570e316", "null", "\"2\""}) {
    CAPTURE(age);
    const auto read = parse_cluster_report(told(age));
    REQUIRE_FALSE(read);
    CHECK(read.error().message() == "\"seconds_ago\" must be a number of seconds");
  }
}

TEST_CASE("a report of another shape is refused, by the name of the field") {
  for (const char* text : {"", "null", "[]", "{", "3", "{}", R"({"epoch":1,"serving":1})"})
    CHECK_FALSE(parse_cluster_report(text).has_value());
  const auto message = [](const std::string& text) {
    const auto read = parse_cluster_report(text);
    return read ? std::string() : read.error().message();
  };
  CHECK(message(with_node_field("pid", -1)) == "\"pid\" must be a count");
  CHECK(message(with_node_field("threads", std::int64_t{1} << 40)) ==
        "\"threads\" must be a count");
  CHECK(message(with_node_field("peer", "xyz")) == "\"peer\" must be hexadecimal digits");
  CHECK(message(with_node_field("holds", boost::json::array{1})) ==
        "\"holds\" must be a list of texts");
  CHECK(message(with_node_field("name", nullptr)) == "\"name\" must be text");
  boost::json::object all = to_json(sample());
  all["stages"] = boost::json::array{1};
  CHECK(message(boost::json::serialize(all)) == "\"stages\" must be a list of objects");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  CHECK(message(deep) == "it is not a JSON object");
}

TEST_CASE("texts from a server cannot command a terminal") {
  const auto read = parse_cluster_report(with_node_field("name", "a\x1b[2Jb\n"));
  REQUIRE(read);
  CHECK(read->view.nodes[0].name == "a?[2Jb?");
}
