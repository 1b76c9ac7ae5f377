#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// Bounds on what an answer may be held to. A structure within them compiles in bounded time.
struct structure_bounds {
  std::size_t schema_bytes = 128UL << 10U;
  std::size_t schema_nodes = 8'192;  ///< values in a schema
  std::size_t schema_refs = 128;     ///< different places that $ref names
  std::size_t schema_depth = 48;
  std::int64_t schema_count = 4'096;  ///< minItems, maxLength and the like
  std::size_t regex_bytes = 4'096;
  std::uint64_t regex_weight = 8'192;  ///< see refusal_of_regex()
  std::size_t grammar_bytes = 64UL << 10U;
  std::size_t grammar_rules = 512;
  std::size_t group_depth = 48;
  std::size_t choices = 1'024;
  std::size_t choice_bytes = 64UL << 10U;
};

/// Why a JSON schema is refused, if it is: it is too large, names what is not in it, or no value of
/// it has an end.
[[nodiscard]] std::optional<std::string> refusal_of_schema(const boost::json::value& schema,
                                                           const structure_bounds& bounds = {});
/// The same for a regular expression: it is too long, or repeats too much.
[[nodiscard]] std::optional<std::string> refusal_of_regex(std::string_view regex,
                                                          const structure_bounds& bounds = {});
/// The same for a grammar in xgrammar's EBNF.
[[nodiscard]] std::optional<std::string> refusal_of_grammar(std::string_view grammar,
                                                            const structure_bounds& bounds = {});

}  // namespace troupe
