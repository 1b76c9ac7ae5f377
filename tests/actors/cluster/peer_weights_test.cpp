// Nodes without the model's file, in one process with their cluster's head: over UCX all the same.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "actors/cluster/cluster_runtime.hpp"
#include "actors/cluster/worker_runtime.hpp"
#include "runtime/device/device_choice.hpp"
#include "tests/actors/engine/engine_harness.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds deadline{60};

bool until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

engine_config small() {
  engine_config c;
  c.threads = 1;
  c.kv_bytes = 32U << 20U;
  c.context = 256;
  return c;
}

generation_request question() {
  generation_request r;
  r.prompt = {1, 2, 3, 4, 5, 6, 7, 8};
  r.sampling.temperature = 0;
  r.max_tokens = 24;
  r.ignore_eos = true;
  return r;
}

answer_collector::content ask(generation_service& service) {
  const auto collector = std::make_shared<answer_collector>();
  const auto id = service.submit(question(), collector);
  REQUIRE_MESSAGE(id, (id ? "" : id.error().message()));
  REQUIRE(collector->wait());
  if (collector->failure()) FAIL(collector->failure()->message());
  return collector->take();
}

std::unique_ptr<cluster_runtime> start_head(const fs::path& model, std::uint32_t nodes) {
  auto opened = open_model(model, {});
  REQUIRE(opened);
  cluster_config cluster;
  cluster.redundancy = nodes;
  auto head = cluster_runtime::start(std::move(*opened), {model, small(), cluster, nodes});
  REQUIRE_MESSAGE(head, (head ? "" : head.error().message()));
  return std::move(*head);
}

result<std::unique_ptr<worker_runtime>> start_node(const cluster_runtime& head,
                                                   const std::string& name, const fs::path& model,
                                                   const fs::path& cache) {
  auto computes = make_device({}, {.threads = 1});
  REQUIRE(computes);
  worker_options options;
  options.join = {head.join_address()};
  options.model = model;
  options.name = name;
  options.threads = 1;
  options.memory_bytes = 512U << 20U;
  options.weights_cache = cache;
  return worker_runtime::start(options, std::make_shared<node_store>(std::move(*computes)));
}

const cluster_view::node* node_of(const cluster_view& view, const std::string& name) {
  for (const auto& n : view.nodes)
    if (n.name == name && n.state == "up") return &n;
  return nullptr;
}

TEST_CASE("a node without the file gets its part from peers, and serves it as they do") {
  const fs::path model = smollm2();
  if (model.empty()) {
    MESSAGE("skipped: SmolLM2 is not here; tools/fetch-model.sh gets it");
    return;
  }
  const temporary_directory cache;
  const auto head = start_head(model, 2);
  auto whole = start_node(*head, "whole", model, {});
  REQUIRE_MESSAGE(whole, (whole ? "" : whole.error().message()));
  auto bare = start_node(*head, "bare", "/nowhere/model.gguf", cache.path());
  REQUIRE_MESSAGE(bare, (bare ? "" : bare.error().message()));
  REQUIRE(head->await_serving(deadline));
  REQUIRE(until([&] { return head->view().redundant; }));
  const cluster_view seen = head->view();
  const auto* node = node_of(seen, "bare");
  REQUIRE(node != nullptr);
  CHECK(node->holds.size() >= 2);
  REQUIRE(node->weights);
  CHECK(node->weights->got == node->weights->wanted);
  CHECK(node->weights->got > 0);
  const auto expected = ask(*head);
  // Alone it goes on with what it got.
  whole->reset();
  CHECK(ask(*head) == expected);
}

TEST_CASE("where nobody gives weights, or they are another model's, a node says so") {
  const fs::path model = reference() / "models" / "tiny-qwen3";
  const temporary_directory cache;
  const auto head = start_head(model, 1);
  const auto none = start_node(*head, "none", "/nowhere/model.gguf", {});
  REQUIRE_FALSE(none);
  CHECK(none.error().message().find("/nowhere/model.gguf") != std::string::npos);
  const auto other =
      start_node(*head, "other", reference() / "models" / "tiny-llama", cache.path());
  REQUIRE_FALSE(other);
  CHECK(other.error().message().find("another model than the cluster serves") != std::string::npos);
  auto bare = start_node(*head, "bare", "/nowhere/model", cache.path());
  REQUIRE_MESSAGE(bare, (bare ? "" : bare.error().message()));
  const auto serving = head->await_serving(deadline);
  CHECK_MESSAGE(serving, (serving ? "" : serving.error().message()));
}

}  // namespace
}  // namespace troupe::test
