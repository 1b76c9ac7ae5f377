#include <algorithm>
#include <set>
#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/tokenizer_json_parts.hpp"
#include "runtime/formats/tokenizer_merge.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

/// Ids may leave holes, but not so many that a short file asks for much memory.
result<void> put_token(std::uint32_t id, std::string_view text, std::size_t entries,
                       tokenizer_spec& out) {
  const std::size_t most = 2 * entries + 65'536;
  if (id >= most)
    return fail(errc::corrupt, "token '{}' has the id {} among {} tokens", text, id, entries);
  if (id >= out.tokens.size()) out.tokens.resize(id + 1);
  out.tokens[id] = text;
  return {};
}

result<void> read_vocabulary(const json::object& vocab, tokenizer_spec& out) {
  out.tokens.reserve(vocab.size());
  for (const auto& [key, value] : vocab) {
    const std::string_view text(key.data(), key.size());
    const auto id = as_count(value);
    if (!id) return fail(errc::corrupt, "token '{}' has no valid id", text);
    if (*id < out.tokens.size() && !out.tokens[*id].empty())
      return fail(errc::corrupt, "tokens '{}' and '{}' share the id {}", out.tokens[*id], text,
                  *id);
    if (auto put = put_token(*id, text, vocab.size(), out); !put) return put;
  }
  return {};
}

/// A merge is "a b" in older files and ["a", "b"] in newer ones.
std::optional<std::pair<std::string, std::string>> as_merge(const json::value& value) {
  if (const json::string* const text = value.if_string()) return split_merge(view(*text));
  const json::array* const pair = value.if_array();
  if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
    return std::nullopt;
  return std::pair(std::string(view((*pair)[0].get_string())),
                   std::string(view((*pair)[1].get_string())));
}

result<void> refuse_options(json_fields& model) {
  const bool byte_fallback = model.flag("byte_fallback", false);
  const auto dropout = model.number("dropout");
  const std::string_view prefix = model.text("continuing_subword_prefix", "");
  const std::string_view suffix = model.text("end_of_word_suffix", "");
  if (model.failure()) return fail(*model.failure());
  if (byte_fallback) return fail(errc::unsupported, "BPE with byte_fallback");
  if (dropout.value_or(0) != 0) return fail(errc::unsupported, "BPE with dropout");
  if (!prefix.empty() || !suffix.empty())
    return fail(errc::unsupported, "BPE with a subword prefix or suffix");
  return {};
}

}  // namespace

result<void> read_bpe_model(const json::object& file, tokenizer_spec& out) {
  json_fields outer(file, "tokenizer");
  const json::object* const model = outer.object("model");
  if (model == nullptr) return fail(errc::corrupt, "no 'model'");
  json_fields fields(*model, "model");
  const std::string_view type = fields.text("type", "BPE");
  if (type != "BPE") return fail(errc::unsupported, "model '{}'; troupe has byte-level BPE", type);
  if (auto ok = refuse_options(fields); !ok) return ok;
  const json::object* const vocab = fields.object("vocab");
  const json::array* const merges = fields.array("merges");
  out.ignore_merges = fields.flag("ignore_merges", false);
  const std::string_view unknown = fields.text("unk_token", "");
  if (fields.failure()) return fail(*fields.failure());
  if (vocab == nullptr || vocab->empty()) return fail(errc::corrupt, "the model has no 'vocab'");
  if (merges == nullptr) return fail(errc::corrupt, "the model has no 'merges'");
  if (auto ok = read_vocabulary(*vocab, out); !ok) return ok;
  if (const json::value* const id = vocab->if_contains(unknown); !unknown.empty() && id != nullptr)
    out.unknown = static_cast<token_id>(*as_count(*id));
  out.merges.reserve(merges->size());
  for (const json::value& value : *merges) {
    auto merge = as_merge(value);
    if (!merge) return fail(errc::corrupt, "merge {} is not two tokens", out.merges.size());
    out.merges.push_back(std::move(*merge));
  }
  return {};
}

result<void> read_added_tokens(const json::object& file, tokenizer_spec& out) {
  json_fields outer(file, "tokenizer");
  const json::array* const list = outer.array("added_tokens");
  if (outer.failure()) return fail(*outer.failure());
  if (list == nullptr) return {};
  const std::size_t entries = out.tokens.size() + list->size();
  std::set<token_id> ids;
  for (const json::value& value : *list) {
    const json::object* const object = value.if_object();
    if (object == nullptr) return fail(errc::corrupt, "an added token is not an object");
    json_fields fields(*object, "added token");
    const std::uint32_t id = fields.count("id");
    const std::string_view content = fields.text("content", "");
    added_token token;
    token.special = fields.flag("special", false);
    token.normalized = fields.flag("normalized", !token.special);
    token.lstrip = fields.flag("lstrip", false);
    token.rstrip = fields.flag("rstrip", false);
    token.single_word = fields.flag("single_word", false);
    if (fields.failure()) return fail(*fields.failure());
    if (content.empty()) return fail(errc::corrupt, "added token {} has no content", id);
    if (auto put = put_token(id, content, entries, out); !put) return put;
    token.id = static_cast<token_id>(id);
    token.content = content;
    if (!ids.insert(token.id).second)
      return fail(errc::corrupt, "two added tokens share the id {}", id);
    out.added.push_back(std::move(token));
  }
  return {};
}

}  // namespace troupe
