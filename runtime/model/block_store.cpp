#include "runtime/model/block_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "runtime/base/sha256.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view index_name = ".blocks";
constexpr std::string_view lock_name = ".lock";
/// Processes of one machine that have the same model's blocks, each for itself.
constexpr int most_processes = 64;

error failure(const fs::path& path, std::string_view what, int code) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return {full ? errc::exhausted : errc::io_error,
          fmt::format("{}: {}: {}", path.string(), what, std::generic_category().message(code))};
}

/// Calls that may be interrupted.
template <class Call>
auto again(const Call& call) {
  auto done = call();
  while (done < 0 && errno == EINTR) done = call();
  return done;
}

result<void> write_all(int file, const fs::path& path, std::uint64_t offset,
                       std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto wrote = again(
        [&] { return ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (wrote <= 0) return fail(failure(path, "cannot write", wrote == 0 ? EIO : errno));
    offset += static_cast<std::uint64_t>(wrote);
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return {};
}

/// Makes what a folder lists outlive the machine.
void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)::fsync(fd);
  ::close(fd);
}

/// One byte for eight blocks, behind it the digest of them.
std::vector<std::byte> packed(const std::vector<bool>& flags) {
  std::vector<std::byte> bytes((flags.size() + 7) / 8);
  for (std::size_t i = 0; i < flags.size(); ++i)
    if (flags[i]) bytes[i / 8] |= std::byte{1} << (i % 8);
  const sha256_digest digest = sha256_of(bytes);
  bytes.insert(bytes.end(), digest.begin(), digest.end());
  return bytes;
}

result<void> make_files(const fs::path& folder, const block_map& map) {
  for (const model_file& each : map.files()) {
    const fs::path path = folder / each.name;
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return fail(failure(path, "cannot be made", errno));
    const int done = ::ftruncate(fd, static_cast<off_t>(each.bytes));
    const int why = errno;
    (void)::fsync(fd);
    ::close(fd);
    if (done != 0) return fail(failure(path, "cannot be made", why));
  }
  return {};
}

/// A folder with files of nothing but holes, under its right name only when all of them are there.
result<void> begin(const fs::path& folder, const block_map& map) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  const fs::path temporary = folder.string() + ".new-" + std::to_string(::getpid());
  fs::remove_all(temporary, error);
  if (!fs::create_directory(temporary, error))
    return fail(errc::io_error, "{}: {}", temporary.string(), error.message());
  auto made = make_files(temporary, map);
  if (made) {
    sync_folder(temporary);
    fs::rename(temporary, folder, error);
    // Another process was faster: its files serve as well.
    if (error && !fs::exists(folder))
      made = fail(errc::io_error, "{}: {}", folder.string(), error.message());
  }
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  if (made) sync_folder(folder.parent_path());
  return made;
}

}  // namespace

block_store::block_store(fs::path folder, block_map map)
    : folder_(std::move(folder)), map_(std::move(map)), here_(map_.blocks()) {}

block_store::~block_store() {
  for (const int fd : files_) ::close(fd);
  if (lock_ >= 0) ::close(lock_);
}

result<std::unique_ptr<block_store>> block_store::open(const fs::path& folder,
                                                       const std::string& identity,
                                                       const block_map& map) {
  for (int number = 0; number < most_processes; ++number) {
    const fs::path own =
        folder / (number == 0 ? identity : identity + "." + std::to_string(number));
    std::error_code error;
    if (!fs::exists(own, error))
      if (auto begun = begin(own, map); !begun) return fail(std::move(begun.error()));
    std::unique_ptr<block_store> store(new block_store(own, map));
    const auto mine = store->claim();
    if (!mine) return fail(mine.error());
    if (!*mine) continue;
    if (auto opened = store->open_files(); !opened) return fail(std::move(opened.error()));
    store->read_index();
    return store;
  }
  return fail(errc::exhausted, "{}: {} processes have {} open", folder.string(), most_processes,
              identity);
}

/// False: another process has it.
result<bool> block_store::claim() {
  const fs::path path = folder_ / lock_name;
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) return fail(failure(path, "cannot be opened", errno));
  if (again([&] { return ::flock(lock_, LOCK_EX | LOCK_NB); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return fail(failure(path, "cannot be locked", errno));
}

result<void> block_store::open_files() {
  for (const model_file& each : map_.files()) {
    const fs::path path = folder_ / each.name;
    std::error_code error;
    if (fs::file_size(path, error) != each.bytes || error)
      return fail(errc::corrupt, "{}: it is not {} bytes long; remove {}", path.string(),
                  each.bytes, folder_.string());
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return fail(failure(path, "cannot be opened", errno));
    files_.push_back(fd);
  }
  return {};
}

/// An index that is missing or damaged says that nothing is here.
void block_store::read_index() {
  std::ifstream file(folder_ / index_name, std::ios::binary);
  std::vector<char> text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto bytes = std::as_bytes(std::span(text));
  const std::size_t flags = (here_.size() + 7) / 8;
  if (bytes.size() != flags + sizeof(sha256_digest)) return;
  const sha256_digest digest = sha256_of(bytes.first(flags));
  if (!std::equal(digest.begin(), digest.end(), bytes.begin() + static_cast<std::ptrdiff_t>(flags)))
    return;
  for (std::size_t i = 0; i < here_.size(); ++i)
    here_[i] = (bytes[i / 8] & (std::byte{1} << (i % 8))) != std::byte{0};
}

bool block_store::has(std::uint32_t block) const {
  const std::lock_guard lock(mutex_);
  return here_[block];
}

result<void> block_store::read(std::uint32_t block, std::span<std::byte> into) const {
  const block_map::place at = map_.at(block);
  const fs::path path = folder_ / map_.files()[at.file].name;
  std::size_t done = 0;
  while (done < at.bytes) {
    const auto got = again([&] {
      return ::pread(files_[at.file], into.data() + done, at.bytes - done,
                     static_cast<off_t>(at.offset + done));
    });
    if (got <= 0) return fail(failure(path, "cannot read", got == 0 ? EIO : errno));
    done += static_cast<std::size_t>(got);
  }
  return {};
}

fs::path block_store::model(bool folder) const {
  return folder ? folder_ : folder_ / map_.files().front().name;
}

result<void> block_store::write(std::uint32_t block, std::span<const std::byte> bytes) {
  const block_map::place at = map_.at(block);
  const fs::path path = folder_ / map_.files()[at.file].name;
  // Room first, so that a full disk is noticed here and not when the pages are written back.
  const int room = ::posix_fallocate(files_[at.file], static_cast<off_t>(at.offset),
                                     static_cast<off_t>(at.bytes));
  if (room != 0) {
    give_back(at);
    return fail(failure(path, "no room", room));
  }
  if (auto done = write_all(files_[at.file], path, at.offset, bytes); !done) {
    give_back(at);
    return done;
  }
  const std::lock_guard lock(mutex_);
  fresh_.push_back(block);
  return {};
}

result<void> block_store::keep() {
  for (std::size_t i = 0; i < files_.size(); ++i)
    if (again([&] { return ::fdatasync(files_[i]); }) != 0)
      return fail(failure(folder_ / map_.files()[i].name, "cannot be written back", errno));
  // Whoever asks what is here does not wait for the disk.
  std::vector<bool> kept;
  std::vector<std::uint32_t> fresh;
  {
    const std::lock_guard lock(mutex_);
    kept = here_;
    fresh = fresh_;
  }
  for (const std::uint32_t block : fresh) kept[block] = true;
  if (auto done = write_index(kept); !done) return done;
  const std::lock_guard lock(mutex_);
  here_ = std::move(kept);
  fresh_.erase(fresh_.begin(), fresh_.begin() + static_cast<std::ptrdiff_t>(fresh.size()));
  return {};
}

result<void> block_store::write_index(const std::vector<bool>& kept) const {
  const fs::path path = folder_ / index_name;
  const fs::path temporary = path.string() + ".new";
  const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return fail(failure(temporary, "cannot be made", errno));
  auto done = write_all(fd, temporary, 0, packed(kept));
  if (done && ::fsync(fd) != 0) done = fail(failure(temporary, "cannot be written back", errno));
  ::close(fd);
  if (done && ::rename(temporary.c_str(), path.c_str()) != 0)
    done = fail(failure(path, "cannot be renamed", errno));
  std::error_code ignored;
  if (!done) fs::remove(temporary, ignored);
  sync_folder(folder_);
  return done;
}

void block_store::give_back(const block_map::place& at) const {
  // Where the file system has no holes, the bytes stay, and count for nothing.
  (void)::fallocate(files_[at.file], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(at.offset), static_cast<off_t>(at.bytes));
}

void block_store::discard() {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t block : fresh_) give_back(map_.at(block));
  fresh_.clear();
  if (std::find(here_.begin(), here_.end(), true) != here_.end()) return;
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace troupe
