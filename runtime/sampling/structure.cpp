#include "runtime/sampling/structure.hpp"

#include <time.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "runtime/sampling/guide_rule.hpp"
#include "runtime/sampling/short_strings.hpp"
#include "runtime/sampling/structure_parts.hpp"
#include "runtime/sampling/token_guide.hpp"

namespace troupe {
namespace {

/// The library's rules nest; deeper than this they are somebody's attack.
constexpr int deepest_recursion = 1'000;
constexpr std::size_t longest_reason = 300;
/// What a compiler remembers of rules.
constexpr std::int64_t rule_bytes = std::int64_t{32} << 20;

/// The library's messages begin with "[time] file:line: " and may go over many lines.
std::string reason_of(std::string_view text) {
  if (text.substr(0, 1) == "[") {
    const std::size_t place = text.find("] ");
    const std::size_t end = text.find(": ", place == std::string_view::npos ? 0 : place);
    if (end != std::string_view::npos) text.remove_prefix(end + 2);
  }
  std::string out(text.substr(0, longest_reason));
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~') c = ' ';
  return out;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\r'; }

std::shared_ptr<structure_vocabulary> describe(const tokenizer& tokens, std::uint32_t vocab,
                                               std::vector<token_id> ends) {
  auto out = std::make_shared<structure_vocabulary>();
  out->size = vocab;
  out->ends = std::move(ends);
  out->controls.resize((vocab + 31) / 32);
  for (std::uint32_t id = 0; id < vocab; ++id) {
    const std::string_view bytes = tokens.bytes(static_cast<token_id>(id));
    if (std::ranges::any_of(bytes, is_control)) out->controls[id / 32] |= 1U << id % 32;
    if (bytes == "\n" || bytes == "\n\n") out->breaks.push_back(static_cast<token_id>(id));
  }
  return out;
}

/// Special tokens stand for no text: no structure has them.
std::vector<std::string> texts_of(const tokenizer& tokens, std::uint32_t vocab) {
  std::vector<std::string> texts(vocab);
  for (std::uint32_t id = 0; id < vocab; ++id) {
    const auto token = static_cast<token_id>(id);
    if (!tokens.is_special(token)) texts[id] = tokens.bytes(token);
  }
  return texts;
}

/// Processor time that this thread has had, in clock()'s unit.
std::clock_t thread_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * CLOCKS_PER_SEC + t.tv_nsec / (1'000'000'000 / CLOCKS_PER_SEC);
}

/// Whether an answer can begin, and is quickly followed: goes some way, as a model might that draws
/// anything that is allowed.
result<void> try_out(token_guide& guide, std::uint32_t vocab) {
  constexpr std::size_t most_tokens = 24;
  constexpr std::clock_t slowest = CLOCKS_PER_SEC / 40;
  if (!guide.begins()) return fail(errc::invalid_argument, "no answer could be of this form");
  std::vector<std::uint32_t> row((vocab + 31) / 32);
  std::vector<token_id> drawn;
  std::uint32_t chance = 1;
  while (drawn.size() < most_tokens) {
    const std::clock_t from = thread_time();
    const std::span<std::uint32_t> rows[] = {row};
    guide.fill(drawn, {}, most_tokens, rows);
    if (thread_time() - from > slowest)
      return fail(errc::out_of_range, "it takes too long to say what may follow: ask for less");
    std::vector<token_id> may;
    for (std::uint32_t t = 0; t < vocab; ++t)
      if ((row[t / 32] >> t % 32 & 1U) != 0) may.push_back(static_cast<token_id>(t));
    if (may.empty()) break;
    chance = chance * 1'664'525U + 1'013'904'223U;
    drawn.push_back(may[(chance >> 8U) % may.size()]);
  }
  return {};
}

}  // namespace

struct structure_compiler::vocabulary {
  vocabulary(std::shared_ptr<const structure_vocabulary> what, const xgrammar::TokenizerInfo& info)
      : shared(std::move(what)), tokens(info) {}

  const std::shared_ptr<const structure_vocabulary> shared;
  const xgrammar::TokenizerInfo tokens;
  std::mutex mutex;
  /// Each remembers what rules allow, for other structures that have the same.
  std::vector<std::unique_ptr<xgrammar::GrammarCompiler>> idle;
};

/// A compiler that nobody else has: one that was stopped amid something is not used again.
class structure_compiler::borrowed {
 public:
  explicit borrowed(vocabulary& from) : from_(from) {
    {
      const std::lock_guard lock(from_.mutex);
      if (!from_.idle.empty()) {
        compiler_ = std::move(from_.idle.back());
        from_.idle.pop_back();
      }
    }
    if (!compiler_)
      compiler_ = std::make_unique<xgrammar::GrammarCompiler>(from_.tokens, 1, true, rule_bytes);
  }
  borrowed(const borrowed&) = delete;
  borrowed& operator=(const borrowed&) = delete;
  ~borrowed() {
    if (!whole_) return;
    const std::lock_guard lock(from_.mutex);
    if (from_.idle.size() < most_idle) from_.idle.push_back(std::move(compiler_));
  }
  void give_up() { whole_ = false; }
  [[nodiscard]] xgrammar::GrammarCompiler& get() { return *compiler_; }

 private:
  static constexpr std::size_t most_idle = 2;
  vocabulary& from_;
  std::unique_ptr<xgrammar::GrammarCompiler> compiler_;
  bool whole_ = true;
};

compiled_structure::compiled_structure(std::unique_ptr<const parts> all) : parts_(std::move(all)) {}
compiled_structure::~compiled_structure() = default;

std::size_t compiled_structure::bytes() const { return parts_->grammar.MemorySizeBytes(); }
std::uint32_t compiled_structure::vocab() const { return parts_->vocabulary->size; }

structure_compiler::structure_compiler(const tokenizer& tokens, std::uint32_t vocab,
                                       std::vector<token_id> ends, const compile_limits& limits)
    : limits_(limits) {
  xgrammar::SetMaxRecursionDepth(deepest_recursion);
  const std::vector<std::int32_t> stops(ends.begin(), ends.end());
  vocabulary_ = std::make_unique<vocabulary>(
      describe(tokens, vocab, std::move(ends)),
      xgrammar::TokenizerInfo(texts_of(tokens, vocab), xgrammar::VocabType::RAW,
                              static_cast<int>(vocab), stops));
}

structure_compiler::~structure_compiler() = default;

result<std::shared_ptr<const compiled_structure>> structure_compiler::make(
    const std::string& structure, borrowed& compiler) const {
  // Not by the compiler's own way from text: it would remember every failure.
  const auto read = xgrammar::Grammar::FromStructuralTag(structure, vocabulary_->tokens);
  if (const auto* wrong = std::get_if<xgrammar::StructuralTagError>(&read)) {
    return fail(errc::invalid_argument, "{}",
                std::visit([](const auto& e) { return reason_of(e.what()); }, *wrong));
  }
  auto made = std::make_shared<const compiled_structure>(
      std::make_unique<compiled_structure::parts>(compiled_structure::parts{
          compiler.get().CompileGrammar(std::get<xgrammar::Grammar>(read)), vocabulary_->shared,
          structure.find(R"("json_schema")") != std::string::npos}));
  token_guide first(made, guide_rule{structure, -1, -1});
  if (auto fine = try_out(first, made->vocab()); !fine) return fail(std::move(fine.error()));
  return made;
}

result<std::shared_ptr<const compiled_structure>> structure_compiler::compile(
    const std::string& structure) const {
  const std::string quick = lengths_as_patterns(structure, vocabulary_->shared->size);
  if (quick.empty()) return attempt(structure, limits_);
  // Clients wait little longer than the limits are: so much of them as leaves the other form a
  // chance, in which strings of many lengths have parts in common.
  compile_limits most = limits_;
  most.processor = limits_.processor * 3 / 4;
  if (auto made = attempt(quick, most)) return made;
  return attempt(structure, limits_);
}

result<std::shared_ptr<const compiled_structure>> structure_compiler::attempt(
    const std::string& form, const compile_limits& limits) const {
  borrowed compiler(*vocabulary_);
  compile_budget budget(limits);
  std::string why;
  try {
    const compile_budget::scope bounded(budget);
    auto made = make(form, compiler);
    if (made || !budget.spent()) return made;
  } catch (const std::exception& e) {
    why = reason_of(e.what());
  }
  if (!budget.spent()) return fail(errc::invalid_argument, "{}", why);
  compiler.give_up();
  return fail(errc::out_of_range, "it takes more than {} ms or {} MiB to compile: ask for less",
              limits.processor.count(), limits.bytes >> 20U);
  // The analyzer loses sight of the pointer that the destructor of `compiler` frees.
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace troupe
