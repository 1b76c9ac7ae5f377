#include "runtime/api/models.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace troupe {
namespace json = boost::json;
namespace {

json::object model_object(const served_model& model) {
  return {{"id", model.id},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "troupe"},
          {"max_model_len", model.context}};
}

}  // namespace

std::string list_models(const served_model& model) {
  return json::serialize(
      json::object{{"object", "list"}, {"data", json::array{model_object(model)}}});
}

api_result<std::string> describe_model(const served_model& model, std::string_view id) {
  if (id != model.id) return tl::unexpected(unknown_model(id, model.id));
  return json::serialize(model_object(model));
}

}  // namespace troupe
