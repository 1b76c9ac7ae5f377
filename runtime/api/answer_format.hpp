#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/api/api_error.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/message_parser.hpp"
#include "runtime/billing/price_table.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace troupe {

/// One token of an answer with its log-probability.
struct scored_token {
  token_id token = 0;
  std::optional<float> logprob;  ///< none for the first token of a prompt
  std::vector<std::pair<token_id, float>> top;
  std::size_t offset = 0;  ///< characters of text before it
};

/// Part of one choice's answer. Parts added up give the whole, so streamed and unstreamed answers
/// cannot differ.
struct answer_part {
  std::uint32_t index = 0;
  std::string text;
  std::string reasoning;
  std::vector<call_part> calls;      ///< calls of tools, in order
  std::vector<scored_token> scores;  ///< only when asked for
  std::vector<token_id> tokens;      ///< only when asked for
  finish_reason finish = finish_reason::none;
  bool called = false;  ///< with `finish`: the choice ended having called tools

  void add(answer_part more);
  void add(message_part more);
  [[nodiscard]] bool empty() const {
    return text.empty() && reasoning.empty() && calls.empty() && scores.empty() && tokens.empty();
  }
};

struct usage_counts {
  std::uint64_t prompt = 0;
  std::uint64_t completion = 0;
  std::uint64_t cached = 0;
  /// Of `prompt`: kept anew, as the request marked it. Only of requests with marks, and `cached`
  /// was found as it had been marked then.
  std::optional<std::uint64_t> created;
  std::optional<std::uint64_t> reasoning;  ///< of `completion`; only of models that mark thoughts
  std::optional<request_cost> cost;        ///< of a whole answer, where there are prices
};

/// What every message of one answer repeats, and which parts were asked for.
struct answer_header {
  std::string id;
  std::int64_t created = 0;
  std::string model;
  std::string fingerprint;
  bool logprobs = false;
  bool token_ids = false;
  bool include_usage = false;
  bool resumable = false;  ///< its events are numbered, as a client may come back for the rest
  std::shared_ptr<const tokenizer> vocabulary;
  std::vector<std::vector<token_id>> prompts;  ///< only when token ids were asked for
  std::uint32_t choices = 1;                   ///< a prompt
};

/// The JSON of one kind of answer.
class answer_format {
 public:
  explicit answer_format(answer_header header) : header_(std::move(header)) {}
  answer_format(const answer_format&) = delete;
  answer_format& operator=(const answer_format&) = delete;
  virtual ~answer_format() = default;

  /// Events that come before any of the answer is there, as bytes; empty where there are none.
  [[nodiscard]] virtual std::string preamble() { return {}; }
  /// The chunk that begins a choice; empty where this kind has none.
  [[nodiscard]] virtual std::string opening(std::uint32_t index) const = 0;
  /// The chunk for a part with text, or for the end of a choice; `usage` is that of the answer so
  /// far. Chunks come in the order in which they are sent.
  [[nodiscard]] virtual std::string chunk(const answer_part& part, const usage_counts& usage) = 0;
  /// The last chunk, with usage and no choices.
  [[nodiscard]] virtual std::string usage_chunk(const usage_counts& usage) const = 0;
  /// The whole answer at once.
  [[nodiscard]] virtual std::string whole(const std::vector<answer_part>& parts,
                                          const usage_counts& usage) const = 0;

  /// A chunk as the `number`-th event of the stream, from 1.
  [[nodiscard]] virtual std::string frame(std::string_view json, std::uint64_t number) const;
  /// The event that ends a stream which cannot go on, after `sent` events. It is none of those that
  /// a client which comes back has had.
  [[nodiscard]] virtual std::string error_frame(const api_error& e, std::uint64_t sent);
  /// What follows the last chunk; empty where nothing does.
  [[nodiscard]] virtual std::string ending() const;

  [[nodiscard]] const answer_header& header() const { return header_; }

 protected:
  /// id, object, created, model, system_fingerprint, choices.
  [[nodiscard]] boost::json::object envelope(std::string_view object,
                                             boost::json::array choices) const;
  /// A chunk's envelope, with `usage: null` where a usage chunk will follow.
  [[nodiscard]] boost::json::object chunk_envelope(std::string_view object,
                                                   boost::json::array choices) const;

 private:
  answer_header header_;
};

[[nodiscard]] std::unique_ptr<answer_format> make_chat_format(answer_header header);
[[nodiscard]] std::unique_ptr<answer_format> make_completion_format(answer_header header);

[[nodiscard]] boost::json::object usage_json(const usage_counts& usage);
/// Its member prompt_tokens_details.
[[nodiscard]] boost::json::object prompt_details_json(const usage_counts& usage);
/// "stop", "length", "tool_calls", or null while a choice goes on.
[[nodiscard]] boost::json::value finish_json(finish_reason reason, bool called = false);
/// A log-probability as the shortest number that reads back as the same float; minus infinity,
/// which JSON cannot say, is -9999.
[[nodiscard]] double logprob_number(float logprob);

}  // namespace troupe
