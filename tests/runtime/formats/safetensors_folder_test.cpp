#include "runtime/formats/safetensors_folder.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/gguf_writer.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

std::string one_tensor(std::string_view name) {
  const std::string header =
      R"({")" + std::string(name) + R"(": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})";
  return test::bytes_of<std::uint64_t>(header.size()) + header + "abcd";
}

/// A folder with two shards, a and b, and an index.
class two_shards {
 public:
  two_shards() {
    write("a.safetensors", one_tensor("x"));
    write("b.safetensors", one_tensor("y"));
    index(R"({"x": "a.safetensors", "y": "b.safetensors"})");
  }
  void write(const std::string& name, std::string_view bytes) const {
    test::write_file(folder_.path() / name, bytes);
  }
  void index(const std::string& map) const {
    write("model.safetensors.index.json", R"({"weight_map": )" + map + "}");
  }
  [[nodiscard]] const fs::path& path() const { return folder_.path(); }
  [[nodiscard]] std::string refusal() const {
    const auto opened = open_safetensors(path());
    return opened ? "" : opened.error().message();
  }

 private:
  test::temporary_directory folder_;
};

TEST_CASE("every shard of an index is opened") {
  const two_shards folder;
  const auto opened = open_safetensors(folder.path());
  REQUIRE(opened);
  CHECK(opened->files.size() == 2);
  CHECK(opened->tensors.find("x") != nullptr);
  CHECK(opened->tensors.find("y") != nullptr);
}

TEST_CASE("a single file needs no index") {
  const two_shards folder;
  folder.write("model.safetensors", one_tensor("z"));
  const auto opened = open_safetensors(folder.path());
  REQUIRE(opened);
  CHECK(opened->tensors.find("z") != nullptr);
}

TEST_CASE("an index that leads out of the folder is refused") {
  const two_shards folder;
  for (const char* name : {"../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors", "..",
                           "a.bin", "", "a\\\\b.safetensors", "a\\u0000.safetensors"}) {
    folder.index(R"({"x": ")" + std::string(name) + R"("})");
    CHECK_MESSAGE(folder.refusal().find("is not in a file of this folder") != std::string::npos,
                  name);
  }
  folder.index(R"({"x": 5})");
  CHECK(folder.refusal().find("is not in a file of this folder") != std::string::npos);
}

TEST_CASE("missing and contradicting shards are named") {
  const two_shards folder;
  folder.index(R"({"x": "a.safetensors", "y": "c.safetensors"})");
  CHECK(folder.refusal() == "c.safetensors is missing");
  folder.index(R"({"x": "a.safetensors", "w": "b.safetensors"})");
  CHECK(folder.refusal() ==
        "tensor 'w' is not in b.safetensors, where model.safetensors.index.json says it is");
  folder.index(R"({"x": "a.safetensors", "y": "b.safetensors"})");
  folder.write("b.safetensors", one_tensor("x"));
  CHECK(folder.refusal() == "b.safetensors: tensor 'x' is there twice");
  folder.write("b.safetensors", "");
  CHECK(folder.refusal() == "b.safetensors: too short for a safetensors file");
}

TEST_CASE("a damaged index or an empty folder is refused") {
  const two_shards folder;
  folder.index("{}");
  CHECK(folder.refusal() == "model.safetensors.index.json: no tensors");
  folder.index("[]");
  CHECK(folder.refusal() == "model.safetensors.index.json: no 'weight_map'");
  folder.index("{");
  CHECK(folder.refusal().starts_with("model.safetensors.index.json: "));
  const test::temporary_directory empty;
  CHECK(open_safetensors(empty.path()).error().code() == errc::not_found);
}

}  // namespace
}  // namespace troupe
