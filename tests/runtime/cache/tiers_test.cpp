#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "runtime/cache/disk_tier.hpp"
#include "runtime/cache/host_tier.hpp"
#include "runtime/cache/kv_manager.hpp"
#include "runtime/cache/tiered_pages.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/runtime/cache/kv_memory.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t page = 512;

std::vector<token_id> counting(std::size_t n, token_id from = 0) {
  std::vector<token_id> tokens(n);
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

block_key key_of(token_id first) { return key_after(key_of_space(0), counting(4, first)); }

std::vector<std::byte> filled(std::size_t bytes, int value) {
  return std::vector<std::byte>(bytes, static_cast<std::byte>(value));
}

disk_tier open_disk(const fs::path& folder, std::uint64_t most = 1 << 20,
                    const std::string& identity = "a model") {
  auto opened = disk_tier::open({folder, identity, page, most});
  REQUIRE_MESSAGE(opened.has_value(), opened.error().message());
  return std::move(*opened);
}

TEST_CASE("a block's key depends on its space and on every token up to its end") {
  const auto tokens = counting(8);
  const auto first = key_after(key_of_space(1), std::span(tokens).first(4));
  CHECK(first == key_after(key_of_space(1), std::span(tokens).first(4)));
  CHECK_FALSE(first == key_after(key_of_space(2), std::span(tokens).first(4)));
  const auto second = key_after(first, std::span(tokens).last(4));
  CHECK_FALSE(second == key_after(key_of_space(1), std::span(tokens).last(4)));
  CHECK(second.text().size() == 32);
}

TEST_CASE("the host's tier keeps what was used last, within its bound") {
  host_tier tier(3 * page);
  for (token_id i = 0; i < 3; ++i)
    tier.put(key_of(i), std::make_shared<const std::vector<std::byte>>(filled(page, i)));
  REQUIRE(tier.get(key_of(0)));
  tier.put(key_of(3), std::make_shared<const std::vector<std::byte>>(filled(page, 3)));
  CHECK(tier.bytes() == 3 * page);
  CHECK_FALSE(tier.has(key_of(1)));
  CHECK(*tier.get(key_of(0)) == filled(page, 0));
  CHECK(*tier.get(key_of(3)) == filled(page, 3));
}

TEST_CASE("the disk's tier gives back what it was given, after a restart too") {
  const test::temporary_directory folder;
  {
    disk_tier tier = open_disk(folder.path());
    REQUIRE(tier.put(key_of(1), filled(page, 11)));
    REQUIRE(tier.put(key_of(2), filled(page, 22)));
    CHECK_FALSE(tier.put(key_of(3), filled(page - 1, 3)).has_value());
  }
  std::ofstream(folder.path() / "somebody's own") << "text";
  disk_tier tier = open_disk(folder.path());
  CHECK(tier.pages() == 2);
  std::vector<std::byte> to(page);
  REQUIRE(tier.get(key_of(2), to));
  CHECK(to == filled(page, 22));
  CHECK_FALSE(tier.get(key_of(3), to));
  CHECK(fs::exists(folder.path() / "somebody's own"));
  CHECK(open_disk(folder.path(), 1 << 20, "another model").pages() == 0);
}

TEST_CASE("a torn, damaged or foreign file is removed and never trusted") {
  const test::temporary_directory folder;
  disk_tier tier = open_disk(folder.path());
  for (token_id i = 0; i < 5; ++i) REQUIRE(tier.put(key_of(i), filled(page, i)));
  std::vector<std::byte> to(page);
  const auto damage = [&](token_id i, auto&& how) {
    how(tier.file_of(key_of(i)));
    CHECK_FALSE(tier.get(key_of(i), to));
    CHECK_FALSE(tier.has(key_of(i)));
    CHECK_FALSE(fs::exists(tier.file_of(key_of(i))));
  };
  damage(0, [](const fs::path& p) { fs::resize_file(p, page); });
  damage(1, [](const fs::path& p) {
    std::fstream file(p, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(200);
    file.put('x');
  });
  damage(2, [&](const fs::path& p) {
    fs::copy_file(tier.file_of(key_of(3)), p, fs::copy_options::overwrite_existing);
  });
  damage(3, [&](const fs::path& p) {
    const test::temporary_directory elsewhere;
    disk_tier other = open_disk(elsewhere.path(), 1 << 20, "another model");
    REQUIRE(other.put(key_of(3), filled(page, 3)));
    fs::copy_file(other.file_of(key_of(3)), p, fs::copy_options::overwrite_existing);
  });
  CHECK(tier.rejected() == 4);
  CHECK(tier.get(key_of(4), to));
  // What a killed process did not finish goes with the next start.
  const fs::path partial = tier.file_of(key_of(4)).string() + ".1.tmp";
  std::ofstream(partial) << "half";
  CHECK(open_disk(folder.path()).pages() == 1);
  CHECK_FALSE(fs::exists(partial));
}

TEST_CASE("the least recently used files give way, and a full disk is no disaster") {
  const test::temporary_directory folder;
  const std::uint64_t file = page + 72 + 32;
  disk_tier tier = open_disk(folder.path(), 3 * file);
  std::vector<std::byte> to(page);
  for (token_id i = 0; i < 3; ++i) REQUIRE(tier.put(key_of(i), filled(page, i)));
  REQUIRE(tier.get(key_of(0), to));
  REQUIRE(tier.put(key_of(3), filled(page, 3)));
  CHECK(tier.pages() == 3);
  CHECK(tier.has(key_of(0)));
  CHECK_FALSE(fs::exists(tier.file_of(key_of(1))));
  fs::remove_all(folder.path());
  std::ofstream(folder.path()) << "no folder";
  CHECK_FALSE(tier.put(key_of(9), filled(page, 9)).has_value());
  CHECK_FALSE(tier.has(key_of(9)));
  fs::remove(folder.path());
}

/// A manager over real pages and tiers.
struct tiered {
  static constexpr std::uint32_t size = 16;

  tiered(std::uint32_t pages, std::size_t host_pages, const fs::path& folder)
      : store(std::make_shared<const kv_store>(dev, layout, pages)),
        counters(std::make_shared<tier_counters>()) {
    auto made = make_tiered_pages(
        store, {host_pages * layout.page_bytes(), folder, 1 << 24, "a model"}, counters);
    REQUIRE(made.has_value());
    tiers = std::move(*made);
    manager.emplace(kv_manager::settings{.page_size = size, .pages = pages}, tiers);
  }
  /// Computes the rest of a prompt as if its pages' contents were a function of its tokens; the
  /// positions that were found.
  std::uint32_t run(sequence_id id, const std::vector<token_id>& prompt, cache_space space = 0) {
    std::uint32_t found = manager->open(id, prompt, length(prompt), space).value();
    if (manager->fetch(id, prompt, length(prompt))) found = await(id);
    REQUIRE(manager->extend(id, length(prompt)));
    const auto table = manager->table(id).value();
    for (std::size_t p = 0; p < table->size(); ++p) {
      std::vector<std::byte> bytes(store->layout().page_bytes());
      read_kv_page(*store, (*table)[p], bytes.data());
      const auto expected = filled(bytes.size(), prompt[p * size] % 251);
      if (p * size < found)
        CHECK(std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0);
      else
        write_kv_page(*store, (*table)[p], expected.data());
    }
    REQUIRE(manager->commit(id, found, std::span(prompt).subspan(found)));
    manager->flush(std::chrono::seconds(20));
    CHECK_FALSE(manager->tiers_busy());
    manager->release(id);
    return found;
  }
  std::uint32_t await(sequence_id id) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!manager->arrived(id) && std::chrono::steady_clock::now() < deadline)
      manager->attend_tiers();
    return manager->arrived(id).value_or(0);
  }
  static std::uint32_t length(const std::vector<token_id>& tokens) {
    return static_cast<std::uint32_t>(tokens.size());
  }

  cpu_device dev{{.threads = 1, .pin = false}};
  kv_layout layout{2, 2, 8, size, kernels::kv_type::f16};
  std::shared_ptr<const kv_store> store;
  std::shared_ptr<tier_counters> counters;
  std::shared_ptr<page_tiers> tiers;
  std::optional<kv_manager> manager;
};

TEST_CASE("what the device evicts comes back bit for bit from the host's memory") {
  tiered t(8, 64, {});
  const auto a = counting(8 * tiered::size, 1000);
  const auto b = counting(8 * tiered::size, 5000);
  CHECK(t.run(1, a) == 0);
  CHECK(t.run(2, b) == 0);  // all of a's pages
  CHECK(t.run(3, a) == a.size());
  CHECK(t.counters->host_pages == 8);
  // A part on the device, the rest from the tier.
  auto longer = a;
  longer.resize(5 * tiered::size);
  CHECK(t.run(4, b) == b.size());
  CHECK(t.run(5, longer) == longer.size());
  CHECK(t.manager->counts().fetched > 0);
}

TEST_CASE("what is on the disk outlives the process, and is found in its own space only") {
  const test::temporary_directory folder;
  const auto a = counting(6 * tiered::size, 300);
  {
    tiered t(16, 0, folder.path());
    CHECK(t.run(1, a, 7) == 0);
  }
  tiered t(16, 0, folder.path());
  CHECK(t.run(1, a, 8) == 0);
  CHECK(t.run(2, a, 7) == a.size());
  CHECK(t.counters->disk_pages == 6);
}

TEST_CASE("a fetch that finds a damaged file brings what comes before it") {
  const test::temporary_directory folder;
  const auto a = counting(6 * tiered::size, 300);
  { CHECK(tiered(16, 0, folder.path()).run(1, a) == 0); }
  block_key key = key_of_space(0);
  for (std::size_t i = 0; i < 4; ++i)
    key = key_after(key, std::span(a).subspan(i * tiered::size, tiered::size));
  for (const auto& each : fs::recursive_directory_iterator(folder.path()))
    if (each.path().filename() == key.text()) fs::resize_file(each.path(), 100);
  tiered t(16, 0, folder.path());
  CHECK(t.run(1, a) == 3 * tiered::size);
  CHECK(t.counters->rejected_files == 1);
  CHECK(t.run(2, a) == a.size());
}

TEST_CASE("the pages that came from a tier are told once") {
  const test::temporary_directory folder;
  const auto a = counting(6 * tiered::size, 300);
  { CHECK(tiered(16, 0, folder.path()).run(1, a) == 0); }
  tiered t(16, 0, folder.path());
  CHECK(t.manager->take_filled().empty());
  REQUIRE(t.manager->open(1, a, 96).value() == 0);
  REQUIRE(t.manager->fetch(1, a, 96));
  CHECK(t.await(1) == a.size());
  CHECK(t.manager->take_filled() == *t.manager->table(1).value());
  CHECK(t.manager->take_filled().empty());
  t.manager->release(1);
  CHECK(t.run(2, a) == a.size());  // on the device
  CHECK(t.manager->take_filled().empty());
}

TEST_CASE("closed tiers touch no page, and let nobody wait") {
  const test::temporary_directory folder;
  const auto a = counting(6 * tiered::size, 300);
  { CHECK(tiered(16, 0, folder.path()).run(1, a) == 0); }
  for (int round = 0; round < 50; ++round) {
    tiered t(16, 4, folder.path());
    REQUIRE(t.manager->open(1, a, 96).value() == 0);
    REQUIRE(t.manager->fetch(1, a, 96));
    for (int spin = 0; spin < round * 1000; ++spin) (void)t.tiers->has(key_of(0));
    t.tiers->close();
    const auto contents = test::contents(*t.store);
    const std::uint32_t came = t.await(1);
    CHECK(came <= a.size());
    t.manager->release(1);
    REQUIRE(t.manager->open(2, a, 96).value() == came);
    CHECK((came == a.size() || !t.manager->fetch(2, a, 96) || t.await(2) == came));
    REQUIRE(t.manager->extend(2, 96));
    REQUIRE(t.manager->commit(2, came, std::span(a).subspan(came)));
    t.manager->flush(std::chrono::seconds(20));
    CHECK_FALSE(t.manager->tiers_busy());
    CHECK(test::contents(*t.store) == contents);
  }
}

TEST_CASE("a sequence that leaves while its pages are fetched leaves nothing behind") {
  const test::temporary_directory folder;
  const auto a = counting(6 * tiered::size, 300);
  { CHECK(tiered(16, 0, folder.path()).run(1, a) == 0); }
  tiered t(16, 0, folder.path());
  CHECK(t.manager->open(1, a, 96).value() == 0);
  REQUIRE(t.manager->fetch(1, a, 96));
  t.manager->release(1);
  CHECK(t.run(2, a) == a.size());
  CHECK(t.manager->pool().available() == 16);
}

}  // namespace
}  // namespace troupe
