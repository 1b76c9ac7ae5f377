// Where payloads are received: memory that somebody else provides.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "runtime/transport/aligned_bytes.hpp"
#include "tests/runtime/transport/test_peer.hpp"
#include "tests/runtime/transport/ucx/ucx_family.hpp"

namespace troupe::test {
namespace {

constexpr std::uint64_t nonce = 5;

/// Lends memory until it has lent so many pieces, and knows its own again.
struct lender {
  explicit lender(std::size_t most) : left(most) {}

  payload_room lend(std::size_t bytes) {
    if (left == 0) return {};
    --left;
    auto memory = std::make_shared<aligned_bytes>(bytes);
    lent.push_back(memory);
    std::byte* const at = memory->data();
    return {at, std::move(memory)};
  }
  [[nodiscard]] bool owns(std::span<const std::byte> payload) const {
    for (const auto& each : lent)
      if (const auto m = each.lock(); m != nullptr && m->data() == payload.data()) return true;
    return false;
  }

  std::size_t left;
  std::vector<std::weak_ptr<aligned_bytes>> lent;
};

}  // namespace

TEST_CASE("payloads are received in memory that is lent for them, and it is given back") {
  for (const std::string& transports : ucx_transports) {
    INFO(transports);
    const auto from = std::make_shared<lender>(2);
    ucx_settings settings = patient_settings(transports);
    settings.payload_memory = [from](std::size_t bytes) { return from->lend(bytes); };
    test_peer receives(open_ucx_transport(1, settings).value());
    test_peer sends(open_ucx_transport(2, patient_settings(transports)).value());
    receives.start();
    sends.start();
    REQUIRE(receives.get().connect({2, sends.get().address(), nonce}));
    REQUIRE(sends.get().connect({1, receives.get().address(), nonce}));

    // The third finds nothing left, the first is too small to ask for any.
    for (const std::size_t size : {100, 300'000, 5'000'000, 40'000})
      REQUIRE(send_patiently(sends.get(), 1, make_frame(1, "rows", pattern(size, size))));
    REQUIRE(receives.wait_frames(4));
    auto frames = receives.take_frames();
    REQUIRE(frames.size() == 4);
    const std::vector<bool> lent = {false, true, true, false};
    for (std::size_t i = 0; i < frames.size(); ++i) {
      CHECK(std::ranges::equal(frames[i].payload,
                               pattern(frames[i].payload.size(), frames[i].payload.size())));
      CHECK(from->owns(frames[i].payload) == lent[i]);
    }
    frames.clear();
    CHECK(eventually(
        [&] { return std::ranges::all_of(from->lent, &std::weak_ptr<aligned_bytes>::expired); }));
  }
}

TEST_CASE("without a GPU nothing may be sent from its memory") {
  for (const std::string& transports : ucx_transports) {
    const auto net = open_ucx_transport(1, patient_settings(transports));
    REQUIRE(net.has_value());
    CHECK_FALSE((*net)->reads_device_memory());
  }
}

}  // namespace troupe::test
