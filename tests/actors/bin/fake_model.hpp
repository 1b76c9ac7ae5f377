#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/bin/line_source.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe::test {

/// A model whose tokens are the 256 bytes, then <end>; its template writes "role:content\n" lines.
[[nodiscard]] std::shared_ptr<const served_model> byte_model(std::uint32_t context = 1000);
inline constexpr token_id end_token = 256;

/// Answers at once, on the caller's thread, with whatever `reply` makes of the prompt's text.
class fake_service : public generation_service {
 public:
  using reply_function = std::function<result<std::string>(const std::string& prompt)>;
  explicit fake_service(reply_function reply) : reply_(std::move(reply)) {}

  /// Leaves every answer without an end: only cancel() gets out.
  void never_end() { endless_ = true; }

  [[nodiscard]] result<request_id> submit(generation_request request,
                                          std::shared_ptr<generation_listener> listener) override;
  void cancel(request_id id) override { cancelled.push_back(id); }
  [[nodiscard]] engine_stats stats() const override { return counted; }

  std::vector<generation_request> requests;
  std::vector<request_id> cancelled;
  engine_stats counted;

 private:
  reply_function reply_;
  bool endless_ = false;
};

/// Lines given beforehand.
class scripted_lines : public cli::line_source {
 public:
  explicit scripted_lines(std::vector<std::string> lines) : lines_(std::move(lines)) {}
  [[nodiscard]] std::optional<std::string> read(std::string_view prompt) override;
  void remember(const std::string& line) override { remembered.push_back(line); }

  std::vector<std::string> remembered;

 private:
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
};

}  // namespace troupe::test
