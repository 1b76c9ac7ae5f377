#include "cluster/leadership/etcd_registry.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>

#include "cluster/leadership/base64.hpp"

namespace troupe {
namespace {
namespace json = boost::json;

/// Answers as etcd 3.4 gives them, and what was asked for.
struct scripted_etcd {
  std::deque<result<std::string>> answers;
  std::vector<std::pair<std::string, std::string>> asked;  ///< endpoint and path, body

  etcd_registry::post post() {
    return [this](const std::string& endpoint, std::string_view path,
                  std::string body) -> result<std::string> {
      asked.emplace_back(endpoint + std::string(path), std::move(body));
      REQUIRE_FALSE(answers.empty());
      auto next = std::move(answers.front());
      answers.pop_front();
      return next;
    };
  }
};

struct fixture {
  scripted_etcd etcd;
  etcd_registry registry{{{"http://a:2379", "http://b:2379"}, "/t", std::chrono::seconds(2)},
                         etcd.post()};
};

constexpr const char* done = R"({"header":{"revision":"9"},"succeeded":true,"responses":[{}]})";
constexpr const char* not_done = R"({"header":{"revision":"9"},"responses":[{}]})";

TEST_CASE("an empty etcd has no leader") {
  fixture f;
  f.etcd.answers.emplace_back(
      R"({"header":{"revision":"1"},"succeeded":true,"responses":[{"response_range":{"header":{}}},{"response_range":{"header":{}}}]})");
  const auto view = f.registry.look();
  REQUIRE(view);
  CHECK(view->last.term == 0);
  CHECK_FALSE(view->held);
  CHECK(view->revision == 0);
}

TEST_CASE("the last leader is read, held or not") {
  fixture f;
  const std::string term = R"({"response_range":{"kvs":[{"value":")" + encode_base64("7") +
                           R"(","mod_revision":"41"}],"count":"1"}})";
  const std::string leader = R"({"response_range":{"kvs":[{"value":")" +
                             encode_base64(R"({"name":"a","address":"h:1"})") +
                             R"(","lease":"12"}],"count":"1"}})";
  f.etcd.answers.emplace_back(R"({"succeeded":true,"responses":[)" + term + "," + leader + "]}");
  f.etcd.answers.emplace_back(R"({"succeeded":true,"responses":[)" + term +
                              R"(,{"response_range":{}}]})");
  const auto held = f.registry.look();
  REQUIRE(held);
  CHECK(held->last == leader_record{7, "a", "h:1"});
  CHECK(held->held);
  CHECK(held->revision == 41);
  const auto vacant = f.registry.look();
  REQUIRE(vacant);
  CHECK(vacant->last.term == 7);
  CHECK_FALSE(vacant->held);
}

TEST_CASE("a claim compares the term's revision, and gives its lease back where it loses") {
  fixture f;
  f.etcd.answers = {R"({"ID":"123","TTL":"2"})", done, R"({"ID":"124","TTL":"2"})", not_done, "{}"};
  registry_view seen;
  seen.last.term = 7;
  seen.revision = 41;
  const auto claim = f.registry.claim(seen, "me");
  REQUIRE(claim);
  CHECK(claim->record == leader_record{8, "me", ""});
  CHECK(claim->revision == 9);
  CHECK(claim->lease == 123);
  const json::value txn = json::parse(f.etcd.asked[1].second);
  CHECK(txn.at("compare").at(0).at("mod_revision") == "41");
  CHECK(txn.at("success").at(0).at("request_put").at("value") == encode_base64("8").c_str());
  CHECK(txn.at("success").at(1).at("request_put").at("lease") == "123");
  CHECK(f.registry.claim(seen, "me").error().code() == errc::stale_epoch);
  CHECK(f.etcd.asked.back().first == "http://a:2379/v3/lease/revoke");
}

TEST_CASE("a claim whose lease ran out is restored while nobody has the next term") {
  fixture f;
  leadership_claim claim{{8, "me", "h:1"}, 9, 123};
  f.etcd.answers = {done, R"({"result":{"ID":"123","TTL":"2"}})"};
  CHECK(f.registry.renew(claim));
  f.etcd.answers = {done, R"({"result":{"ID":"123"}})", R"({"ID":"125","TTL":"2"})", done};
  CHECK(f.registry.renew(claim));
  CHECK(claim.lease == 125);
  f.etcd.answers = {not_done};
  CHECK(f.registry.renew(claim).error().code() == errc::stale_epoch);
}

TEST_CASE("another endpoint is asked where one gives no answer, and stays the first") {
  fixture f;
  leadership_claim claim{{8, "me", "h:1"}, 9, 123};
  f.etcd.answers.emplace_back(fail(errc::unavailable, "refused"));
  f.etcd.answers.emplace_back(done);
  CHECK(f.registry.announce(claim, "h:2"));
  CHECK(f.etcd.asked.back().first == "http://b:2379/v3/kv/txn");
  f.etcd.answers.emplace_back(fail(errc::unavailable, "refused"));
  f.etcd.answers.emplace_back(fail(errc::unavailable, "refused"));
  const auto told = f.registry.announce(claim, "h:3");
  CHECK(told.error().code() == errc::unavailable);
  CHECK(f.etcd.asked[2].first == "http://b:2379/v3/kv/txn");
}

TEST_CASE("what is no answer of etcd's is refused") {
  for (const char* text : {"", "<html>", "{\"responses\":3}"}) {
    fixture f;
    f.etcd.answers = {text, text};
    const auto view = f.registry.look();
    if (view) CHECK_FALSE(view->held);
    fixture g;
    g.etcd.answers = {text};
    CHECK_FALSE(g.registry.claim({}, "me"));
  }
}

}  // namespace
}  // namespace troupe
