#include "tests/support/gguf_writer.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace troupe::test {
namespace {

constexpr std::uint64_t follow = ~std::uint64_t{0};  // no claimed offset: where the data lies

std::string prefixed(std::string_view text) {
  return bytes_of<std::uint64_t>(text.size()) + std::string(text);
}

void pad(std::string& out, std::size_t alignment) {
  while (out.size() % alignment != 0) out += '\0';
}

}  // namespace

gguf_writer& gguf_writer::raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
  metadata_.emplace_back(key, bytes_of(type) + std::string(bytes));
  return *this;
}

gguf_writer& gguf_writer::text(std::string_view key, std::string_view value) {
  return raw(key, 8, prefixed(value));
}

gguf_writer& gguf_writer::u32(std::string_view key, std::uint32_t value) {
  return raw(key, 4, bytes_of(value));
}

gguf_writer& gguf_writer::u64(std::string_view key, std::uint64_t value) {
  return raw(key, 10, bytes_of(value));
}

gguf_writer& gguf_writer::f32(std::string_view key, float value) {
  return raw(key, 6, bytes_of(value));
}

gguf_writer& gguf_writer::flag(std::string_view key, bool value) {
  return raw(key, 7, bytes_of(static_cast<std::uint8_t>(value)));
}

gguf_writer& gguf_writer::texts(std::string_view key, std::span<const std::string> values) {
  std::string bytes = bytes_of<std::uint32_t>(8) + bytes_of<std::uint64_t>(values.size());
  for (const std::string& value : values) bytes += prefixed(value);
  return raw(key, 9, bytes);
}

gguf_writer& gguf_writer::i32s(std::string_view key, std::span<const std::int32_t> values) {
  std::string bytes = bytes_of<std::uint32_t>(5) + bytes_of<std::uint64_t>(values.size());
  for (const std::int32_t value : values) bytes += bytes_of(value);
  return raw(key, 9, bytes);
}

gguf_writer& gguf_writer::tensor(std::string_view name, std::vector<std::uint64_t> shape,
                                 std::uint32_t type, std::string data) {
  tensors_.push_back({std::string(name), std::move(shape), type, std::move(data), follow});
  return *this;
}

gguf_writer& gguf_writer::f32_tensor(std::string_view name, std::vector<std::uint64_t> shape,
                                     std::span<const float> values) {
  return tensor(
      name, std::move(shape), 0,
      std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
}

gguf_writer& gguf_writer::without_key(std::string_view key) {
  std::erase_if(metadata_, [&](const auto& entry) { return entry.first == key; });
  return *this;
}

gguf_writer& gguf_writer::without_tensor(std::string_view name) {
  std::erase_if(tensors_, [&](const stored& t) { return t.name == name; });
  return *this;
}

gguf_writer::stored* gguf_writer::find(std::string_view name) {
  const auto found = std::ranges::find(tensors_, name, &stored::name);
  return found == tensors_.end() ? nullptr : &*found;
}

gguf_writer& gguf_writer::claim_offset(std::string_view name, std::uint64_t offset) {
  if (stored* const t = find(name)) t->claimed_offset = offset;
  return *this;
}

gguf_writer& gguf_writer::claim_shape(std::string_view name, std::vector<std::uint64_t> shape) {
  if (stored* const t = find(name)) t->shape = std::move(shape);
  return *this;
}

gguf_writer& gguf_writer::claim_type(std::string_view name, std::uint32_t type) {
  if (stored* const t = find(name)) t->type = type;
  return *this;
}

gguf_writer& gguf_writer::version(std::uint32_t value) {
  version_ = value;
  return *this;
}

gguf_writer& gguf_writer::alignment(std::uint32_t value) {
  alignment_ = value;
  without_key("general.alignment");
  return u32("general.alignment", value);
}

std::string gguf_writer::build() const {
  std::string out = "GGUF" + bytes_of(version_) + bytes_of<std::uint64_t>(tensors_.size()) +
                    bytes_of<std::uint64_t>(metadata_.size());
  for (const auto& [key, value] : metadata_) out += prefixed(key) + value;
  std::string data;
  for (const stored& t : tensors_) {
    out += prefixed(t.name) + bytes_of(static_cast<std::uint32_t>(t.shape.size()));
    for (auto size = t.shape.rbegin(); size != t.shape.rend(); ++size) out += bytes_of(*size);
    pad(data, alignment_);
    out += bytes_of(t.type);
    out += bytes_of<std::uint64_t>(t.claimed_offset == follow ? data.size() : t.claimed_offset);
    data += t.data;
  }
  pad(out, alignment_);
  return out + data;
}

void gguf_writer::write(const std::filesystem::path& path) const { write_file(path, build()); }

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  // A new file each time: truncating one that is mapped would pull its pages away, and file systems
  // flush a file that replaces its own content.
  std::filesystem::remove(path);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace troupe::test
