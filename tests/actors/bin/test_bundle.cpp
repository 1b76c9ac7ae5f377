#include "actors/bin/bundle.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace troupe::cli {

TEST_CASE("what is secret does not get into a bundle") {
  const std::string key = "tr-" + std::string(64, 'a');
  CHECK(without_secrets("key " + key + " used\n") == "key tr-[removed] used\n");
  CHECK(without_secrets("Authorization: Bearer abc.d-e\nnext") ==
        "Authorization: Bearer [removed]\nnext");
  CHECK(without_secrets("a\n-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nb") ==
        "a\n[removed]-----END PRIVATE KEY-----\nb");
  CHECK(without_secrets("-----BEGIN RSA PRIVATE KEY-----\nMII") == "[removed]");
  CHECK(without_secrets("TROUPE_API_KEY=abc\npassword = \"x\"\n") ==
        "TROUPE_API_KEY= [removed]\npassword = [removed]\n");
}

TEST_CASE("a secret is found wherever a line names it, and in addresses") {
  for (const char* text :
       {"Environment=UCX_TLS=tcp TROUPE_API_KEY=hidden", "Environment=\"DB_PASSWORD=hidden\"",
        "{\"level\":\"info\",\"token\": \"hidden\"}", "Passphrase: hidden", "api-key: 'hidden'",
        "OTEL_EXPORTER_OTLP_HEADERS=x-team=hidden", "secret=hidden, 2", "token = 12hidden",
        "endpoints = \"https://root:hidden@10.0.0.1:2379\"",
        "http://one:hidden@a/x?y http://two:hidden@b"}) {
    CAPTURE(text);
    const std::string kept = without_secrets(text);
    CHECK(kept.find("hidden") == std::string::npos);
    CHECK(kept.find("[removed]") != std::string::npos);
  }
  CHECK(without_secrets("endpoints = \"https://me:x@h:1,https://h:2\"") ==
        "endpoints = \"https://[removed]@h:1,https://h:2\"");
}

TEST_CASE("what is no secret stays") {
  for (const char* text :
       {"tokens: 512, keys: 3\n", "{\"tokens\":12}", "12:30:01 the model = x\n", "=\n", ":",
        "troupe_tokens_total{a=\"b\"} 5", "url = \"http://10.0.0.1:8090\"\n",
        "context_tokens = 4096\n", "key = \"/etc/troupe/tls/key.pem\"\n", "", "\n\n", "a = ",
        "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n", "attr-x tr-short\n"})
    CHECK(without_secrets(text) == text);
}

TEST_CASE("a bundle is an archive that tar reads") {
  const auto folder = std::filesystem::temp_directory_path() / "troupe-bundle-test";
  std::filesystem::create_directories(folder);
  const auto file = folder / "b.tar";
  std::ofstream(file, std::ios::binary)
      << tar_of({{"one", "text"}, {"empty", ""}, {"long", std::string(1'000, 'x')}}, "name",
                std::chrono::system_clock::now());
  const std::string command =
      "tar -C " + folder.string() + " -xf " + file.string() + " 2>/dev/null";
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(std::filesystem::file_size(folder / "name/one") == 4);
  CHECK(std::filesystem::file_size(folder / "name/empty") == 0);
  CHECK(std::filesystem::file_size(folder / "name/long") == 1'000);
  std::filesystem::remove_all(folder);
}

}  // namespace troupe::cli
