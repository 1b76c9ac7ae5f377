#include "runtime/template/input.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

namespace troupe::jinja {
namespace {

value convert(machine& m, const boost::json::value& json) {
  switch (json.kind()) {
    case boost::json::kind::null:
      return value::none();
    case boost::json::kind::bool_:
      return value(json.get_bool());
    case boost::json::kind::int64:
      return value(json.get_int64());
    case boost::json::kind::uint64:
      return value(json.get_uint64());
    case boost::json::kind::double_:
      return value(json.get_double());
    case boost::json::kind::string:
      return m.text(std::string(json.get_string()));
    case boost::json::kind::array: {
      std::vector<value> items;
      items.reserve(json.get_array().size());
      for (const auto& item : json.get_array()) items.push_back(from_json(m, item));
      return m.list(std::move(items));
    }
    case boost::json::kind::object: {
      std::vector<dict_object::entry> entries;
      entries.reserve(json.get_object().size());
      for (const auto& [key, item] : json.get_object()) {
        entries.emplace_back(m.text(std::string(key)), from_json(m, item));
      }
      return m.dict(std::move(entries));
    }
  }
  return value::none();
}

}  // namespace

value from_json(machine& m, const boost::json::value& json) {
  value v;
  if (m.enter() && m.step()) v = convert(m, json);
  m.leave();
  return v;
}

}  // namespace troupe::jinja
