#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/api/generation.hpp"
#include "runtime/base/result.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// What a receiver allows requests and answers to be.
struct answer_bounds {
  std::uint32_t positions = 16'777'216;  ///< most tokens of a prompt, and of a choice
  std::uint32_t choices = 4096;          ///< most choices of a request
  std::uint32_t vocab = std::numeric_limits<std::int32_t>::max();  ///< tokens are 0 .. vocab - 1
};

/// A request on its way from a gateway to the batcher's process.
struct asked_request {
  request_id id = 0;
  std::shared_ptr<const generation_request> asked;
};
/// The header is small; prompt, progress and the client's own words are the payload.
[[nodiscard]] outgoing_frame make_ask(const asked_request& request);
[[nodiscard]] result<asked_request> decode_ask(std::span<const std::byte> header,
                                               std::span<const std::byte> payload,
                                               const answer_bounds& bounds = {});

/// The frame `forget`.
[[nodiscard]] std::vector<std::byte> encode_forget(request_id id);
[[nodiscard]] result<request_id> decode_forget(std::span<const std::byte> header);

/// What came of a gateway's requests: of each at most one element in either list.
struct answer_news {
  std::vector<request_news> news;
  std::vector<std::pair<request_id, error>> failed;
};
[[nodiscard]] std::vector<std::byte> encode_news(const answer_news& news);
[[nodiscard]] result<answer_news> decode_news(std::span<const std::byte> header,
                                              const answer_bounds& bounds = {});

/// Asks for the answer of a response, by its id.
struct recall_question {
  std::uint64_t number = 0;  ///< the answer names it
  std::string name;
};
[[nodiscard]] std::vector<std::byte> encode_recall(const recall_question& question);
[[nodiscard]] result<recall_question> decode_recall(std::span<const std::byte> header);

/// Either a request, as it was first asked for, or why there is none.
struct recall_answer {
  std::uint64_t number = 0;
  std::optional<asked_request> found;
  std::optional<error> refusal;  ///< set where nothing was found
};
[[nodiscard]] outgoing_frame make_recalled(const recall_answer& answer);
[[nodiscard]] result<recall_answer> decode_recalled(std::span<const std::byte> header,
                                                    std::span<const std::byte> payload,
                                                    const answer_bounds& bounds = {});

}  // namespace troupe
