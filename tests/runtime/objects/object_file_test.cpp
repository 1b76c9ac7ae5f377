#include "runtime/objects/object_file.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/objects/batch_lines.hpp"
#include "runtime/objects/batch_table.hpp"
#include "runtime/objects/file_table.hpp"
#include "runtime/objects/response_table.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

constexpr std::int64_t now = 1'700'000'000;
constexpr std::int64_t ann = 1;
constexpr std::int64_t bob = 2;

struct store {
  test::temporary_directory folder;
  std::unique_ptr<object_file> file = std::move(object_file::open(folder.path() / "s.db").value());
  template <class Use>
  auto with(const Use& use) {
    return file->with(use);
  }
};

response_row response(const std::string& id, std::int64_t created = now) {
  response_row r;
  r.id = id;
  r.owner = ann;
  r.created = created;
  r.expires = created + 100;
  r.seed = UINT64_MAX;
  r.input = R"([{"type":"message","id":"in)" + id + R"("}])";
  r.response = R"({"output":[{"type":"message","id":"out)" + id + R"("}]})";
  return r;
}

TEST_CASE("a store is one server's alone, for as long as that lives") {
  store s;
  const auto other = object_file::open(s.folder.path() / "s.db");
  REQUIRE_FALSE(other);
  CHECK(other.error().code() == errc::already_exists);
  s.file.reset();
  CHECK(object_file::open(s.folder.path() / "s.db"));
}

TEST_CASE("a response is its owner's, until its time is over") {
  store s;
  s.with([](sqlite::database& in) {
    REQUIRE(put_response(in, response("a"), "events", 10));
    CHECK(find_response(in, "a", ann, now).value()->seed == UINT64_MAX);
    CHECK_FALSE(find_response(in, "a", bob, now).value());
    CHECK_FALSE(find_response(in, "a", ann, now + 100).value());
    CHECK(events_of(in, "a").value() == "events");
    CHECK_FALSE(erase_response(in, "a", bob).value());
    CHECK(erase_response(in, "a", ann).value());
    CHECK_FALSE(find_response(in, "a", ann, now).value());
    REQUIRE(put_response(in, response("b"), "", 10));
    REQUIRE(drop_expired_responses(in, now + 100));
    CHECK_FALSE(find_response(in, "b", ann, now).value());
  });
}

TEST_CASE("the oldest responses of an owner go, but none that runs") {
  store s;
  s.with([](sqlite::database& in) {
    response_row runs = response("runs", now - 9);
    runs.running = true;
    REQUIRE(put_response(in, runs, "", 2));
    response_row others = response("bob's", now - 8);
    others.owner = bob;
    REQUIRE(put_response(in, others, "", 2));
    for (const char* id : {"a", "b", "c"}) REQUIRE(put_response(in, response(id), "", 2));
    CHECK_FALSE(find_response(in, "a", ann, now).value());
    CHECK(find_response(in, "b", ann, now).value());
    CHECK(find_response(in, "c", ann, now).value());
    CHECK(find_response(in, "bob's", bob, now).value());
    const auto left = running_responses(in);
    REQUIRE(left.value().size() == 1);
    CHECK(left->front().id == "runs");
  });
}

TEST_CASE("a conversation is all that came before, in order") {
  store s;
  s.with([](sqlite::database& in) {
    REQUIRE(put_response(in, response("a"), "", 10));
    response_row b = response("b");
    b.previous = "a";
    REQUIRE(put_response(in, b, "", 10));
    const auto items = conversation_of(in, "b", ann, now, 4).value();
    std::string order;
    for (const auto& item : items) order += std::string(item.at("id").as_string()) + " ";
    CHECK(order == "ina outa inb outb ");
    CHECK(conversation_of(in, "b", ann, now, 3).error().code() == errc::out_of_range);
    CHECK(conversation_of(in, "b", bob, now, 9).error().code() == errc::not_found);
    response_row damaged = response("d");
    damaged.response = "{";
    REQUIRE(put_response(in, damaged, "", 10));
    CHECK(conversation_of(in, "d", ann, now, 9).error().code() == errc::corrupt);
    response_row runs = response("r");
    runs.running = true;
    REQUIRE(put_response(in, runs, "", 10));
    CHECK(conversation_of(in, "r", ann, now, 9).error().code() == errc::invalid_argument);
  });
}

file_row file(const std::string& id) {
  file_row f;
  f.id = id;
  f.owner = ann;
  f.created = now;
  f.purpose = "batch";
  f.name = "a.jsonl";
  return f;
}

TEST_CASE("a file is read in any pieces, and by nobody before it is complete") {
  store s;
  const std::string first(file_part_bytes, 'a');
  s.with([&](sqlite::database& in) {
    file_row f = file("f");
    REQUIRE(begin_file(in, f));
    REQUIRE(append_part(in, "f", 0, first));
    CHECK_FALSE(find_file(in, "f", ann, now).value());
    CHECK(list_files(in, ann, now, "", {}).value().empty());
    REQUIRE(append_part(in, "f", 1, "bcd"));
    f.bytes = first.size() + 3;
    REQUIRE(publish_file(in, f));
    CHECK(find_file(in, "f", ann, now).value()->bytes == f.bytes);
    CHECK_FALSE(find_file(in, "f", bob, now).value());
    CHECK(bytes_of_owner(in, ann).value() == f.bytes);
    CHECK(read_file(in, "f", 0, 2).value() == "aa");
    CHECK(read_file(in, "f", first.size() - 1, 3).value() == "abc");
    CHECK(read_file(in, "f", first.size() + 2, 100).value() == "d");
    CHECK(read_file(in, "f", first.size() + 3, 100).value().empty());
    CHECK_FALSE(erase_file(in, "f", bob).value());
    CHECK(erase_file(in, "f", ann).value());
    CHECK(read_file(in, "f", 0, 2).value().empty());
  });
}

TEST_CASE("lists go on behind an id") {
  store s;
  s.with([](sqlite::database& in) {
    for (const char* id : {"a", "b", "c"}) {
      REQUIRE(begin_file(in, file(id)));
      REQUIRE(publish_file(in, file(id)));
    }
    const auto ids = [&](const list_window& w) {
      std::string out;
      const auto files = list_files(in, ann, now, "batch", w);
      for (const file_row& f : files.value()) out += f.id;
      return out;
    };
    CHECK(ids({"", 20, false}) == "cba");
    CHECK(ids({"", 20, true}) == "abc");
    CHECK(ids({"c", 1, false}) == "ba");  // one more says that there are more
    CHECK(ids({"nothing", 20, false}).empty());
    CHECK(list_files(in, ann, now, "other", {}).value().empty());
  });
}

batch_row batch(const std::string& id, const std::string& status = "in_progress") {
  batch_row b;
  b.id = id;
  b.owner = ann;
  b.created = now;
  b.expires = now + 9;
  b.status = status;
  b.endpoint = "/v1/completions";
  b.object = "{}";
  return b;
}

TEST_CASE("a line of a batch ends once") {
  store s;
  s.with([](sqlite::database& in) {
    REQUIRE(add_batch(in, batch("b"), 1));
    REQUIRE(add_line(in, "b", {0, "x", 0, 10}));
    REQUIRE(add_line(in, "b", {1, "y", 11, 10}));
    CHECK(add_line(in, "b", {2, "x", 22, 10}).error().code() == errc::already_exists);
    CHECK(waiting_lines(in, "b", 0, 10).value().size() == 2);
    CHECK(end_line(in, "b", {0, line_state::answered, "first", 3, 4}).value());
    CHECK_FALSE(end_line(in, "b", {0, line_state::failed, "second", 3, 4}).value());
    CHECK(waiting_lines(in, "b", 0, 10).value().size() == 1);
    const auto now_is = find_batch(in, "b", ann).value();
    CHECK(now_is->completed == 1);
    CHECK(now_is->failed == 0);
    CHECK(now_is->output_tokens == 4);
    const auto answered = outcomes(in, "b", line_state::answered, 0, 10).value();
    REQUIRE(answered.size() == 1);
    CHECK(answered.front().text == "first");
    REQUIRE(drop_lines(in, "b"));
    CHECK(waiting_lines(in, "b", 0, 10).value().empty());
  });
}

TEST_CASE("an owner's open batches are bounded, and only they are cancelled") {
  store s;
  s.with([](sqlite::database& in) {
    REQUIRE(add_batch(in, batch("a"), 1));
    CHECK(add_batch(in, batch("b"), 1).error().code() == errc::exhausted);
    CHECK_FALSE(begin_cancelling(in, "a", bob, "{}").value());
    CHECK(begin_cancelling(in, "a", ann, R"({"x":1})").value());
    CHECK_FALSE(begin_cancelling(in, "a", ann, "{}").value());
    CHECK(find_batch(in, "a", ann).value()->object == R"({"x":1})");
    CHECK(open_batches(in).value().size() == 1);
    batch_row over = batch("a", "cancelled");
    REQUIRE(update_batch(in, over));
    CHECK(open_batches(in).value().empty());
    REQUIRE(add_batch(in, batch("b"), 1));
    CHECK(list_batches(in, ann, {}).value().size() == 2);
    REQUIRE(drop_old_batches(in, now + 1));
    CHECK_FALSE(find_batch(in, "a", ann).value());
    CHECK(find_batch(in, "b", ann).value());
  });
}

}  // namespace
}  // namespace troupe
