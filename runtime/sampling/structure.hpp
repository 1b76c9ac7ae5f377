#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/token.hpp"
#include "runtime/sampling/compile_budget.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace troupe {

/// A structure in the form that token_guide reads: for each place in it, which tokens of one
/// vocabulary may follow. Immutable and shared: any thread.
class compiled_structure {
 public:
  struct parts;  ///< the library's own; known where it is made and read
  explicit compiled_structure(std::unique_ptr<const parts> all);
  compiled_structure(const compiled_structure&) = delete;
  compiled_structure& operator=(const compiled_structure&) = delete;
  ~compiled_structure();

  [[nodiscard]] std::size_t bytes() const;  ///< of memory, about
  [[nodiscard]] std::uint32_t vocab() const;
  [[nodiscard]] const parts& all() const { return *parts_; }

 private:
  std::unique_ptr<const parts> parts_;
};

/// Compiles structures for one vocabulary. Any thread, several at once.
class structure_compiler {
 public:
  /// `vocab`: tokens that the model's head has, those of the tokenizer first. `ends`: tokens that
  /// end an answer, and may do so only where the structure is complete. Sorts the vocabulary, which
  /// takes about a second where it is large.
  /// `limits` bound each structure, and each of the two forms in which one may be tried.
  structure_compiler(const tokenizer& tokens, std::uint32_t vocab, std::vector<token_id> ends,
                     const compile_limits& limits = {});
  structure_compiler(const structure_compiler&) = delete;
  structure_compiler& operator=(const structure_compiler&) = delete;
  ~structure_compiler();

  /// Takes from under a millisecond to the limits, by what is asked. invalid_argument: it is none,
  /// or no answer could be of it; out_of_range: it takes more.
  [[nodiscard]] result<std::shared_ptr<const compiled_structure>> compile(
      const std::string& structure) const;

 private:
  struct vocabulary;
  class borrowed;
  [[nodiscard]] result<std::shared_ptr<const compiled_structure>> attempt(
      const std::string& form, const compile_limits& limits) const;
  [[nodiscard]] result<std::shared_ptr<const compiled_structure>> make(const std::string& structure,
                                                                       borrowed& compiler) const;

  const compile_limits limits_;
  std::unique_ptr<vocabulary> vocabulary_;
};

}  // namespace troupe
