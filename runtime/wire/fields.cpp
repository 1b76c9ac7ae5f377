#include "runtime/wire/fields.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/api/sample.hpp"

namespace troupe::wire {
namespace {

constexpr std::size_t longest_message = 1000;

/// One line of printable characters.
std::string made_plain(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

errc get_code(byte_reader& from) {
  const auto code = from.get<std::uint8_t>("error code");
  if (code >= static_cast<std::uint8_t>(errc::invalid_argument) &&
      code <= static_cast<std::uint8_t>(errc::internal)) {
    return static_cast<errc>(code);
  }
  from.refuse(errc::corrupt, "error code {}", code);
  return errc::internal;
}

}  // namespace

void put_params(byte_writer& to, const sampling_params& params) {
  to.put(params.temperature);
  to.put(params.top_p);
  to.put(params.min_p);
  to.put(params.presence_penalty);
  to.put(params.frequency_penalty);
  to.put(params.repetition_penalty);
  to.put(params.top_k);
  to.put(params.seed);
  to.put_flag(params.logprobs);
  to.put(params.top_logprobs);
  to.put_count(params.logit_bias.size());
  for (const auto& [token, bias] : params.logit_bias) {
    to.put(token);
    to.put(bias);
  }
}

sampling_params get_params(byte_reader& from) {
  sampling_params p;
  p.temperature = get_finite(from, "temperature");
  p.top_p = get_finite(from, "top_p");
  p.min_p = get_finite(from, "min_p");
  p.presence_penalty = get_finite(from, "presence penalty");
  p.frequency_penalty = get_finite(from, "frequency penalty");
  p.repetition_penalty = get_finite(from, "repetition penalty");
  p.top_k = from.get<std::uint32_t>("top_k");
  p.seed = from.get<std::uint64_t>("seed");
  p.logprobs = from.get_flag("logprobs");
  p.top_logprobs = from.get<std::uint32_t>("top_logprobs");
  if (p.top_logprobs > kernels::max_top_logprobs)
    from.refuse(errc::out_of_range, "top_logprobs: {}, at most {} may be", p.top_logprobs,
                kernels::max_top_logprobs);
  const std::uint32_t biases = from.get_count("biases", bias_bytes);
  p.logit_bias.reserve(biases);
  for (std::uint32_t i = 0; i < biases; ++i) {
    const auto token = from.get<token_id>("biased token");
    p.logit_bias.emplace_back(token, get_finite(from, "bias"));
  }
  return p;
}

std::size_t bytes_of(const token_logprob& from) {
  return logprob_bytes + from.top.size() * alternative_bytes;
}

void put_logprob(byte_writer& to, const token_logprob& from) {
  to.put(from.logprob);
  to.put_count(from.top.size());
  for (const auto& [token, logprob] : from.top) {
    to.put(token);
    to.put(logprob);
  }
}

token_logprob get_logprob(byte_reader& from, std::uint32_t vocab) {
  token_logprob out;
  out.logprob = from.get<float>("logprob");
  const std::uint32_t top =
      from.get_count("alternatives", alternative_bytes, kernels::max_top_logprobs);
  out.top.reserve(top);
  for (std::uint32_t k = 0; k < top; ++k) {
    const token_id token = get_token(from, vocab);
    out.top.emplace_back(token, from.get<float>("logprob"));
  }
  return out;
}

token_id get_token(byte_reader& from, std::uint32_t vocab) {
  const auto token = from.get<token_id>("token");
  if (static_cast<std::uint32_t>(token) >= vocab)
    from.refuse(errc::out_of_range, "token {} of {}", token, vocab);
  return token;
}

float get_finite(byte_reader& from, std::string_view what) {
  const auto value = from.get<float>(what);
  if (!std::isfinite(value)) from.refuse(errc::corrupt, "{}: {}", what, value);
  return value;
}

double get_seconds(byte_reader& from, std::string_view what) {
  const auto value = from.get<double>(what);
  if (!std::isfinite(value) || value < 0) from.refuse(errc::corrupt, "{}: {}", what, value);
  return value;
}

void put_error(byte_writer& to, const error& why) {
  to.put(static_cast<std::uint8_t>(why.code()));
  to.put_text(made_plain(why.message().substr(0, longest_message)));
}

error get_error(byte_reader& from) {
  const errc code = get_code(from);
  return {code, made_plain(from.get_text("message", longest_message))};
}

}  // namespace troupe::wire
