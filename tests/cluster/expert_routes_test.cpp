#include "cluster/expert_routes.hpp"

#include <doctest/doctest.h>

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using standing = expert_routes::standing;

constexpr peer_id a = 101;
constexpr peer_id b = 102;
constexpr peer_id c = 103;

expert_routes::time_point at(std::chrono::milliseconds t) {
  return expert_routes::time_point() + t;
}

/// One shard on a, b and c.
expert_routes three() {
  expert_routes r;
  r.begin_epoch(1, {{{a, b, c}}});
  return r;
}

expert_task task(step_id step) { return {step, 0, 0}; }

peer_id node_of(const route_changes& changes) {
  REQUIRE(changes.sends.size() == 1);
  CHECK(changes.failed.empty());
  return changes.sends[0].node;
}

}  // namespace

TEST_CASE("the replica with the fewest rows outstanding is asked, the preferred one of equals") {
  expert_routes r = three();
  CHECK(r.dispatch(task(1), 10, at(0ms))->node == a);
  CHECK(r.dispatch(task(2), 4, at(0ms))->node == b);
  CHECK(r.dispatch(task(3), 1, at(0ms))->node == c);
  CHECK(r.dispatch(task(4), 1, at(0ms))->node == c);
  CHECK(r.dispatch(task(5), 1, at(0ms))->node == c);
  CHECK(r.outstanding_rows(c) == 3);
  r.on_answer(task(1), 0, at(1ms));
  CHECK(r.outstanding_rows(a) == 0);
  CHECK(r.dispatch(task(6), 1, at(1ms))->node == a);
  CHECK(r.outstanding() == 5);
}

TEST_CASE("equally busy replicas take turns where the load is to be spread") {
  expert_routes r;
  r.begin_epoch(1, {{{a, b, c}, true}, {{a, b, c}, false}});
  std::vector<peer_id> spread;
  std::vector<peer_id> preferred;
  for (step_id s = 0; s < 6; ++s) {
    spread.push_back(r.dispatch({s, 0, 0}, 1, at(0ms))->node);
    r.on_answer({s, 0, 0}, 0, at(1ms));
  }
  for (step_id s = 0; s < 3; ++s) {
    preferred.push_back(r.dispatch({s, 0, 1}, 1, at(0ms))->node);
    r.on_answer({s, 0, 1}, 0, at(1ms));
  }
  CHECK(spread == std::vector{a, b, c, a, b, c});
  CHECK(preferred == std::vector{a, a, a});
}

TEST_CASE("what cannot be dispatched is refused with its reason") {
  expert_routes::limits few;
  few.outstanding = 2;
  expert_routes r(few);
  CHECK(r.dispatch(task(1), 1, at(0ms)).error().code() == errc::not_found);
  r.begin_epoch(1, {{{a}}, {{}}});
  CHECK(r.dispatch({1, 0, 1}, 1, at(0ms)).error().code() == errc::unavailable);
  CHECK(r.dispatch(task(1), 1, at(0ms)).has_value());
  CHECK(r.dispatch(task(1), 1, at(0ms)).error().code() == errc::already_exists);
  CHECK(r.dispatch(task(2), 1, at(0ms)).has_value());
  CHECK(r.dispatch(task(3), 1, at(0ms)).error().code() == errc::exhausted);
  r.on_answer(task(1), 0, at(1ms));
  CHECK(r.dispatch(task(3), 1, at(1ms)).has_value());
}

TEST_CASE("a task of a lost node goes to another at once; with none left it is given up") {
  expert_routes r = three();
  REQUIRE(r.dispatch(task(1), 5, at(0ms))->node == a);
  const route_changes first = r.on_node(a, standing::gone, at(2ms));
  CHECK(first.sends == std::vector<expert_send>{{task(1), 1, b}});
  CHECK(r.outstanding_rows(a) == 0);
  CHECK(r.dispatch(task(2), 1, at(2ms))->node == c);
  CHECK(node_of(r.on_node(b, standing::gone, at(3ms))) == c);
  const route_changes last = r.on_node(c, standing::gone, at(4ms));
  CHECK(last.sends.empty());
  CHECK(last.failed == std::vector{task(1), task(2)});
  CHECK(r.outstanding() == 0);
  CHECK(r.counts().failed == 2);
  CHECK(r.dispatch(task(3), 1, at(5ms)).error().code() == errc::unavailable);
  // A node that is back is a node.
  (void)r.on_node(b, standing::up, at(6ms));
  CHECK(r.dispatch(task(3), 1, at(6ms))->node == b);
}

TEST_CASE("suspicion is enough to ask another, but not where all are suspect") {
  expert_routes r = three();
  REQUIRE(r.dispatch(task(1), 5, at(0ms))->node == a);
  CHECK(node_of(r.on_node(a, standing::suspect, at(1ms))) == b);
  CHECK(r.dispatch(task(2), 1, at(1ms))->node == c);
  CHECK(node_of(r.on_node(b, standing::suspect, at(2ms))) == c);
  const route_changes none = r.on_node(c, standing::suspect, at(3ms));
  CHECK((none.sends.empty() && none.failed.empty()));
  CHECK(r.dispatch(task(3), 1, at(3ms)).has_value());
  // The suspect's answer is as good as any.
  CHECK(r.expects(1, task(1), 0, a));
  r.on_answer(task(1), 0, at(4ms));
  CHECK_FALSE(r.expects(1, task(1), 1, b));
  CHECK(r.counts().late == 1);
}

TEST_CASE("a silent node is passed over when its deadline is over, until it speaks again") {
  expert_routes r = three();
  REQUIRE(r.dispatch(task(1), 1, at(0ms))->node == a);
  CHECK(r.next_deadline() == at(1000ms));  // nothing is known yet: the ceiling
  CHECK(r.tick(at(999ms)).sends.empty());
  CHECK(node_of(r.tick(at(1000ms))) == b);
  CHECK(r.dispatch(task(2), 1, at(1001ms))->node == c);
  r.on_answer(task(1), 1, at(1002ms));
  r.on_answer(task(2), 0, at(1002ms));
  CHECK(r.dispatch(task(3), 1, at(1002ms))->node == b);
  r.on_answer(task(3), 0, at(1003ms));
  // Its late answer changes nothing, but shows that it lives.
  CHECK_FALSE(r.expects(1, task(1), 0, a));
  CHECK(r.dispatch(task(4), 1, at(1004ms))->node == a);
  // From now on a deadline is a multiple of what answers took: the floor here.
  CHECK(r.next_deadline() == at(1054ms));
  CHECK(node_of(r.tick(at(1054ms))) == b);
  CHECK(r.next_deadline() == at(1154ms));
  CHECK(node_of(r.tick(at(1154ms))) == c);
  r.on_answer(task(4), 2, at(1155ms));
  CHECK(r.dispatch(task(5), 1, at(3200ms))->node == a);  // distrust has an end
}

TEST_CASE("a node that refuses is asked again after a pause, and another at once") {
  expert_routes r = three();
  REQUIRE(r.dispatch(task(1), 1, at(0ms))->node == a);
  CHECK(node_of(r.on_refusal(task(1), 0, at(1ms))) == b);
  CHECK(node_of(r.on_refusal(task(1), 1, at(2ms))) == c);
  const route_changes wait = r.on_refusal(task(1), 2, at(3ms));
  CHECK((wait.sends.empty() && wait.failed.empty()));
  CHECK(r.outstanding_rows(c) == 0);
  CHECK(r.on_refusal(task(1), 0, at(4ms)).sends.empty());  // known already
  CHECK(r.next_deadline() == at(23ms));
  CHECK(node_of(r.tick(at(23ms))) == a);
  CHECK(r.expects(1, task(1), 3, a));
  r.on_answer(task(1), 3, at(24ms));
  CHECK(r.outstanding() == 0);
  CHECK(r.on_refusal(task(1), 3, at(25ms)).sends.empty());
}

TEST_CASE("a task is given up after its last attempt") {
  expert_routes r;
  r.begin_epoch(1, {{{a}}});
  REQUIRE(r.dispatch(task(1), 1, at(0ms)).has_value());
  std::uint32_t sends = 1;
  for (int round = 0; round < 100 && r.outstanding() > 0; ++round) {
    const route_changes changes = r.tick(*r.next_deadline());
    for (const expert_send& s : changes.sends) CHECK(s.attempt == sends++);
    CHECK(changes.failed.empty() == (r.outstanding() > 0));
  }
  CHECK(sends == expert_routes::limits().attempts);
  CHECK(r.outstanding() == 0);
}

TEST_CASE("answers of strangers, other attempts and other epochs are not expected") {
  expert_routes r = three();
  REQUIRE(r.dispatch(task(1), 1, at(0ms))->node == a);
  CHECK_FALSE(r.expects(1, task(1), 0, b));
  CHECK_FALSE(r.expects(1, task(1), 0, 999));
  CHECK_FALSE(r.expects(1, task(1), 1, a));
  CHECK(r.counts().strange == 3);
  CHECK_FALSE(r.expects(2, task(1), 0, a));
  CHECK(r.counts().stale == 1);
  CHECK(r.expects(1, task(1), 0, a));
  r.begin_epoch(2, {{{b, a}}});
  CHECK(r.outstanding() == 0);
  CHECK(r.outstanding_rows(a) == 0);
  CHECK_FALSE(r.expects(1, task(1), 0, a));
  CHECK(r.dispatch(task(1), 1, at(1ms))->node == b);
}

TEST_CASE("a new epoch keeps what is known of its nodes") {
  expert_routes r = three();
  (void)r.on_node(a, standing::suspect, at(0ms));
  (void)r.on_node(b, standing::gone, at(0ms));
  r.begin_epoch(2, {{{a, b, c}}});
  CHECK(r.dispatch(task(1), 1, at(1ms))->node == c);
}

TEST_CASE("a step that failed is forgotten, others are not") {
  expert_routes r;
  r.begin_epoch(1, {{{a}}, {{a}}});
  for (const step_id step : {1U, 2U, 3U})
    for (const std::uint32_t shard : {0U, 1U})
      REQUIRE(r.dispatch({step, 5, shard}, 3, at(0ms)).has_value());
  r.forget(2);
  CHECK(r.outstanding() == 4);
  CHECK(r.outstanding_rows(a) == 12);
  CHECK_FALSE(r.expects(1, {2, 5, 0}, 0, a));
  CHECK(r.expects(1, {3, 5, 1}, 0, a));
}

}  // namespace troupe::test
