// The reading half of cluster_json.hpp.
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "actors/gateway/cluster_json.hpp"

namespace troupe::gateway {

namespace json = boost::json;

namespace {

constexpr std::size_t most_depth = 16;

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

/// Reads fields one after another; the first that is missing or of another kind is remembered, and
/// whatever is read from then on counts for nothing.
class field_reader {
 public:
  explicit field_reader(std::optional<error>& failed) : failed_(failed) {}

  std::string text(const json::object& from, std::string_view name, bool may_be_null = false) {
    const json::value* found = find(from, name);
    if (found != nullptr && found->is_string())
      return printable({found->get_string().data(), found->get_string().size()});
    if (found == nullptr || !may_be_null || !found->is_null()) refuse(name, "text");
    return {};
  }

  bool flag(const json::object& from, std::string_view name) {
    const json::value* found = find(from, name);
    if (found != nullptr && found->is_bool()) return found->get_bool();
    refuse(name, "true or false");
    return false;
  }

  template <class T>
  T count(const json::object& from, std::string_view name) {
    const json::value* found = find(from, name);
    std::optional<std::uint64_t> number;
    if (found != nullptr && found->is_uint64()) number = found->get_uint64();
    if (found != nullptr && found->is_int64() && found->get_int64() >= 0)
      number = static_cast<std::uint64_t>(found->get_int64());
    if (number && *number <= std::numeric_limits<T>::max()) return static_cast<T>(*number);
    refuse(name, "a count");
    return 0;
  }

  /// At most a few thousand years, to the millisecond.
  double seconds(const json::object& from, std::string_view name) {
    return decimal(from, name, "a number of seconds");
  }

  /// At most 1e11, to the thousandth: Boost.JSON 1.81 reads decimals inexactly and what is out of a
  /// double's range as infinite, and neither may be passed on.
  double decimal(const json::object& from, std::string_view name,
                 std::string_view wanted = "a number") {
    constexpr double most = 1e11;
    constexpr double parts = 1e3;
    const json::value* found = find(from, name);
    boost::system::error_code failed;
    const double number = found == nullptr ? 0 : found->to_number<double>(failed);
    if (found != nullptr && !failed && number >= 0 && number <= most)
      return std::abs(std::round(number * parts)) / parts;  // a zero has no sign
    refuse(name, wanted);
    return 0;
  }

  peer_id peer(const json::object& from, std::string_view name) {
    const std::string digits = text(from, name);
    peer_id number = 0;
    const auto [end, code] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (code != std::errc() || end != digits.data() + digits.size())
      refuse(name, "hexadecimal digits");
    return number;
  }

  /// Calls `each` with every object of a list.
  template <class Each>
  void objects(const json::object& from, std::string_view name, Each each) {
    const json::array* all = list(from, name);
    if (all == nullptr) return;
    for (const json::value& one : *all) {
      if (!one.is_object()) return refuse(name, "a list of objects");
      each(one.get_object());
    }
  }

  std::vector<std::string> texts(const json::object& from, std::string_view name) {
    std::vector<std::string> out;
    const json::array* all = list(from, name);
    if (all == nullptr) return out;
    for (const json::value& one : *all) {
      if (!one.is_string()) {
        refuse(name, "a list of texts");
        return out;
      }
      out.push_back(printable({one.get_string().data(), one.get_string().size()}));
    }
    return out;
  }

  /// Null where there is none, as older servers have it.
  static const json::object* object(const json::object& from, std::string_view name) {
    const json::value* found = find(from, name);
    return found == nullptr ? nullptr : found->if_object();
  }

 private:
  static const json::value* find(const json::object& from, std::string_view name) {
    return from.if_contains({name.data(), name.size()});
  }

  const json::array* list(const json::object& from, std::string_view name) {
    const json::value* found = find(from, name);
    const json::array* all = found == nullptr ? nullptr : found->if_array();
    if (all == nullptr) refuse(name, "a list");
    return all;
  }

  void refuse(std::string_view name, std::string_view wanted) {
    if (!failed_) failed_ = error(errc::corrupt, fmt::format("\"{}\" must be {}", name, wanted));
  }

  std::optional<error>& failed_;
};

cluster_view::node read_node(field_reader& fields, const json::object& from) {
  cluster_view::node node;
  node.name = fields.text(from, "name");
  node.peer = fields.peer(from, "peer");
  node.host = fields.text(from, "host");
  node.pid = fields.count<std::uint64_t>(from, "pid");
  node.state = fields.text(from, "state");
  node.kernel_target = fields.text(from, "kernel_target");
  node.threads = fields.count<std::uint32_t>(from, "threads");
  node.memory_bytes = fields.count<std::size_t>(from, "memory");
  node.holds = fields.texts(from, "holds");
  node.expert_outputs = fields.count<std::uint64_t>(from, "expert_outputs");
  if (const json::object* w = fields.object(from, "weights"))
    node.weights = {fields.count<std::uint64_t>(*w, "got"),
                    fields.count<std::uint64_t>(*w, "wanted")};
  return node;
}

cluster_view::stage read_stage(field_reader& fields, const json::object& from) {
  cluster_view::stage stage;
  stage.first = fields.count<std::uint32_t>(from, "first");
  stage.last = fields.count<std::uint32_t>(from, "last");
  stage.node = fields.text(from, "node", true);
  fields.objects(from, "buddies", [&](const json::object& copy) {
    stage.buddies.push_back({fields.text(copy, "node"), fields.flag(copy, "synced")});
  });
  return stage;
}

cluster_view::scaling_state read_scaling(field_reader& fields, const json::object& from) {
  cluster_view::scaling_state s;
  s.means = fields.text(from, "means");
  s.least = fields.count<std::uint32_t>(from, "least");
  s.most = fields.count<std::uint32_t>(from, "most");
  s.wanted = fields.count<std::uint32_t>(from, "wanted");
  s.doing = fields.text(from, "doing");
  s.queued = fields.seconds(from, "queued_seconds");
  s.kv_use = fields.decimal(from, "kv_use");
  s.tokens_per_second = fields.decimal(from, "tokens_per_second");
  s.added = fields.count<std::uint64_t>(from, "added");
  s.removed = fields.count<std::uint64_t>(from, "removed");
  s.failures = fields.count<std::uint64_t>(from, "failures");
  return s;
}

}  // namespace

result<cluster_report> parse_cluster_report(std::string_view text) {
  json::parse_options options;
  options.max_depth = most_depth;
  boost::system::error_code bad;
  const json::value parsed = json::parse({text.data(), text.size()}, bad, {}, options);
  if (bad || !parsed.is_object()) return fail(errc::corrupt, "it is not a JSON object");
  const json::object& from = parsed.get_object();
  std::optional<error> failed;
  field_reader fields(failed);
  cluster_report report;
  cluster_view& view = report.view;
  view.epoch = fields.count<epoch_number>(from, "epoch");
  view.serving = fields.flag(from, "serving");
  view.redundant = fields.flag(from, "redundant");
  view.redundancy = fields.count<std::uint32_t>(from, "redundancy");
  report.join = fields.text(from, "join");
  fields.objects(from, "nodes",
                 [&](const json::object& one) { view.nodes.push_back(read_node(fields, one)); });
  fields.objects(from, "stages",
                 [&](const json::object& one) { view.stages.push_back(read_stage(fields, one)); });
  fields.objects(from, "events", [&](const json::object& one) {
    view.events.push_back({fields.seconds(one, "seconds_ago"), fields.text(one, "text")});
  });
  if (const json::object* scaling = field_reader::object(from, "autoscale"))
    view.scaling = read_scaling(fields, *scaling);
  if (failed) return fail(*failed);
  return report;
}

}  // namespace troupe::gateway
