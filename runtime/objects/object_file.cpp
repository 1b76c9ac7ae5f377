#include "runtime/objects/object_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "runtime/storage/sqlite_schema.hpp"

namespace troupe {
namespace {

/// Only ever added to: files of earlier versions take the steps that they lack.
constexpr std::array<std::string_view, 1> steps{R"(
CREATE TABLE responses (
  id TEXT NOT NULL UNIQUE,
  owner INTEGER NOT NULL,    -- the key's id; 0: there are no keys
  key TEXT NOT NULL,         -- its name
  created INTEGER NOT NULL,  -- seconds since 1970, as all times here
  expires INTEGER NOT NULL,
  previous TEXT NOT NULL,    -- the response that it follows; empty: none
  running INTEGER NOT NULL,  -- to be drawn again from `request` where it was cut short
  streamed INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  request TEXT NOT NULL,     -- the body of one that runs, else empty
  input TEXT NOT NULL,       -- JSON: a list of items
  response TEXT NOT NULL,    -- JSON
  events TEXT NOT NULL       -- of one that may be streamed again
) STRICT;
CREATE INDEX responses_owner ON responses (owner, created);
CREATE INDEX responses_expires ON responses (expires);
CREATE INDEX responses_running ON responses (running) WHERE running;
CREATE TABLE files (
  id TEXT NOT NULL UNIQUE,
  owner INTEGER NOT NULL,  -- -1: not complete yet, and nobody's
  created INTEGER NOT NULL,
  expires INTEGER,
  purpose TEXT NOT NULL,
  name TEXT NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX files_owner ON files (owner, created);
CREATE TABLE file_parts (
  file TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  part INTEGER NOT NULL,  -- each of one size, but the last
  content BLOB NOT NULL,
  UNIQUE (file, part)
) STRICT;
CREATE TABLE batches (
  id TEXT NOT NULL UNIQUE,
  owner INTEGER NOT NULL,
  key TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  status TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  input TEXT NOT NULL,  -- a file
  total INTEGER NOT NULL,
  completed INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  object TEXT NOT NULL  -- JSON: what else is shown
) STRICT;
CREATE INDEX batches_owner ON batches (owner, created);
CREATE TABLE batch_lines (
  batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
  line INTEGER NOT NULL,   -- from 0
  name TEXT NOT NULL,      -- custom_id
  start INTEGER NOT NULL,  -- where it stands in the input
  bytes INTEGER NOT NULL,
  state INTEGER NOT NULL,  -- 0 waits, 1 answered, 2 failed
  outcome TEXT NOT NULL,   -- the line of the output or of the errors
  UNIQUE (batch, line),
  UNIQUE (batch, name)
) STRICT;
)"};

constexpr sqlite::schema object_schema{0x54726f62, "a store of responses, files and batches",
                                       steps};

/// A file beside the store: SQLite's own locks come and go.
result<int> lock_beside(const std::filesystem::path& path) {
  const std::string name = path.string() + ".lock";
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return fail(errc::io_error, "{}: {}", name, std::generic_category().message(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int why = errno;
  ::close(fd);
  if (why == EWOULDBLOCK)
    return fail(errc::already_exists, "{}: another server has this store; each needs its own",
                path.string());
  return fail(errc::io_error, "{}: {}", name, std::generic_category().message(why));
}

}  // namespace

object_file::object_file(sqlite::database database, int lock)
    : database_(std::move(database)), lock_(lock) {}

object_file::~object_file() { ::close(lock_); }

result<std::unique_ptr<object_file>> object_file::open(const std::filesystem::path& path) {
  const auto lock = lock_beside(path);
  if (!lock) return fail(lock.error());
  auto database = sqlite::database::open(path);
  result<void> ready;
  if (!database)
    ready = fail(database.error());
  else
    ready = sqlite::apply(*database, object_schema);
  if (!ready) {
    ::close(*lock);
    return fail(ready.error());
  }
  return std::unique_ptr<object_file>(new object_file(std::move(*database), *lock));
}

}  // namespace troupe
