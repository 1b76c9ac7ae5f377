#include "actors/bin/scale_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "actors/bin/child_process.hpp"
#include "actors/bin/descriptor.hpp"

namespace troupe::cli {
namespace {

constexpr std::size_t most_output = 4096;
constexpr std::size_t most_shown = 300;
/// Reads from a program that writes without end, before its end is looked at again.
constexpr int most_reads = 64;
/// For the kernel to carry out a SIGKILL.
constexpr std::chrono::milliseconds kill_limit{1'000};

/// The end of what a program wrote, as one line for a person.
std::string shown(std::string_view output) {
  std::string line;
  for (const char c : output) {
    const auto byte = static_cast<unsigned char>(c);
    const bool gap = byte <= 0x20 || byte == 0x7f;
    if (!gap) line += c;
    if (gap && !line.empty() && line.back() != ' ') line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  std::size_t from = line.size() - std::min(line.size(), most_shown);
  // Not in the middle of a character.
  while (from < line.size() && (static_cast<unsigned char>(line[from]) & 0xc0U) == 0x80U) ++from;
  return line.substr(from);
}

class command_provider final : public scale_provider {
 public:
  explicit command_provider(scale_command command) : command_(std::move(command)) {}
  ~command_provider() override {
    if (child_) child_->kill_group();
  }

  [[nodiscard]] std::string means() const override { return "command"; }

  void grow(std::uint32_t count, time_point now) override {
    start({"grow", "--count", std::to_string(count), "--join", command_.join, "--model",
           command_.model},
          now);
  }

  void shrink(const std::string& node, const std::string& host, time_point now) override {
    start({"shrink", node, "--host", host}, now);
  }

  [[nodiscard]] std::optional<result<void>> poll(time_point now) override {
    if (outcome_) return std::exchange(outcome_, std::nullopt);
    if (!child_) return std::nullopt;
    child_process::end how;
    const bool ended = child_->finished(how);
    read();
    if (ended) {
      if (how.code == 0 && how.signal == 0) return end_call({});
      return end_call(
          fail(errc::io_error, "{} {}: {}{}", command_.file, verb_, how.text(), said()));
    }
    if (now < deadline_) return std::nullopt;
    child_->kill_group();
    (void)child_->wait(kill_limit);
    return end_call(fail(errc::deadline_exceeded, "{} {} did not end within {} s and was killed{}",
                         command_.file, verb_, command_.limit.count() / 1000, said()));
  }

  [[nodiscard]] bool removable(const std::string& node) const override {
    return !node.starts_with('-');  // the executable would take it for an option
  }

 private:
  void start(std::vector<std::string> words, time_point now) {
    verb_ = words.front();
    deadline_ = now + command_.limit;
    output_.clear();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
      outcome_ = fail(errc::io_error, "pipe: {}", std::generic_category().message(errno));
      return;
    }
    from_ = descriptor(ends[0]);
    const descriptor to(ends[1]);
    // What writes there is not this program, and need not know of full pipes.
    (void)::fcntl(to.number(), F_SETFL, 0);
    words.insert(words.begin(), command_.file);
    auto child = child_process::start({command_.file, std::move(words), to.number()});
    if (!child) {
      outcome_ = fail(std::move(child.error()));
      return;
    }
    child_.emplace(std::move(*child));
  }

  void read() {
    std::array<char, 4096> part{};
    for (int i = 0; i < most_reads; ++i) {
      const ssize_t got = ::read(from_.number(), part.data(), part.size());
      if (got <= 0) return;
      output_.append(part.data(), static_cast<std::size_t>(got));
      if (output_.size() > most_output) output_.erase(0, output_.size() - most_output);
    }
  }

  [[nodiscard]] std::string said() const {
    const std::string line = shown(output_);
    return line.empty() ? line : ": " + line;
  }

  std::optional<result<void>> end_call(result<void> outcome) {
    child_.reset();
    from_.close();
    return outcome;
  }

  const scale_command command_;
  std::string verb_;
  time_point deadline_;
  descriptor from_;
  std::string output_;
  std::optional<child_process> child_;
  std::optional<result<void>> outcome_;  ///< of a call that could not begin
};

}  // namespace

result<std::string> runnable_file(const std::string& file) {
  std::error_code failed;
  const auto path = std::filesystem::absolute(file, failed);
  if (!failed && std::filesystem::is_regular_file(path, failed) &&
      ::access(path.c_str(), X_OK) == 0)
    return path.string();
  return fail(errc::invalid_argument, "autoscale.command: {} is not a file that can be run", file);
}

result<std::unique_ptr<scale_provider>> make_command_provider(scale_command command) {
  auto file = runnable_file(command.file);
  if (!file) return fail(std::move(file.error()));
  command.file = std::move(*file);
  return std::make_unique<command_provider>(std::move(command));
}

}  // namespace troupe::cli
