#pragma once

#include <xgrammar/compiler.h>
#include <xgrammar/config.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/sampling/structure.hpp"

namespace troupe {

/// What structures of one vocabulary have in common.
struct structure_vocabulary {
  std::uint32_t size = 0;
  std::vector<token_id> ends;
  /// Tokens that are line breaks and nothing else: they may stand between a thought and the answer.
  std::vector<token_id> breaks;
  /// Tokens with control characters other than line breaks, by bits. JSON needs none outside its
  /// strings and allows none inside; the library lets them into strings that have a length.
  std::vector<std::uint32_t> controls;
};

struct compiled_structure::parts {
  xgrammar::CompiledGrammar grammar;
  std::shared_ptr<const structure_vocabulary> vocabulary;
  bool json = false;  ///< some of it is of a JSON schema
};

}  // namespace troupe
