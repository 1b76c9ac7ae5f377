#include "runtime/cache/kv_replica.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "tests/runtime/cache/kv_primary.hpp"

namespace troupe {
namespace {

using test::kv_frame;

const kv_layout small{2, 2, 8, 16, kernels::kv_type::f16};
constexpr std::uint32_t pages = 24;
/// A few rows, one page, one table a frame.
const kv_log::limits tight{small.page_bytes() + 1, 3};

struct buddy {
  kv_store store;
  kv_replica replica;
  buddy(device& d, const kv_layout& layout) : store(d, layout, pages), replica(store, 0) {}
};

void take_all_pieces(test::kv_primary& from, kv_replica& to) {
  while (from.log().copying()) REQUIRE(test::deliver(test::sent(*from.log().next_piece(1)), to));
  CHECK_FALSE(from.log().next_piece(1));
}

void check_equal(const test::kv_primary& primary, const buddy& b) {
  CHECK(test::contents(b.store) == test::contents(primary.store()));
  const std::map<sequence_id, std::vector<std::int32_t>> held(b.replica.tables().begin(),
                                                              b.replica.tables().end());
  CHECK(held == primary.told());
  CHECK(b.replica.complete());
  CHECK(b.replica.applied() == primary.steps());
}

TEST_CASE("a replica equals its primary: shared pages, reuse, rewrites, preemption, releases") {
  cpu_device dev{{.threads = 1, .pin = false}};
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    test::kv_primary primary(dev, small, pages, seed % 2 == 0 ? tight : kv_log::limits(), seed);
    buddy b(dev, small);
    primary.begin_log();
    take_all_pieces(primary, b.replica);
    CHECK(b.replica.complete());
    CHECK_FALSE(b.replica.applied());
    for (int round = 0; round < 150; ++round) {
      for (const kv_frame& frame : primary.step()) REQUIRE(test::deliver(frame, b.replica));
      check_equal(primary, b);
    }
    CHECK(b.replica.duplicates() == 0);
  }
}

TEST_CASE("a buddy that joins late ends equal, however pieces and records mix") {
  cpu_device dev{{.threads = 1, .pin = false}};
  for (std::uint64_t seed = 11; seed <= 16; ++seed) {
    test::kv_primary primary(dev, small, pages, tight, seed);
    for (int round = 0; round < 60; ++round) CHECK(primary.step().empty());
    buddy b(dev, small);
    primary.begin_log();
    int pieces = 0;
    int records = 0;
    while (primary.log().copying()) {
      CHECK_FALSE(b.replica.complete());
      CHECK_FALSE(b.replica.applied());
      if (primary.random()() % 2 == 0) {
        const auto piece = primary.log().next_piece(1 + primary.steps() / 100);
        REQUIRE(piece);
        CHECK(piece->header.pages.size() <= 1);
        REQUIRE(test::deliver(test::sent(*piece), b.replica));
        ++pieces;
      } else {
        for (const kv_frame& frame : primary.step()) REQUIRE(test::deliver(frame, b.replica));
        ++records;
      }
    }
    CHECK(pieces > 10);
    CHECK(records > 2);
    for (int round = 0; round < 20; ++round) {
      for (const kv_frame& frame : primary.step()) REQUIRE(test::deliver(frame, b.replica));
      check_equal(primary, b);
    }
  }
}

TEST_CASE("a step is applied with the last of its frames, each within the limit") {
  cpu_device dev{{.threads = 1, .pin = false}};
  kv_store store(dev, small, pages);
  kv_log log(store, 0, {4 * small.position_bytes(), 100});
  buddy b(dev, small);
  log.begin(1, {});
  REQUIRE(test::deliver(test::sent(*log.next_piece(1)), b.replica));
  const auto table =
      std::make_shared<const std::vector<std::int32_t>>(std::vector<std::int32_t>{5, 9});
  step_plan plan{3, 1, {{7, 0, std::vector<token_id>(10)}, {8, 16, {1}}}, {}, {}};
  const auto records = log.record(plan, std::vector<page_table>{table, table});
  REQUIRE(records.size() == 3);
  for (const logged_record& r : records) {
    CHECK_FALSE(b.replica.applied());
    CHECK(r.payload.size <= 4 * small.position_bytes());
    CHECK(r.header.last == (&r == &records.back()));
    REQUIRE(test::deliver(test::sent(r), b.replica));
  }
  CHECK(b.replica.applied() == 3);
  // Entries of a table travel once.
  CHECK(records[0].header.runs[0].pages.size() == 2);
  CHECK(records[1].header.runs[0].pages.empty());
  plan.id = 4;
  const auto later = log.record(plan, std::vector<page_table>{table, table});
  CHECK(later[0].header.runs[0].pages.empty());
}

TEST_CASE("a step without rows counts as applied too") {
  cpu_device dev{{.threads = 1, .pin = false}};
  test::kv_primary primary(dev, small, pages, {}, 1);
  buddy b(dev, small);
  primary.begin_log();
  take_all_pieces(primary, b.replica);
  const auto records = primary.log().record({5, 1, {}, {}, {}}, {});
  REQUIRE(records.size() == 1);
  REQUIRE(test::deliver(test::sent(records[0]), b.replica));
  CHECK(b.replica.applied() == 5);
}

TEST_CASE("a frame that came before is ignored, and one that is missing shows") {
  cpu_device dev{{.threads = 1, .pin = false}};
  test::kv_primary primary(dev, small, pages, tight, 21);
  buddy b(dev, small);
  primary.begin_log();
  std::vector<kv_frame> all;
  while (primary.log().copying()) all.push_back(test::sent(*primary.log().next_piece(1)));
  for (int round = 0; round < 20; ++round)
    for (kv_frame& frame : primary.step()) all.push_back(std::move(frame));
  for (std::size_t i = 0; i < all.size(); ++i) {
    REQUIRE(test::deliver(all[i], b.replica));
    REQUIRE(test::deliver(all[i / 2], b.replica));
  }
  check_equal(primary, b);
  CHECK(b.replica.duplicates() == all.size());

  std::vector<kv_frame> lost = primary.step();
  lost.erase(lost.begin());
  for (kv_frame& frame : primary.step()) lost.push_back(std::move(frame));
  const auto before = test::contents(b.store);
  const auto applied = b.replica.applied();
  for (const kv_frame& frame : lost) {
    const auto refused = test::deliver(frame, b.replica);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::unavailable);
  }
  CHECK(test::contents(b.store) == before);
  CHECK(b.replica.applied() == applied);

  primary.begin_log();
  take_all_pieces(primary, b.replica);
  for (const kv_frame& frame : primary.step()) REQUIRE(test::deliver(frame, b.replica));
  check_equal(primary, b);
  // Frames of the log before are of no interest any more.
  for (const kv_frame& frame : lost) REQUIRE(test::deliver(frame, b.replica));
  check_equal(primary, b);
}

TEST_CASE("a replica that became the primary passes all it holds on to the next buddy") {
  cpu_device dev{{.threads = 1, .pin = false}};
  test::kv_primary primary(dev, small, pages, {}, 31);
  buddy second(dev, small);
  primary.begin_log();
  take_all_pieces(primary, second.replica);
  for (int round = 0; round < 80; ++round)
    for (const kv_frame& frame : primary.step()) REQUIRE(test::deliver(frame, second.replica));

  kv_log log(second.store, 0, tight, second.replica.written());
  kv_log::open_tables open;
  for (const auto& [id, table] : second.replica.tables())
    open.emplace_back(id, std::make_shared<const std::vector<std::int32_t>>(table));
  log.begin(1, open);
  buddy third(dev, small);
  while (log.copying()) REQUIRE(test::deliver(test::sent(*log.next_piece(9)), third.replica));
  CHECK(test::contents(third.store) == test::contents(primary.store()));
  CHECK(third.replica.tables() == second.replica.tables());
}

/// A buddy with one sequence, 7, in pages 3 and 4, of which 20 positions are written; the frame
/// that comes next has the number 2.
struct ready_buddy : buddy {
  explicit ready_buddy(device& d) : buddy(d, small) {
    REQUIRE(replica.apply(kv_snapshot{2, 0, 0, {1, 0}, true, {}, {}}, {}));
    const std::vector<std::byte> rows(kv_rows_bytes(small, 20), std::byte{1});
    REQUIRE(replica.apply(kv_record{2, 1, 0, {1, 1}, true, {{7, 0, 20, 0, {3, 4}}}, {}}, rows));
  }
};

TEST_CASE("a record that contradicts the store or what is held changes nothing") {
  cpu_device dev{{.threads = 1, .pin = false}};
  ready_buddy b(dev);
  const auto before = test::contents(b.store);
  const auto tables = b.replica.tables();
  const auto refusal = [&](const kv_record& record, std::uint32_t rows) {
    const std::vector<std::byte> payload(kv_rows_bytes(small, rows), std::byte{9});
    const auto done = b.replica.apply(record, payload);
    REQUIRE_FALSE(done);
    CHECK(test::contents(b.store) == before);
    CHECK(b.replica.tables() == tables);
    CHECK(b.replica.applied() == 1);
    return done.error();
  };
  const auto record = [](std::vector<kv_run> runs, std::vector<sequence_id> gone = {}) {
    return kv_record{2, 2, 0, {1, 2}, true, std::move(runs), std::move(gone)};
  };
  CHECK(refusal(record({{7, 20, 1, 2, {24}}}), 1).message() ==
        "KV record of step 2: sequence 7: page 24 of 24");
  CHECK(refusal(record({{7, 20, 1, 2, {-1}}}), 1).message() ==
        "KV record of step 2: sequence 7: page -1 of 24");
  CHECK(refusal(record({{7, 32, 1, 2, {}}}), 1).message() ==
        "KV record of step 2: sequence 7: 1 positions from 32 in 2 pages of 16");
  CHECK(refusal(record({{7, 0xffffffff, 0xffffffff, 2, {}}}), 1).code() == errc::out_of_range);
  CHECK(refusal(record({{7, 20, 0, 2, {}}}), 0).code() == errc::out_of_range);
  CHECK(refusal(record({{7, 48, 1, 3, {5}}}), 1).message() ==
        "KV record of step 2: sequence 7: pages from entry 3 on, 2 entries are known");
  CHECK(refusal(record({{8, 16, 1, 1, {5}}}), 1).message() ==
        "KV record of step 2: sequence 8: pages from entry 1 on, 0 entries are known");
  // Forgotten first: nothing is known of it any more.
  CHECK(refusal(record({{7, 20, 1, 2, {}}}, {7}), 1).code() == errc::corrupt);
  CHECK(refusal(record({{7, 20, 1, 0, std::vector<std::int32_t>(25, 1)}}), 1).message() ==
        "KV record of step 2: sequence 7: 25 pages of 24");
  CHECK(refusal(record({{7, 20, 1, 2, {}}, {7, 21, 1, 2, {}}}), 2).message() ==
        "KV record of step 2: a sequence has two runs");
  CHECK(refusal(record({{7, 20, 1, 2, {}}}), 2).message() ==
        "KV record of step 2: 256 bytes of rows for 1 positions, 128 expected");

  kv_record elsewhere = record({});
  elsewhere.stage = 3;
  CHECK(refusal(elsewhere, 0).code() == errc::invalid_argument);
  kv_record stale = record({});
  stale.epoch = 1;
  stale.place = {2, 0};
  CHECK(refusal(stale, 0).code() == errc::stale_epoch);
  const kv_record good = record({{7, 20, 1, 2, {}}});
  CHECK(b.replica.apply(good, std::vector<std::byte>(kv_rows_bytes(small, 1))));
  CHECK(b.replica.applied() == 2);
}

TEST_CASE("a piece that contradicts the store or what is held changes nothing") {
  cpu_device dev{{.threads = 1, .pin = false}};
  buddy b(dev, small);
  REQUIRE(b.replica.apply(kv_snapshot{2, 0, 0, {4, 0}, false, {}, {{7, {3}}}}, {}));
  const auto refusal = [&](std::vector<std::int32_t> copied, std::vector<kv_table> tables,
                           std::size_t bytes) {
    const kv_snapshot piece{2, 0, 0, {4, 1}, true, std::move(copied), std::move(tables)};
    const auto done = b.replica.apply(piece, std::vector<std::byte>(bytes, std::byte{9}));
    REQUIRE_FALSE(done);
    CHECK_FALSE(b.replica.complete());
    CHECK(b.replica.tables().size() == 1);
    return done.error().message();
  };
  const std::size_t page = small.page_bytes();
  CHECK(refusal({24}, {}, page) == "KV snapshot of log 4: page 24 of 24");
  CHECK(refusal({1}, {}, page - 1) ==
        "KV snapshot of log 4: 2047 bytes for 1 pages, 2048 expected");
  CHECK(refusal({}, {{7, {1}}}, 0) == "KV snapshot of log 4: sequence 7 is known already");
  CHECK(refusal({}, {{8, {1}}, {8, {1}}}, 0) == "KV snapshot of log 4: a sequence has two tables");
  CHECK(refusal({}, {{8, {-1}}}, 0) == "KV snapshot of log 4: sequence 8: page -1 of 24");
  CHECK(refusal({}, {{8, std::vector<std::int32_t>(25)}}, 0) ==
        "KV snapshot of log 4: sequence 8: 25 pages of 24");
  REQUIRE(b.replica.apply(kv_snapshot{2, 0, 0, {4, 1}, true, {}, {}}, {}));
  CHECK(b.replica.complete());
  const auto more = b.replica.apply(kv_snapshot{2, 0, 0, {4, 2}, true, {}, {}}, {});
  REQUIRE_FALSE(more);
  CHECK(more.error().message() == "KV snapshot of log 4: a piece comes after the last");
  const auto tables = b.replica.apply(kv_snapshot{2, 0, 0, {4, 2}, false, {}, {{9, {1}}}}, {});
  REQUIRE_FALSE(tables);
  CHECK(tables.error().message() == "KV snapshot of log 4: a piece comes after the last");
}

TEST_CASE("pages that a tier has filled come to a replica, whose snapshot is whole or not") {
  cpu_device dev{{.threads = 1, .pin = false}};
  test::kv_primary primary(dev, small, pages, tight, 5);
  buddy b(dev, small);
  const auto fill = [&](const std::vector<std::int32_t>& which) {
    for (const std::int32_t page : which) {
      const auto bytes = test::random_bytes(small.page_bytes(), primary.random());
      write_kv_page(primary.store(), page, bytes.data());
    }
    return primary.log().filled(which, 1);
  };
  CHECK(fill({3, 4}).empty());  // nobody listens
  primary.begin_log();
  REQUIRE(test::deliver(test::sent(fill({5}).front()), b.replica));
  CHECK_FALSE(b.replica.complete());
  take_all_pieces(primary, b.replica);
  CHECK(b.replica.complete());
  for (int round = 0; round < 20; ++round) {
    for (const kv_frame& frame : primary.step()) REQUIRE(test::deliver(frame, b.replica));
    const auto pieces = fill({20, 21, 22, 23});
    CHECK(pieces.size() > 1);  // each within the limit
    for (const logged_snapshot& piece : pieces)
      REQUIRE(test::deliver(test::sent(piece), b.replica));
    check_equal(primary, b);
  }
}

TEST_CASE("a replica holds a bounded number of sequences") {
  cpu_device dev{{.threads = 1, .pin = false}};
  kv_store store(dev, small, pages);
  kv_replica replica(store, 0, {2});
  REQUIRE(replica.apply(kv_snapshot{1, 0, 0, {1, 0}, true, {}, {{1, {0}}, {2, {1}}}}, {}));
  const std::vector<std::byte> rows(kv_rows_bytes(small, 1));
  kv_record third{1, 1, 0, {1, 1}, true, {{3, 0, 1, 0, {2}}}, {}};
  const auto refused = replica.apply(third, rows);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::exhausted);
  third.gone = {9, 9};
  CHECK_FALSE(replica.apply(third, rows));
  third.gone = {1, 1};
  CHECK(replica.apply(third, rows));
  CHECK(replica.tables().size() == 2);
}

TEST_CASE("garbage of any kind is refused or ignored, and never leaves the store") {
  cpu_device dev{{.threads = 1, .pin = false}};
  test::generator random(77);
  ready_buddy b(dev);
  std::uint64_t serial = 2;
  for (int round = 0; round < 3000; ++round) {
    kv_record record{2, 2, 0, {1, serial}, random() % 2 == 0, {}, {}};
    std::uint32_t rows = 0;
    for (std::uint32_t n = test::pick(random, 0, 2); n > 0; --n) {
      kv_run run{test::pick(random, 6, 9),
                 test::pick(random, 0, 60),
                 test::pick(random, 0, 5),
                 test::pick(random, 0, 3),
                 {}};
      for (std::uint32_t p = test::pick(random, 0, 3); p > 0; --p)
        run.pages.push_back(static_cast<std::int32_t>(test::pick(random, 0, pages + 1)) - 1);
      rows += run.count;
      record.runs.push_back(std::move(run));
    }
    if (random() % 8 == 0) record.gone.push_back(test::pick(random, 6, 9));
    const auto payload = test::random_bytes(kv_rows_bytes(small, rows), random);
    if (b.replica.apply(record, payload)) ++serial;
  }
  CHECK(serial > 100);
  for (const auto& [id, table] : b.replica.tables()) CHECK(table.size() <= pages);
}

}  // namespace
}  // namespace troupe
