#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/tokenizer.hpp"

namespace troupe::test {

[[nodiscard]] std::string read_file(const std::filesystem::path& path);
[[nodiscard]] boost::json::value read_json(const std::filesystem::path& path);
[[nodiscard]] std::vector<token_id> ids_of(const boost::json::value& array);

/// The tokenizer.json of a tiny reference model.
[[nodiscard]] tokenizer_spec tiny_spec(std::string_view model);
[[nodiscard]] added_token added_of(const boost::json::value& token);

/// The 256 bytes by value; `words` and the merges that make them left to right are put behind.
[[nodiscard]] tokenizer_spec byte_spec(const std::vector<std::string>& words = {});

/// Requires that the specification is good.
[[nodiscard]] std::shared_ptr<const tokenizer> make(const tokenizer_spec& spec);
/// Requires that it is not; returns the message.
[[nodiscard]] std::string reject(const tokenizer_spec& spec, errc code);

/// Qwen's real tokenizer, or nullptr where its vocabulary has not been fetched.
[[nodiscard]] std::shared_ptr<const tokenizer> qwen();

/// Text of up to `most` parts that are hard on tokenizers; with `broken`, stray bytes too.
[[nodiscard]] std::string nasty_text(std::mt19937& random, std::size_t most, bool broken);

}  // namespace troupe::test
