#include "runtime/tokenizer/tokenizer.hpp"

#include <algorithm>
#include <utility>

#include "runtime/tokenizer/merger.hpp"
#include "runtime/tokenizer/nfc.hpp"
#include "runtime/tokenizer/tables.hpp"
#include "runtime/tokenizer/utf8.hpp"
#include "runtime/tokenizer/word_end.hpp"

namespace troupe {
namespace {

/// Longer words are merged in parts: positions inside a word are 32-bit numbers.
constexpr std::size_t longest_word = std::size_t{1} << 30;

}  // namespace

/// One encode() call: its output and scratch space.
class tokenizer::encoding {
 public:
  encoding(const tables& t, bool parse_special)
      : t_(t), merge_(t.merges), parse_special_(parse_special) {}

  std::vector<token_id> run(std::string_view text, bool add_special) && {
    ids_.reserve(text.size() / 3 + 8);
    if (add_special) ids_ = t_.spec.prefix;
    std::vector<text::text_piece> pieces;
    t_.before_nfc.split(text, parse_special_, pieces);
    for (const auto& piece : pieces) {
      if (piece.token != text::text_piece::ordinary) {
        ids_.push_back(piece.token);
      } else {
        add_raw(text.substr(piece.begin, piece.end - piece.begin));
      }
    }
    if (add_special) ids_.insert(ids_.end(), t_.spec.suffix.begin(), t_.spec.suffix.end());
    return std::move(ids_);
  }

 private:
  void add_raw(std::string_view raw) {
    const std::string_view text = t_.spec.nfc ? text::nfc(raw, normal_) : raw;
    if (t_.after_nfc.empty()) {
      add_text(text);
      return;
    }
    std::vector<text::text_piece> pieces;
    t_.after_nfc.split(text, parse_special_, pieces);
    for (const auto& piece : pieces) {
      if (piece.token != text::text_piece::ordinary) {
        ids_.push_back(piece.token);
      } else {
        add_text(text.substr(piece.begin, piece.end - piece.begin));
      }
    }
  }

  void add_text(std::string_view text) {
    if (t_.spec.add_prefix_space && !text.starts_with(' ')) {
      prefixed_.assign(1, ' ').append(text);
      text = prefixed_;
    }
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text::word_end(text, at, t_.spec.split);
      add_word(text.substr(at, end - at));
      at = end;
    }
  }

  void add_word(std::string_view word) {
    if (t_.spec.ignore_merges) {
      if (const auto found = t_.by_bytes.find(word); found != t_.by_bytes.end()) {
        ids_.push_back(found->second);
        return;
      }
    }
    for (; word.size() > longest_word; word.remove_prefix(longest_word))
      merge_bytes(word.substr(0, longest_word));
    merge_bytes(word);
  }

  void merge_bytes(std::string_view bytes) {
    const std::size_t begin = ids_.size();
    for (const char c : bytes) {
      const token_id id = t_.byte_tokens[static_cast<std::uint8_t>(c)];
      if (id >= 0) {
        ids_.push_back(id);
      } else if (t_.spec.unknown && !t_.special[static_cast<std::size_t>(*t_.spec.unknown)]) {
        ids_.push_back(*t_.spec.unknown);
      }
    }
    const auto symbols = std::span(ids_).subspan(begin);
    ids_.resize(begin + merge_.merge(symbols));
  }

  const tables& t_;
  text::merger merge_;
  bool parse_special_;
  std::vector<token_id> ids_;
  std::string normal_;
  std::string prefixed_;
};

result<std::shared_ptr<const tokenizer>> tokenizer::create(const tokenizer_spec& spec) {
  auto built = tables::build(spec);
  if (!built) return fail(std::move(built.error()));
  return std::shared_ptr<const tokenizer>(new tokenizer(std::move(*built)));
}

tokenizer::tokenizer(std::unique_ptr<tables> t) : tables_(std::move(t)) {}

tokenizer::~tokenizer() = default;

std::vector<token_id> tokenizer::encode(std::string_view text, encode_options options) const {
  return encoding(*tables_, options.parse_special).run(text, options.add_special);
}

std::string tokenizer::decode(std::span<const token_id> ids, bool skip_special) const {
  std::string raw;
  for (const token_id id : ids)
    if (!skip_special || !is_special(id)) raw += bytes(id);
  std::string text;
  text.reserve(raw.size());
  if (text::append_lossy(text, raw) < raw.size()) text += text::replacement;
  return text;
}

std::string_view tokenizer::bytes(token_id id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= tables_->size()) return {};
  return tables_->bytes(id);
}

bool tokenizer::is_special(token_id id) const {
  return id >= 0 && static_cast<std::size_t>(id) < tables_->size() &&
         tables_->special[static_cast<std::size_t>(id)];
}

std::size_t tokenizer::vocabulary_size() const { return tables_->size(); }

token_id tokenizer::find(std::string_view content) const {
  if (const auto added = tables_->by_added.find(content); added != tables_->by_added.end())
    return added->second;
  const auto ordinary = tables_->by_text.find(content);
  return ordinary == tables_->by_text.end() ? -1 : ordinary->second;
}

const tokenizer_spec& tokenizer::spec() const { return tables_->spec; }

}  // namespace troupe
