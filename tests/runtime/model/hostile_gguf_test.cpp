#include <doctest/doctest.h>

#include <random>
#include <string>

#include "runtime/model/model_files.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/touch_weights.hpp"

namespace troupe {
namespace {

TEST_CASE("what is no model is refused with the path and the reason") {
  const test::temporary_directory folder;
  const auto message = [](const std::filesystem::path& path) {
    return model_files::open(path).error().message();
  };
  const auto path = folder.path() / "m.gguf";
  CHECK(message(path) == path.string() + ": no such file or folder");
  CHECK(model_files::open(path).error().code() == errc::not_found);
  test::write_file(path, "");
  CHECK(message(path) == path.string() + ": the file is empty");
  test::write_file(path, "<html>");
  CHECK(message(path) == path.string() + ": not a GGUF file");
  test::write_file(path, "GGUF");
  CHECK(message(path) == path.string() + ": the file ends inside its header");
  const auto weights = folder.path() / "model.safetensors";
  test::write_file(weights, "x");
  CHECK(message(weights).find("give the folder that holds it") != std::string::npos);
  CHECK(model_files::open("/dev/null").error().code() == errc::invalid_argument);
}

TEST_CASE("a GGUF model cut anywhere is refused") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "m.gguf";
  const std::string bytes = test::tiny_qwen3moe_gguf().build();
  std::size_t accepted = 0;
  for (std::size_t length = 0; length < bytes.size(); length += 41) {
    test::write_file(path, std::string_view(bytes).substr(0, length));
    accepted += model_files::open(path) ? 1 : 0;
  }
  CHECK(accepted == 0);
}

TEST_CASE("a GGUF model with flipped bytes is refused or sound") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "m.gguf";
  const std::string bytes = test::tiny_qwen3moe_gguf().build();
  std::mt19937 random(3);
  std::size_t refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 1 + round % 3; ++i)
      damaged[random() % 5000] ^= static_cast<char>(1U << (random() % 8));
    test::write_file(path, damaged);
    const auto model = model_files::open(path);
    if (model) {
      test::touch_weights(**model);
    } else {
      ++refused;
    }
  }
  CHECK(refused > 100);
}

}  // namespace
}  // namespace troupe
