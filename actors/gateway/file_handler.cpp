#include "actors/gateway/file_handler.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "actors/gateway/handlers.hpp"
#include "actors/gateway/multipart.hpp"
#include "actors/gateway/pool_answer.hpp"
#include "actors/gateway/query_window.hpp"
#include "actors/gateway/server_core.hpp"
#include "actors/gateway/session_context.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

constexpr std::size_t longest_file_name = 512;
constexpr std::int64_t shortest_life = 3'600;
constexpr std::int64_t longest_life = 2'592'000;
constexpr std::uint64_t most_listed = 10'000;

json::object file_json(const file_row& row) {
  json::object out{{"id", row.id},          {"object", "file"},
                   {"bytes", row.bytes},    {"created_at", row.created},
                   {"filename", row.name},  {"purpose", row.purpose},
                   {"status", "processed"}, {"expires_at", nullptr}};
  if (row.expires) out["expires_at"] = *row.expires;
  return out;
}

answer as_answer(const json::object& body) {
  return {200, "application/json", json::serialize(body), {}};
}
answer failed(const error& e) { return refusal(to_api_error(e)); }

/// What an upload's fields say.
struct upload {
  file_row row;
  std::string_view content;
};

api_result<std::int64_t> life_of(const std::vector<form_part>& form, std::int64_t otherwise) {
  std::int64_t life = otherwise;
  for (const form_part& part : form) {
    if (part.name == "expires_after[anchor]" && part.content != "created_at")
      return refuse("expires_after[anchor]", "must be 'created_at'");
    if (part.name != "expires_after[seconds]") continue;
    const char* const end = part.content.data() + part.content.size();
    const auto [stop, bad] = std::from_chars(part.content.data(), end, life);
    if (bad != std::errc() || stop != end || life < shortest_life || life > longest_life)
      return refuse("expires_after[seconds]", "must be from {} to {}", shortest_life, longest_life);
  }
  return life;
}

api_result<upload> read_upload(std::string_view content_type, std::string_view body,
                               const store_config& limits) {
  const auto form = parse_form(content_type, body);
  if (!form) return tl::unexpected(form.error());
  upload out;
  const form_part* file = nullptr;
  for (const form_part& part : *form) {
    if (part.name == "purpose") out.row.purpose = part.content.substr(0, 64);
    if (part.name == "file") file = &part;
  }
  if (out.row.purpose.empty()) return refuse("purpose", "is required");
  if (out.row.purpose != "batch")
    return refuse("purpose", "must be 'batch', got '{}'", out.row.purpose);
  if (file == nullptr || !file->file_name) return refuse("file", "is required: a file");
  if (file->content.empty()) return refuse("file", "must not be empty");
  if (file->file_name->size() > longest_file_name)
    return refuse("file", "has a name of more than {} bytes", longest_file_name);
  const auto life = life_of(*form, static_cast<std::int64_t>(limits.lifetime_seconds));
  if (!life) return tl::unexpected(life.error());
  out.row.id = random_name("file");
  std::replace(out.row.id.begin(), out.row.id.end(), '_', '-');
  out.row.created = unix_time();
  out.row.expires = out.row.created + *life;
  out.row.name = *file->file_name;
  out.row.bytes = file->content.size();
  out.content = file->content;
  return out;
}

/// A piece at a time, so that others get at the store in between.
result<void> write(object_file& store, const upload& what) {
  auto done = store.with([&](sqlite::database& in) { return begin_file(in, what.row); });
  std::uint64_t part = 0;
  for (std::size_t from = 0; done && from < what.content.size(); from += file_part_bytes)
    done = store.with([&](sqlite::database& in) {
      return append_part(in, what.row.id, part++, what.content.substr(from, file_part_bytes));
    });
  if (done) done = store.with([&](sqlite::database& in) { return publish_file(in, what.row); });
  if (!done)
    (void)store.with([&](sqlite::database& in) { return erase_file(in, what.row.id, -1); });
  return done;
}

answer take_upload(object_file& store, const store_config& limits, std::int64_t owner,
                   std::string_view content_type, std::string_view body) {
  auto what = read_upload(content_type, body, limits);
  if (!what) return refusal(what.error());
  what->row.owner = owner;
  const auto held = store.with([&](sqlite::database& in) { return bytes_of_owner(in, owner); });
  if (!held) return failed(held.error());
  if (*held + what->row.bytes > limits.file_bytes) {
    api_error e = refuse("file", "does not fit: {} of {} bytes are in use; delete files", *held,
                         limits.file_bytes)
                      .value();
    e.code = "storage_limit_exceeded";
    return refusal(e);
  }
  if (const auto done = write(store, *what); !done) return failed(done.error());
  return as_answer(file_json(what->row));
}

answer list(object_file& store, std::int64_t owner, const std::string& purpose,
            const list_window& window) {
  auto rows = store.with(
      [&](sqlite::database& in) { return list_files(in, owner, unix_time(), purpose, window); });
  if (!rows) return failed(rows.error());
  const bool more = rows->size() > window.limit;
  if (more) rows->resize(window.limit);
  json::array data;
  for (const file_row& row : *rows) data.push_back(file_json(row));
  json::object out{{"object", "list"}, {"has_more", more}};
  out["first_id"] = rows->empty() ? json::value(nullptr) : json::value(rows->front().id);
  out["last_id"] = rows->empty() ? json::value(nullptr) : json::value(rows->back().id);
  out["data"] = std::move(data);
  return as_answer(out);
}

answer describe(object_file& store, std::int64_t owner, const std::string& id) {
  const auto row =
      store.with([&](sqlite::database& in) { return find_file(in, id, owner, unix_time()); });
  if (!row) return failed(row.error());
  if (!*row) return refusal(no_such("file", id));
  return as_answer(file_json(**row));
}

answer erase(object_file& store, std::int64_t owner, const std::string& id) {
  const auto done = store.with([&](sqlite::database& in) { return erase_file(in, id, owner); });
  if (!done) return failed(done.error());
  if (!*done) return refusal(no_such("file", id));
  return as_answer(json::object{{"id", id}, {"object", "file"}, {"deleted", true}});
}

/// A file on its way to a client, a piece at a time. Io thread, but for the reading.
class download : public std::enable_shared_from_this<download> {
 public:
  download(server_core& core, const std::shared_ptr<connection>& client, file_row row)
      : store_(core.store()),
        core_(core.weak_from_this()),
        io_(core.io()),
        client_(client),
        row_(std::move(row)) {}

  void begin() {
    const auto client = client_.lock();
    if (!client) return;
    client->begin_body("application/octet-stream", row_.bytes, {},
                       [self = shared_from_this()] { self->more(); });
  }

 private:
  void more() {
    const auto client = client_.lock();
    const auto core = core_.lock();
    if (!client || !core || reading_) return;
    if (sent_ >= row_.bytes) return client->end_stream();
    reading_ = true;
    if (!core->pool().post([self = shared_from_this()] { self->read(); })) client->abort();
  }

  void read() {
    auto piece = store_->with(
        [&](sqlite::database& in) { return read_file(in, row_.id, sent_, file_part_bytes); });
    if (const auto io = io_.lock())
      boost::asio::post(*io, [self = shared_from_this(), piece = std::move(piece)] {
        self->reading_ = false;
        const auto client = self->client_.lock();
        if (!client) return;
        // Deleted meanwhile: the client sees that it has not all of it.
        if (!piece || piece->empty()) return client->abort();
        self->sent_ += piece->size();
        client->send_piece(*piece);
      });
  }

  const std::shared_ptr<object_file> store_;
  const std::weak_ptr<server_core> core_;
  const std::weak_ptr<boost::asio::io_context> io_;
  const std::weak_ptr<connection> client_;
  const file_row row_;
  std::uint64_t sent_ = 0;
  bool reading_ = false;
};

void send_content(server_core& core, const std::shared_ptr<connection>& client, std::int64_t owner,
                  const std::string& id) {
  const auto look = [store = core.store(), owner, id, io = core.io(), home = core.weak_from_this(),
                     weak = std::weak_ptr(client)] {
    auto row =
        store->with([&](sqlite::database& in) { return find_file(in, id, owner, unix_time()); });
    const auto context = io.lock();
    if (!context) return;
    boost::asio::post(*context, [row = std::move(row), id, home, weak] {
      const auto still = weak.lock();
      const auto alive = home.lock();
      if (!still || !alive) return;
      if (!row) return still->respond(failed(row.error()));
      if (!*row) return still->respond(refusal(no_such("file", id)));
      std::make_shared<download>(*alive, still, **row)->begin();
    });
  };
  if (!core.pool().post(look)) client->respond(refusal(too_busy()));
}

}  // namespace

void answer_files(server_core& core, const std::shared_ptr<connection>& client,
                  const std::shared_ptr<live_key>& key) {
  const http_request& request = client->request();
  const auto& store = core.store();
  if (!store) return client->respond(refusal(no_store()));
  const std::int64_t owner = key ? key->id() : 0;
  const routed found = find_route(request.method, request.path);
  const std::string id(found.argument);
  if (found.target == route::file_content) return send_content(core, client, owner, id);
  if (found.target == route::file) {
    const auto answer = request.method == "DELETE" ? &erase : &describe;
    return answer_from_pool(core, client, [store, owner, id, answer](std::string_view) {
      return answer(*store, owner, id);
    });
  }
  if (request.method == "POST")
    return answer_from_pool(
        core, client,
        [store, owner, limits = core.config().store, type = request.content_type](
            std::string_view body) { return take_upload(*store, limits, owner, type, body); });
  const auto window = read_window(request, most_listed, most_listed);
  if (!window) return client->respond(refusal(window.error()));
  const std::string purpose = query_parameter(request.uri, "purpose").value_or("");
  answer_from_pool(core, client, [store, owner, purpose, window = *window](std::string_view) {
    return list(*store, owner, purpose, window);
  });
}

}  // namespace troupe::gateway
