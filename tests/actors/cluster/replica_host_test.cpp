#include "actors/cluster/replica_host.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "runtime/transport/inproc/inproc_hub.hpp"
#include "runtime/wire/frames.hpp"
#include "tests/runtime/cache/kv_primary.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

const kv_layout layout{2, 2, 8, 16, kernels::kv_type::f16};
constexpr std::uint32_t pages = 24;
constexpr peer_id all = 1;
constexpr epoch_number epoch = 5;

/// A primary's log and a buddy who follows it, on a clock of the test's own. All are one process,
/// whose port hands on at once what goes to itself.
struct scene {
  cpu_device dev{{.threads = 1, .pin = false}};
  inproc_hub hub;
  std::shared_ptr<data_port> port = std::make_shared<data_port>(hub.open(all).value());
  test::kv_primary stage{dev, layout, pages, {}, 1};
  std::shared_ptr<kv_store> store = std::make_shared<kv_store>(dev, layout, pages);
  int asked = 0;
  int told = 0;
  replica_host::time_point now = replica_host::time_point() + 1h;
  replica_host replica{port, store, 0};

  scene() {
    port->route(frames::kv_gap, [this](incoming_frame&&) { ++asked; });
    port->route(frames::kv_durable, [this](incoming_frame&&) { ++told; });
    replica.follow(all, all, epoch, now);
  }
  ~scene() { port->close(); }

  void deliver(const test::kv_frame& frame) {
    if (frame.snapshot)
      return replica.take(all, decode_kv_snapshot(frame.header).value(), frame.payload, now);
    replica.take(all, decode_kv_record(frame.header).value(), frame.payload, now);
  }
  void deliver_step() {
    for (const test::kv_frame& frame : stage.step()) deliver(frame);
  }
  void deliver_pieces() {
    while (stage.log().copying()) deliver(test::sent(*stage.log().next_piece(epoch)));
  }
  /// Steps come every 10 ms for as long; the replica is looked at as often.
  void busy(std::chrono::milliseconds span) {
    for (const auto end = now + span; now < end; now += 10ms) {
      deliver_step();
      replica.remind(now);
    }
  }
  [[nodiscard]] bool whole() { return replica.end().applied.has_value(); }
};

}  // namespace

TEST_CASE("a replica whose log's beginning is lost asks for a new one, however many steps come") {
  scene s;
  s.stage.begin_log();
  while (s.stage.log().copying()) (void)s.stage.log().next_piece(epoch);  // lost
  s.busy(140ms);
  CHECK(s.asked == 0);
  s.busy(20ms);
  CHECK(s.asked == 1);
  CHECK(s.told == 0);
  s.stage.begin_log();
  s.deliver_pieces();
  s.busy(1s);
  CHECK(s.asked == 1);
  CHECK(s.told > 1);
  CHECK(s.whole());
}

TEST_CASE("a whole replica that misses one frame asks for a new log, however many steps come") {
  scene s;
  s.stage.begin_log();
  s.deliver_pieces();
  s.busy(1s);
  CHECK(s.asked == 0);
  (void)s.stage.step();  // lost
  s.busy(160ms);
  CHECK(s.asked == 1);
}

TEST_CASE("a primary that does not answer is asked less and less often") {
  scene s;
  s.busy(60s);
  // 0.15 s, 0.3 s, 0.6 s, ... and then every 4.8 s.
  CHECK(s.asked >= 14);
  CHECK(s.asked <= 18);
  s.stage.begin_log();
  s.deliver_pieces();
  s.busy(1s);
  const int before = s.asked;
  (void)s.stage.step();
  s.busy(160ms);
  CHECK(s.asked == before + 1);
}

TEST_CASE("frames of an ended log neither hide a gap nor count as a sign of life") {
  scene s;
  s.stage.begin_log();
  const test::kv_frame old = test::sent(*s.stage.log().next_piece(epoch));
  s.deliver(old);
  s.busy(100ms);
  (void)s.stage.step();  // lost
  s.deliver_step();
  for (int i = 0; i < 16; ++i, s.now += 10ms) s.deliver(old);
  s.replica.remind(s.now);
  CHECK(s.asked == 1);
}

}  // namespace troupe
