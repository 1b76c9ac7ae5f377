#include "runtime/api/guiding.hpp"

#include <utility>

#include "runtime/api/thinking.hpp"

namespace troupe {
namespace {

api_error refusal(const error& why, const std::string& param) {
  api_error e = to_api_error(why);
  if (e.status == 400 || e.status == 429) e.message = param + ": " + e.message;
  if (e.status == 400) {
    e.param = param;
    e.code = "invalid_structure";
  }
  return e;
}

}  // namespace

api_result<guide_rule> guide_answer(const served_model& model, const request_options& options,
                                    thought_state thought) {
  guide_rule rule;
  if (options.structure.empty()) return rule;
  const std::string& param = options.structure_param;
  if (model.structures == nullptr || model.files->config().eos.empty()) {
    return tl::unexpected(
        refusal({errc::unsupported, "this model's answers cannot be held to a structure"}, param));
  }
  if (options.markup.thoughts != thought_markup::none && thought != thought_state::over) {
    const thought_tokens marks = thought_tokens_of(*model.tokens);
    if (thought == thought_state::open && !marks.closing)
      return refuse(param, "is not possible behind a thought: {} is no token of this model's",
                    think_end);
    if (marks.closing && (marks.opening || thought == thought_state::open)) {
      rule.closing = *marks.closing;
      if (thought == thought_state::possible) rule.opening = *marks.opening;
    }
  }
  rule.structure = R"({"type":"structural_tag","format":)" + options.structure + "}";
  if (const auto compiled = model.structures->get(rule.structure); !compiled)
    return tl::unexpected(refusal(compiled.error(), param));
  return rule;
}

}  // namespace troupe
