#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/sampling/guide_rule.hpp"
#include "runtime/sampling/structure.hpp"

namespace troupe {

/// Follows one choice through the structure that it is held to, and says which tokens may come
/// next: a function of the rule and of the tokens drawn so far, whoever drew them. A choice may end
/// only where the structure is complete, and then nothing else may follow. Not shared between
/// threads.
class token_guide {
 public:
  token_guide(std::shared_ptr<const compiled_structure> structure, const guide_rule& rule);
  token_guide(const token_guide&) = delete;
  token_guide& operator=(const token_guide&) = delete;
  ~token_guide();

  /// Says what may follow `drawn`, all that the choice has drawn, and then what may follow each of
  /// `guessed` if those before it are drawn too: into rows[0], rows[1] ... (bit t of word t / 32:
  /// token t). An empty row is passed over. Before `least` tokens the choice goes on where it can.
  /// `drawn` begins with the tokens of the call before. A token that could not have been drawn
  /// leaves nothing but the end.
  void fill(std::span<const token_id> drawn, std::span<const token_id> guessed, std::uint32_t least,
            std::span<const std::span<std::uint32_t>> rows);
  /// Whether there is a first token.
  [[nodiscard]] bool begins();

 private:
  enum class place : std::uint8_t {
    start,    ///< a thought may begin
    thought,  ///< nothing holds what is drawn
    behind,   ///< of a thought: line breaks may come first
    held,
    lost,  ///< what was drawn is not of the structure
  };
  struct follower;

  [[nodiscard]] bool step(token_id token);
  [[nodiscard]] bool accept(token_id token);
  void write(std::span<std::uint32_t> row, bool may_end);
  /// False where the library gives none.
  [[nodiscard]] bool write_held(std::span<std::uint32_t> row);

  std::shared_ptr<const compiled_structure> structure_;
  token_id opening_;
  token_id closing_;
  place place_;
  std::uint32_t breaks_ = 0;    ///< line breaks behind the thought
  std::size_t followed_ = 0;    ///< tokens of the choice
  std::uint32_t accepted_ = 0;  ///< tokens that the follower has taken
  std::unique_ptr<follower> follower_;
};

}  // namespace troupe
