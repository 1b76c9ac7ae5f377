#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

#include "runtime/api/completion_session.hpp"
#include "runtime/billing/price_book.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {
namespace json = boost::json;
using test::events_for;

/// Keeps records when the test says so.
class slow_recorder final : public usage_recorder {
 public:
  [[nodiscard]] result<void> record(usage_record what, kept then) override {
    if (full) return fail(errc::exhausted, "65536 records wait for the ledger already");
    records.push_back(std::move(what));
    waiting.push_back(std::move(then));
    return {};
  }
  void answer(const result<void>& how = {}) {
    for (kept& then : std::exchange(waiting, {})) then(how);
  }

  std::vector<usage_record> records;
  std::vector<kept> waiting;
  bool full = false;
};

std::shared_ptr<const price_table> prices() {
  const auto book = price_book::read(
      "[prices]\ncurrency = \"USD\"\n[[tier]]\ninput = \"0.861\"\noutput = \"3.441\"\n", "f");
  return std::make_shared<const price_table>(book.value().table_for("tiny").value());
}

struct exchange {
  test::scripted_service service;
  slow_recorder ledger;
  std::shared_ptr<test::recording_sink> sink = std::make_shared<test::recording_sink>();
  std::shared_ptr<completion_session> session;
  api_context context = test::make_context(service);

  exchange() {
    context.account.prices = prices();
    context.account.ledger = &ledger;
    context.account.key = "alice";
  }
  void chat(std::string_view rest = {}) {
    session = completion_session::begin(context, {api_protocol::chat, test::chat_body(rest)}, sink);
    REQUIRE(session != nullptr);
  }
  [[nodiscard]] std::size_t prompt_tokens() const {
    return service.requests.at(1).request.prompt.size();
  }
  void tell(std::string_view text, finish_reason finish = finish_reason::length) {
    for (const token_event& event : events_for(text, finish))
      if (!service.cancelled.contains(1))
        service.requests.at(1).listener->on_tokens(std::span(&event, 1));
  }
  void done(std::uint32_t cached = 0) {
    generation_summary summary;
    summary.cached_tokens = cached;
    service.requests.at(1).listener->on_done(summary);
  }
};

/// Of nanodollars for a million tokens.
std::string cost_text(std::uint64_t nanos_times_tokens) {
  return amount(uint128{nanos_times_tokens} * 100).text();
}

}  // namespace

TEST_CASE("the end of a stream waits until the ledger has the answer") {
  exchange x;
  x.chat(R"("stream":true,"stream_options":{"include_usage":true})");
  x.tell("Hello there");
  x.done();
  CHECK(x.sink->body.find("\"content\":\"He") != std::string::npos);
  CHECK(x.sink->body.find("\"length\"") == std::string::npos);
  CHECK(x.sink->body.find("[DONE]") == std::string::npos);
  CHECK_FALSE(x.sink->ended);
  REQUIRE(x.ledger.records.size() == 1);
  x.ledger.answer();
  REQUIRE(x.sink->ended);

  const std::vector<json::value> events = x.sink->events();
  const json::object& usage = events.back().at("usage").as_object();
  CHECK(events[events.size() - 2].at("choices").at(0).at("finish_reason") == "length");
  const usage_record& kept = x.ledger.records.front();
  CHECK(json::value(kept.id) == events.back().at("id"));
  CHECK(kept.key == "alice");
  CHECK(kept.model == "tiny");
  CHECK(kept.created == 1'700'000'000);
  CHECK_FALSE(kept.cut);
  CHECK(kept.tokens.input == x.prompt_tokens());
  CHECK(json::value(kept.tokens.output) == usage.at("completion_tokens"));
  REQUIRE(kept.cost.has_value());
  CHECK(kept.cost->total.text() ==
        cost_text(861'000'000 * kept.tokens.input + 3'441'000'000 * kept.tokens.output));
  CHECK(usage.at("cost_details").at("total") == json::string(kept.cost->total.text()));
  CHECK(usage.at("cost_details").at("currency") == "USD");
  CHECK(usage.at("cost").as_double() == std::stod(kept.cost->total.text()));
}

TEST_CASE("a whole answer waits until the ledger has it") {
  exchange x;
  x.chat();
  x.tell("Hello there", finish_reason::stop);
  x.done(3);
  CHECK(x.sink->status == 0);
  x.ledger.answer();
  REQUIRE(x.sink->ended);
  const json::value whole = json::parse(x.sink->body);
  const usage_record& kept = x.ledger.records.at(0);
  CHECK(kept.tokens.implicit_hits == 3);
  CHECK(whole.at("usage").at("prompt_tokens_details").at("cached_tokens") == 3);
  CHECK(whole.at("usage").at("cost_details").at("total") == json::string(kept.cost->total.text()));
  CHECK(whole.at("usage").at("cost_details").at("cache") ==
        json::string(amount(uint128{861'000'000} * 3 * 20).text()));
}

TEST_CASE("an answer that cannot be kept ends with an error") {
  for (const bool full : {false, true}) {
    exchange whole;
    whole.ledger.full = full;
    whole.chat();
    whole.tell("Hello");
    whole.done();
    whole.ledger.answer(fail(errc::io_error, "disk full"));
    REQUIRE(whole.sink->failure.has_value());
    CHECK(whole.sink->failure->status == 503);
    CHECK(whole.sink->failure->message.find("disk") == std::string::npos);

    exchange streamed;
    streamed.ledger.full = full;
    streamed.chat(R"("stream":true)");
    streamed.tell("Hello");
    streamed.done();
    streamed.ledger.answer(fail(errc::io_error, "disk full"));
    CHECK(streamed.sink->ended);
    CHECK(streamed.sink->body.find("\"error\"") != std::string::npos);
    CHECK(streamed.sink->body.find("[DONE]") == std::string::npos);
    CHECK(streamed.sink->body.find("\"finish_reason\":\"length\"") == std::string::npos);
  }
}

TEST_CASE("what was drawn for a client that left is counted, once") {
  exchange early;
  early.chat(R"("stream":true)");
  early.session->cancel();
  CHECK(early.ledger.records.empty());

  exchange amid;
  amid.chat(R"("stream":true)");
  amid.tell("Hello there", finish_reason::none);
  amid.session->cancel();
  amid.session->cancel();
  REQUIRE(amid.ledger.records.size() == 1);
  CHECK(amid.ledger.records[0].cut);
  CHECK(amid.ledger.records[0].tokens.output == events_for("Hello there", {}).size());
  CHECK(amid.ledger.records[0].cost.has_value());
  amid.ledger.answer();
  CHECK_FALSE(amid.sink->ended);

  exchange deaf;
  deaf.chat(R"("stream":true)");
  deaf.sink->broken = true;
  deaf.tell("Hello there", finish_reason::none);
  REQUIRE(deaf.ledger.records.size() == 1);
  CHECK(deaf.ledger.records[0].cut);

  exchange late;
  late.chat(R"("stream":true)");
  late.tell("Hello there");
  late.done();
  late.session->cancel();
  late.ledger.answer();
  REQUIRE(late.ledger.records.size() == 1);
  CHECK_FALSE(late.ledger.records[0].cut);
  CHECK_FALSE(late.sink->ended);
}

TEST_CASE("an observer hears what an answer was charged, once it is") {
  class cost_observer final : public session_observer {
   public:
    void on_tokens(std::size_t) override {}
    void on_choice(finish_reason) override {}
    void on_summary(const generation_summary&) override {}
    void on_cost(const request_cost& cost) override { costs.push_back(cost); }
    std::vector<request_cost> costs;
  };
  enum class way { kept, refused, left, left_at_the_end, without_ledger, failed };
  for (const way how : {way::kept, way::refused, way::left, way::left_at_the_end,
                        way::without_ledger, way::failed}) {
    CAPTURE(static_cast<int>(how));
    exchange x;
    if (how == way::without_ledger) x.context.account.ledger = nullptr;
    const auto observer = std::make_shared<cost_observer>();
    x.session = completion_session::begin(
        x.context, {api_protocol::chat, test::chat_body(R"("stream":true)")}, x.sink, observer);
    const bool amid = how == way::left || how == way::failed;
    x.tell("Hello there", amid ? finish_reason::none : finish_reason::length);
    if (how == way::failed)
      x.service.requests.at(1).listener->on_error(error(errc::unavailable, "lost"));
    if (!amid) x.done();
    if (how != way::without_ledger) CHECK(observer->costs.empty());
    if (how == way::left || how == way::left_at_the_end) x.session->cancel();
    x.ledger.answer(how == way::refused ? fail(errc::io_error, "disk full") : result<void>());
    const bool charged = how != way::refused && how != way::failed;
    REQUIRE(observer->costs.size() == (charged ? 1 : 0));
    if (charged && how != way::without_ledger)
      CHECK(observer->costs.front() == x.ledger.records.at(0).cost);
  }
}

TEST_CASE("whoever lets a request in is told what it costs at most") {
  exchange x;
  amount most;
  x.context.admit = [&](const generation_cost& cost) {
    most = cost.money;
    return std::optional<api_error>();
  };
  x.chat(R"("max_tokens":7,"n":2)");
  CHECK(most.text() == cost_text(861'000'000 * x.prompt_tokens() + 14 * 3'441'000'000ULL));
}

TEST_CASE("an answer that the engine could not finish is not counted") {
  exchange x;
  x.chat(R"("stream":true)");
  x.tell("Hello there", finish_reason::none);
  x.service.requests.at(1).listener->on_error(error(errc::unavailable, "lost"));
  CHECK(x.sink->ended);
  CHECK(x.ledger.records.empty());
}

TEST_CASE("what the cache held counts where a stop string ends the answer, too") {
  exchange x;
  x.chat(R"("stop":"END")");
  x.service.requests.at(1).listener->on_prompt_cached(4);
  x.tell("Some words END and more", finish_reason::none);
  CHECK(x.service.cancelled.contains(1));
  REQUIRE(x.ledger.records.size() == 1);
  CHECK(x.ledger.records[0].tokens.implicit_hits == 4);
}

TEST_CASE("what the engine says behind an answer's end does not undo it") {
  exchange x;
  x.chat(R"("stream":true,"stop":"END")");
  x.tell("Some words END and more", finish_reason::none);
  x.service.requests.at(1).listener->on_error(error(errc::cancelled, "as was asked"));
  CHECK_FALSE(x.sink->ended);
  x.ledger.answer();
  REQUIRE(x.sink->ended);
  CHECK(x.sink->body.find("\"error\"") == std::string::npos);
  CHECK(x.sink->body.find("[DONE]") != std::string::npos);
}

TEST_CASE("DashScope's last event waits too, and has the cost") {
  exchange x;
  x.session = completion_session::begin(
      x.context,
      {api_protocol::dashscope,
       R"({"model":"tiny","input":{"messages":[{"role":"user","content":"Hello"}]},
          "parameters":{"incremental_output":true,"result_format":"message"}})",
       true},
      x.sink);
  REQUIRE(x.session != nullptr);
  x.tell("Hello there");
  x.done(2);
  CHECK(x.sink->body.find("\"length\"") == std::string::npos);
  CHECK(x.sink->body.find("\"cost\"") == std::string::npos);
  x.ledger.answer();
  REQUIRE(x.sink->ended);
  const std::string last = x.sink->body.substr(x.sink->body.rfind("data:") + 5);
  const json::value event = json::parse(last);
  CHECK(event.at("output").at("choices").at(0).at("finish_reason") == "length");
  CHECK(event.at("usage").at("prompt_tokens_details").at("cached_tokens") == 2);
  CHECK(event.at("usage").at("cost_details").at("total") ==
        json::string(x.ledger.records.at(0).cost->total.text()));
}

TEST_CASE("without prices usage is kept and says nothing of cost") {
  exchange x;
  x.context.account.prices = nullptr;
  x.chat();
  x.tell("Hello");
  x.done();
  x.ledger.answer();
  REQUIRE(x.sink->ended);
  CHECK_FALSE(json::parse(x.sink->body).at("usage").as_object().contains("cost"));
  CHECK_FALSE(x.ledger.records.at(0).cost.has_value());
}

TEST_CASE("with prices and no ledger an answer has its cost at once") {
  exchange x;
  x.context.account.ledger = nullptr;
  x.chat();
  x.tell("Hello");
  x.done();
  REQUIRE(x.sink->ended);
  CHECK(json::parse(x.sink->body).at("usage").at("cost").is_double());
}

}  // namespace troupe
