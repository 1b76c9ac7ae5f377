#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "runtime/model/model_files.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/touch_weights.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> checkpoints = {"tiny-llama", "tiny-qwen3", "tiny-qwen3-moe",
                                              "tiny-qwen3-moe-fp8", "tiny-qwen3-yarn"};

/// A copy of a reference checkpoint that may be damaged.
class copied {
 public:
  explicit copied(const std::string& name) {
    fs::copy(test::reference() / "models" / name, path());
    for (const auto& entry : fs::directory_iterator(path()))
      fs::permissions(entry, fs::perms::owner_write, fs::perm_options::add);
  }
  [[nodiscard]] fs::path path() const { return folder_.path() / "model"; }
  [[nodiscard]] std::string refusal() const {
    const auto model = model_files::open(path());
    return model ? "" : model.error().message().substr(path().string().size() + 2);
  }
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(path())) out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  test::temporary_directory folder_;
};

/// Bytes at a file's start that describe it: all of a JSON file, a safetensors file's header.
std::size_t described(const std::string& bytes, const fs::path& path) {
  if (path.extension() != ".safetensors") return bytes.size();
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return sizeof(header) + header;
}

TEST_CASE("a folder without one of its files is refused by that file's name") {
  for (const char* name : {"config.json", "tokenizer.json", "model-00007-of-00012.safetensors"}) {
    const copied model("tiny-qwen3-moe");
    fs::remove(model.path() / name);
    CHECK(model.refusal() == std::string(name) + " is missing");
  }
  const copied model("tiny-llama");
  fs::remove(model.path() / "model.safetensors");
  CHECK(model.refusal() == "neither model.safetensors nor model.safetensors.index.json is there");
}

TEST_CASE("a folder needs no generation, tokenizer or template file") {
  const copied model("tiny-llama");
  for (const char* name :
       {"generation_config.json", "tokenizer_config.json", "chat_template.jinja"})
    fs::remove(model.path() / name);
  CHECK(model.refusal().empty());
}

TEST_CASE("a configuration that the weights contradict is refused by the tensor's name") {
  const copied model("tiny-llama");
  std::string config = test::read_file(model.path() / "config.json");
  const auto replace = [&](std::string_view from, std::string_view to) {
    std::string changed = config;
    changed.replace(changed.find(from), from.size(), to);
    test::write_file(model.path() / "config.json", changed);
    return model.refusal();
  };
  CHECK(replace("\"hidden_size\": 64", "\"hidden_size\": 96") ==
        "tensor 'model.embed_tokens.weight' has the shape [709, 64], must be [709, 96]");
  CHECK(replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5") ==
        "tensor 'model.layers.4.self_attn.q_proj.weight' is missing");
  CHECK(replace("LlamaForCausalLM", "Qwen3ForCausalLM") ==
        "tensor 'model.layers.0.self_attn.q_norm.weight' is missing");
  CHECK(replace("\"attention_bias\": false", "\"attention_bias\": true") ==
        "tensor 'model.layers.0.self_attn.q_proj.bias' is missing");
  CHECK(replace("\"vocab_size\": 709", "\"vocab_size\": 703") ==
        "the tokenizer has 709 tokens, the embedding 703 rows");
}

TEST_CASE("a checkpoint with any file cut short is refused") {
  for (const std::string& name : checkpoints) {
    const copied model(name);
    REQUIRE(model.refusal().empty());
    for (const fs::path& path : model.files()) {
      if (path.extension() == ".jinja") continue;  // any text is a template
      const std::string bytes = test::read_file(path);
      const std::size_t end = described(bytes, path);
      const std::size_t step = end / 60 + 1;
      for (std::size_t length = 0; length < end; length += step) {
        if (bytes.find_first_not_of(" \r\n}", length) == std::string::npos) continue;
        test::write_file(path, std::string_view(bytes).substr(0, length));
        CHECK_MESSAGE(!model.refusal().empty(), path.filename().string() << " cut at " << length);
      }
      test::write_file(path, bytes);
    }
  }
}

TEST_CASE("a checkpoint with flipped bytes is refused or sound") {
  std::mt19937 random(17);
  std::size_t refused = 0;
  for (const std::string& name : checkpoints) {
    const copied model(name);
    for (const fs::path& path : model.files()) {
      const std::string bytes = test::read_file(path);
      const std::size_t end = described(bytes, path);
      for (int round = 0; round < 25; ++round) {
        std::string damaged = bytes;
        for (int i = 0; i < 1 + round % 3; ++i)
          damaged[random() % end] ^= static_cast<char>(1U << (random() % 8));
        test::write_file(path, damaged);
        const auto opened = model_files::open(model.path());
        if (opened) {
          test::touch_weights(**opened);
        } else {
          ++refused;
        }
      }
      test::write_file(path, bytes);
    }
  }
  CHECK(refused > 100);
}

}  // namespace
}  // namespace troupe
