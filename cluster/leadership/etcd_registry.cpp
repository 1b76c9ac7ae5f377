#include "cluster/leadership/etcd_registry.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "cluster/leadership/base64.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::string_view term_key = "term";
constexpr std::string_view leader_key = "leader";

/// etcd writes 64-bit numbers as strings, and leaves out zeros.
std::int64_t number(const json::value* v) {
  std::int64_t out = 0;
  if (v == nullptr) return out;
  if (const auto* i = v->if_int64()) return *i;
  if (const auto* s = v->if_string()) std::from_chars(s->data(), s->data() + s->size(), out);
  return out;
}

const json::value* at(const json::value& v, std::string_view pointer) {
  boost::system::error_code none;
  return v.find_pointer({pointer.data(), pointer.size()}, none);
}

std::string text_of(const json::value& record, std::string_view name) {
  const json::value* v = at(record, fmt::format("/{}", name));
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

/// The value of the answer's `index`-th range; none where the key is not there.
std::optional<std::string> value_of(const json::value& answer, std::size_t index) {
  const json::value* v = at(answer, fmt::format("/responses/{}/response_range/kvs/0/value", index));
  if (v == nullptr || !v->is_string()) return std::nullopt;
  return decode_base64({v->get_string().data(), v->get_string().size()});
}

json::value range(const std::string& encoded_key) {
  return {{"request_range", {{"key", encoded_key}}}};
}

}  // namespace

std::string etcd_registry::key(std::string_view name) const {
  return encode_base64(fmt::format("{}/{}", settings_.prefix, name));
}

result<json::value> etcd_registry::call(std::string_view path, const json::value& body) {
  result<std::string> answer = fail(errc::invalid_argument, "no etcd endpoint is named");
  for (std::size_t tries = 0; tries < settings_.endpoints.size(); ++tries) {
    answer = send_(settings_.endpoints[next_], path, json::serialize(body));
    if (answer) break;
    next_ = (next_ + 1) % settings_.endpoints.size();
  }
  if (!answer) return fail(errc::unavailable, "etcd gives no answer: {}", answer.error().message());
  boost::system::error_code wrong;
  json::value parsed = json::parse(*answer, wrong);
  if (wrong) return fail(errc::corrupt, "etcd's answer is no JSON: {:.80}", *answer);
  return parsed;
}

result<std::int64_t> etcd_registry::grant() {
  const auto answer =
      call("/v3/lease/grant", {{"TTL", std::to_string(settings_.lifetime.count())}});
  if (!answer) return fail(answer.error());
  const std::int64_t lease = number(at(*answer, "/ID"));
  if (lease == 0) return fail(errc::corrupt, "etcd has granted a lease without an id");
  return lease;
}

void etcd_registry::revoke(std::int64_t lease) {
  (void)call("/v3/lease/revoke", {{"ID", std::to_string(lease)}});
}

result<std::int64_t> etcd_registry::commit(std::int64_t revision, json::array changes) {
  json::object unchanged{{"key", key(term_key)},
                         {"target", "MOD"},
                         {"result", "EQUAL"},
                         {"mod_revision", std::to_string(revision)}};
  json::object body;
  body["compare"] = json::array{std::move(unchanged)};
  body["success"] = std::move(changes);
  const auto answer = call("/v3/kv/txn", body);
  if (!answer) return fail(answer.error());
  const json::value* done = at(*answer, "/succeeded");
  if (done == nullptr || !done->is_bool() || !done->get_bool())
    return fail(errc::stale_epoch, "another supervisor leads now");
  return number(at(*answer, "/header/revision"));
}

json::value etcd_registry::put_leader(const leader_record& record, std::int64_t lease) const {
  const json::value text{{"name", record.name}, {"address", record.address}};
  return {{"request_put",
           {{"key", key(leader_key)},
            {"value", encode_base64(json::serialize(text))},
            {"lease", std::to_string(lease)}}}};
}

result<registry_view> etcd_registry::look() {
  json::object both;
  both["success"] = json::array{range(key(term_key)), range(key(leader_key))};
  const auto answer = call("/v3/kv/txn", both);
  if (!answer) return fail(answer.error());
  registry_view view;
  if (const auto term = value_of(*answer, 0)) {
    const auto read = std::from_chars(term->data(), term->data() + term->size(), view.last.term);
    if (read.ec != std::errc())
      return fail(errc::corrupt, "{}/{} in etcd is no number: '{:.40}'", settings_.prefix, term_key,
                  *term);
    view.revision = number(at(*answer, "/responses/0/response_range/kvs/0/mod_revision"));
  }
  const auto leader = value_of(*answer, 1);
  view.held = leader.has_value();
  if (!leader) return view;
  boost::system::error_code wrong;
  const json::value record = json::parse(*leader, wrong);
  if (wrong) return fail(errc::corrupt, "{}/{} in etcd is no JSON", settings_.prefix, leader_key);
  view.last.name = text_of(record, "name");
  view.last.address = text_of(record, "address");
  return view;
}

result<leadership_claim> etcd_registry::claim(const registry_view& seen, const std::string& name) {
  const auto lease = grant();
  if (!lease) return fail(lease.error());
  leadership_claim claim{{seen.last.term + 1, name, {}}, 0, *lease};
  const json::value put_term{
      {"request_put",
       {{"key", key(term_key)}, {"value", encode_base64(std::to_string(claim.record.term))}}}};
  const auto done = commit(seen.revision, {put_term, put_leader(claim.record, *lease)});
  if (!done) {
    revoke(*lease);
    return fail(done.error());
  }
  claim.revision = *done;
  return claim;
}

result<void> etcd_registry::announce(leadership_claim& claim, const std::string& address) {
  claim.record.address = address;
  if (const auto done = commit(claim.revision, {put_leader(claim.record, claim.lease)}); !done)
    return fail(done.error());
  return {};
}

result<void> etcd_registry::renew(leadership_claim& claim) {
  if (const auto ours = commit(claim.revision, {}); !ours) return fail(ours.error());
  const auto answer = call("/v3/lease/keepalive", {{"ID", std::to_string(claim.lease)}});
  if (!answer) return fail(answer.error());
  if (number(at(*answer, "/result/TTL")) > 0) return {};
  // It ran out while etcd was away, or this process was: nobody has taken the next term.
  const auto lease = grant();
  if (!lease) return fail(lease.error());
  claim.lease = *lease;
  if (const auto done = commit(claim.revision, {put_leader(claim.record, *lease)}); !done)
    return fail(done.error());
  return {};
}

result<void> etcd_registry::resign(const leadership_claim& claim) {
  const json::value gone{{"request_delete_range", {{"key", key(leader_key)}}}};
  const auto done = commit(claim.revision, {gone});
  revoke(claim.lease);
  if (!done) return fail(done.error());
  return {};
}

}  // namespace troupe
