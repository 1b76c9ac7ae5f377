#include "runtime/api/cache_marks.hpp"

#include <algorithm>
#include <string>

namespace troupe {
namespace json = boost::json;
namespace {

/// Stands for a mark while a conversation is rendered. A text that has it in it only has its own
/// marks moved.
constexpr std::string_view stand_in = "\U0010FFFDcache mark\U0010FFFD";

/// The variables with a stand-in at each mark, before white space that a template may trim.
json::object with_stand_ins(const chat_request& request) {
  json::object variables = request.variables;
  json::array& messages = variables.at("messages").as_array();
  for (auto mark = request.marks.rbegin(); mark != request.marks.rend(); ++mark) {
    json::string& content = messages.at(mark->message).as_object().at("content").as_string();
    const std::string_view before(content.data(), std::min(mark->bytes, content.size()));
    const std::size_t end = before.find_last_not_of(" \t\r\n");
    content.insert(end == std::string_view::npos ? 0 : end + 1,
                   json::string_view(stand_in.data(), stand_in.size()));
  }
  return variables;
}

/// Takes the stand-ins out of a text; where they were.
std::vector<std::size_t> take_out(std::string& text) {
  std::vector<std::size_t> places;
  std::string rest;
  std::size_t from = 0;
  for (std::size_t at = text.find(stand_in); at != std::string::npos;
       at = text.find(stand_in, from)) {
    rest.append(text, from, at - from);
    places.push_back(rest.size());
    from = at + stand_in.size();
  }
  rest.append(text, from);
  text = std::move(rest);
  return places;
}

}  // namespace

std::vector<std::uint32_t> find_cache_marks(const served_model& model, const chat_request& request,
                                            std::string_view text,
                                            const std::vector<token_id>& tokens) {
  std::vector<std::uint32_t> out;
  if (request.marks.empty()) return out;
  auto marked = model.chat->render(with_stand_ins(request));
  if (!marked) return out;
  const std::vector<std::size_t> places = take_out(*marked);
  const auto differs = std::mismatch(text.begin(), text.end(), marked->begin(), marked->end());
  const auto same = static_cast<std::size_t>(differs.first - text.begin());
  for (const std::size_t place : places) {
    const std::string_view before = text.substr(0, std::min(place, same));
    const auto alone = model.tokens->encode(before, {.add_special = false, .parse_special = true});
    // What follows may have been joined to the last of them.
    const auto end = std::mismatch(alone.begin(), alone.end(), tokens.begin(), tokens.end()).first;
    out.push_back(static_cast<std::uint32_t>(end - alone.begin()));
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace troupe
