#include "runtime/cache/disk_tier.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/sha256.hpp"

namespace troupe {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view unfinished = ".tmp";

/// What a file begins with. Little-endian like the machines that write it.
struct file_header {
  std::array<char, 8> magic{'t', 'r', 'o', 'u', 'p', 'e', 'k', 'v'};
  std::uint64_t version = 1;
  sha256_digest identity{};
  std::array<std::byte, 16> key{};
  std::uint64_t contents = 0;  ///< bytes that follow
};
static_assert(sizeof(file_header) == 72);

/// Header, contents, and their digest.
std::vector<std::byte> file_of_page(const file_header& header,
                                    std::span<const std::byte> contents) {
  std::vector<std::byte> all(sizeof header + contents.size() + sizeof(sha256_digest));
  std::memcpy(all.data(), &header, sizeof header);
  std::memcpy(all.data() + sizeof header, contents.data(), contents.size());
  const std::size_t covered = sizeof header + contents.size();
  const sha256_digest digest = sha256_of(std::span(all).first(covered));
  std::memcpy(all.data() + covered, digest.data(), digest.size());
  return all;
}

sha256_digest digest_of(const std::string& text) {
  return sha256_of(std::as_bytes(std::span(text.data(), text.size())));
}

/// An open file, closed with the object.
class descriptor {
 public:
  descriptor(const fs::path& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

/// The whole of a file of exactly `size` bytes.
std::optional<std::vector<std::byte>> read_all(const fs::path& path, std::size_t size) {
  const descriptor file(path, O_RDONLY | O_NOFOLLOW);
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode) ||
      static_cast<std::size_t>(about.st_size) != size)
    return std::nullopt;
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size;) {
    const ssize_t count = ::read(file.get(), bytes.data() + at, size - at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    at += static_cast<std::size_t>(count);
  }
  return bytes;
}

std::optional<block_key> key_from(const std::string& name) {
  block_key key;
  if (name.size() != 2 * key.bytes.size()) return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < key.bytes.size(); ++i) {
    const int high = digit(name[2 * i]);
    const int low = digit(name[2 * i + 1]);
    if (high < 0 || high > 15 || low < 0 || low > 15) return std::nullopt;
    key.bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  return key.text() == name ? std::optional(key) : std::nullopt;
}

}  // namespace

std::uint64_t disk_tier::file_bytes() const {
  return sizeof(file_header) + settings_.page_bytes + sizeof(sha256_digest);
}

fs::path disk_tier::file_of(const block_key& key) const {
  const std::string name = key.text();
  return settings_.folder / folder_name_ / name.substr(0, 2) / name;
}

result<disk_tier> disk_tier::open(const settings& s) {
  disk_tier out(s);
  block_key name;
  const sha256_digest identity = digest_of(s.identity);
  std::copy_n(identity.begin(), name.bytes.size(), name.bytes.begin());
  out.folder_name_ = name.text();
  std::error_code failed;
  for (const fs::path& each : {s.folder, s.folder / out.folder_name_}) {
    if (fs::create_directories(each, failed)) fs::permissions(each, fs::perms::owner_all, failed);
    if (failed) return fail(errc::io_error, "cache folder {}: {}", each.string(), failed.message());
  }
  if (::access((s.folder / out.folder_name_).c_str(), R_OK | W_OK | X_OK) != 0)
    return fail(errc::io_error, "cache folder {}: {}", s.folder.string(), std::strerror(errno));
  out.find_files();
  return out;
}

void disk_tier::find_files() {
  struct found {
    fs::file_time_type used;
    block_key key;
  };
  std::vector<found> all;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(settings_.folder / folder_name_, failed), end;
       !failed && at != end; at.increment(failed)) {
    std::error_code odd;
    if (!at->is_regular_file(odd) || odd) continue;
    const fs::path& path = at->path();
    // What a process that was killed did not finish.
    if (path.extension() == unfinished) {
      fs::remove(path, odd);
    } else if (const auto key = key_from(path.filename().string()); key && path == file_of(*key)) {
      all.push_back({at->last_write_time(odd), *key});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const found& a, const found& b) { return a.used < b.used; });
  for (const found& each : all) add(each.key);
}

void disk_tier::add(const block_key& key) {
  std::vector<block_key> oldest;
  {
    const std::lock_guard lock(*mutex_);
    by_key_.emplace(key, lru_.insert(lru_.end(), key));
    while (by_key_.size() * file_bytes() > settings_.most_bytes) {
      oldest.push_back(lru_.front());
      by_key_.erase(lru_.front());
      lru_.pop_front();
    }
  }
  for (const block_key& each : oldest) remove_file(each);
}

void disk_tier::remove(const block_key& key) {
  {
    const std::lock_guard lock(*mutex_);
    const auto known = by_key_.find(key);
    if (known == by_key_.end()) return;
    lru_.erase(known->second);
    by_key_.erase(known);
  }
  remove_file(key);
}

void disk_tier::remove_file(const block_key& key) const {
  std::error_code ignored;
  fs::remove(file_of(key), ignored);
}

result<void> disk_tier::put(const block_key& key, std::span<const std::byte> contents) {
  if (contents.size() != settings_.page_bytes)
    return fail(errc::invalid_argument, "a page of {} bytes, {} expected", contents.size(),
                settings_.page_bytes);
  if (has(key) || file_bytes() > settings_.most_bytes) return {};
  file_header header;
  header.identity = digest_of(settings_.identity);
  header.key = key.bytes;
  header.contents = contents.size();
  const fs::path path = file_of(key);
  const fs::path partial =
      path.string() + "." + std::to_string(::getpid()) + std::string(unfinished);
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  const auto refused = [&] {
    const int why = errno;
    fs::remove(partial, failed);
    return fail(errc::io_error, "{}: {}", path.string(), std::strerror(why));
  };
  {
    const descriptor file(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (!file || !write_all(file.get(), file_of_page(header, contents))) return refused();
  }
  if (::rename(partial.c_str(), path.c_str()) != 0) return refused();
  add(key);
  return {};
}

bool disk_tier::get(const block_key& key, std::span<std::byte> to) {
  if (!has(key) || to.size() != settings_.page_bytes) return false;
  const fs::path path = file_of(key);
  const auto bytes = read_all(path, file_bytes());
  file_header expected;
  expected.identity = digest_of(settings_.identity);
  expected.key = key.bytes;
  expected.contents = to.size();
  const std::size_t covered = sizeof expected + to.size();
  const bool sound = bytes && std::memcmp(bytes->data(), &expected, sizeof expected) == 0 &&
                     std::ranges::equal(sha256_of(std::span(*bytes).first(covered)),
                                        std::span(*bytes).subspan(covered));
  if (!sound) {
    ++rejected_;
    remove(key);
    return false;
  }
  std::memcpy(to.data(), bytes->data() + sizeof expected, to.size());
  {
    const std::lock_guard lock(*mutex_);
    lru_.splice(lru_.end(), lru_, by_key_.at(key));
  }
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return true;
}

}  // namespace troupe
