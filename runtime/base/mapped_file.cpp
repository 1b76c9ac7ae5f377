#include "runtime/base/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace troupe {
namespace {

/// Closes a file descriptor at the end of its scope.
class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string reason(int code) { return std::generic_category().message(code); }

}  // namespace

result<mapped_file> mapped_file::open(const std::filesystem::path& path) {
  const descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    const errc code = errno == ENOENT ? errc::not_found : errc::io_error;
    return fail(code, "{}: {}", path.string(), reason(errno));
  }
  struct stat about = {};
  if (::fstat(fd.get(), &about) != 0)
    return fail(errc::io_error, "{}: {}", path.string(), reason(errno));
  if (!S_ISREG(about.st_mode))
    return fail(errc::invalid_argument, "{}: not a regular file", path.string());
  if (about.st_size == 0) return mapped_file({}, path.filename().string());
  const auto size = static_cast<std::size_t>(about.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED)
    return fail(errc::io_error, "{}: cannot map: {}", path.string(), reason(errno));
  return mapped_file({static_cast<const std::byte*>(data), size}, path.filename().string());
}

mapped_file::mapped_file(mapped_file&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), name_(std::move(other.name_)) {}

mapped_file& mapped_file::operator=(mapped_file&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(name_, other.name_);
  return *this;
}

void mapped_file::let_go(std::span<const std::byte> part) const {
  const std::byte* const end = bytes_.data() + bytes_.size();
  if (part.empty() || part.data() < bytes_.data() || part.data() + part.size() > end) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto from = static_cast<std::size_t>(part.data() - bytes_.data());
  const std::size_t first = (from + page - 1) / page * page;
  const std::size_t last = (from + part.size()) / page * page;
  // Advice on clean pages of a file: a refusal only leaves them where they are.
  if (first < last)
    (void)::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, MADV_DONTNEED);
}

mapped_file::~mapped_file() {
  // The const_cast undoes what open() added: munmap takes the address back, it does not write.
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace troupe
