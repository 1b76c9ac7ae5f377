#include <limits>
#include <string_view>

#include "runtime/formats/json_reader.hpp"
#include "runtime/model/generation_check.hpp"
#include "runtime/model/hugging_face_config.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

constexpr std::size_t most_eos = 64;

}  // namespace

result<std::vector<token_id>> read_eos_ids(const json::object& file, std::string_view where) {
  const json::value* const value = json_fields(file, where).find("eos_token_id");
  std::vector<token_id> out;
  if (value == nullptr) return out;
  const json::array single{*value};
  const json::array& ids = value->is_array() ? value->get_array() : single;
  if (ids.size() > most_eos)
    return fail(errc::corrupt, "{}: eos_token_id has {} entries", where, ids.size());
  for (const json::value& entry : ids) {
    const auto id = as_count(entry);
    if (!id || *id > std::uint32_t{std::numeric_limits<token_id>::max()})
      return fail(errc::corrupt, "{}: eos_token_id is no token id or list of them", where);
    out.push_back(static_cast<token_id>(*id));
  }
  return out;
}

result<generation_defaults> read_generation_defaults(const json::object& file) {
  constexpr std::string_view name = "generation_config.json";
  json_fields fields(file, name);
  generation_defaults out;
  const auto as_float = [](std::optional<double> v) -> std::optional<float> {
    return v ? std::optional(static_cast<float>(*v)) : std::nullopt;
  };
  out.temperature = as_float(fields.number("temperature"));
  out.top_p = as_float(fields.number("top_p"));
  out.min_p = as_float(fields.number("min_p"));
  out.repetition_penalty = as_float(fields.number("repetition_penalty"));
  if (fields.has("top_k")) out.top_k = fields.count("top_k");
  if (fields.failure()) return fail(*fields.failure());
  if (auto ok = check(out); !ok) return fail(ok.error().within(name));
  return out;
}

}  // namespace troupe
