#include "runtime/formats/gguf_reader.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "runtime/formats/gguf_types.hpp"

namespace troupe {
namespace {

constexpr std::uint32_t magic = 0x46554747;  // "GGUF", little-endian
constexpr std::uint64_t most_tensors = 1U << 20U;
constexpr std::uint64_t longest_name = 256;
constexpr std::uint32_t most_dimensions = 4;
constexpr std::int64_t largest_alignment = 1 << 20;

/// A tensor before its offset has been resolved against the data section.
struct directory_entry {
  stored_tensor tensor;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

result<directory_entry> read_entry(byte_cursor& in, std::uint64_t number) {
  const auto name = in.text();
  const auto dimensions = in.read<std::uint32_t>();
  if (!name || !dimensions) return fail(errc::corrupt, "the file ends inside tensor {}", number);
  if (name->empty() || name->size() > longest_name)
    return fail(errc::corrupt, "tensor {} has a name of {} bytes", number, name->size());
  if (*dimensions == 0 || *dimensions > most_dimensions)
    return fail(errc::corrupt, "tensor '{}' has {} dimensions", *name, *dimensions);
  directory_entry entry;
  entry.tensor.name = *name;
  for (std::uint32_t i = 0; i < *dimensions; ++i) {
    const auto size = in.read<std::uint64_t>();
    if (!size) return fail(errc::corrupt, "the file ends inside tensor '{}'", *name);
    entry.tensor.shape.push_back(*size);
  }
  std::ranges::reverse(entry.tensor.shape);  // the file names the innermost dimension first
  const auto type = in.read<std::uint32_t>();
  const auto offset = in.read<std::uint64_t>();
  if (!type || !offset) return fail(errc::corrupt, "the file ends inside tensor '{}'", *name);
  const auto known = from_gguf_tensor_type(*type);
  if (!known)
    return fail(errc::unsupported,
                "tensor '{}' is of type {}; troupe reads F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K "
                "and Q6_K",
                *name, gguf_tensor_type_name(*type));
  entry.tensor.type = *known;
  entry.offset = *offset;
  const auto bytes = payload_bytes(*known, entry.tensor.shape);
  if (!bytes) return fail(bytes.error().within(fmt::format("tensor '{}'", *name)));
  entry.bytes = *bytes;
  return entry;
}

result<std::uint32_t> read_alignment(const gguf_metadata& metadata) {
  const auto alignment = metadata.integer("general.alignment");
  if (!alignment) return fail(alignment.error());
  const std::int64_t value = alignment->value_or(32);
  if (value <= 0 || value > largest_alignment ||
      !std::has_single_bit(static_cast<std::uint64_t>(value)))
    return fail(errc::corrupt, "general.alignment is {}, not a power of two up to {}", value,
                largest_alignment);
  return static_cast<std::uint32_t>(value);
}

/// Gives each entry its bytes of the data section and refuses those outside it or overlapping.
result<void> place(std::vector<directory_entry>& entries, std::span<const std::byte> data,
                   std::uint32_t alignment) {
  std::vector<const directory_entry*> order;
  order.reserve(entries.size());
  for (directory_entry& entry : entries) {
    if (entry.offset % alignment != 0)
      return fail(errc::corrupt, "tensor '{}' starts at {}, not a multiple of {}",
                  entry.tensor.name, entry.offset, alignment);
    if (entry.offset > data.size() || entry.bytes > data.size() - entry.offset)
      return fail(errc::corrupt,
                  "tensor '{}' needs {} bytes at {}, but the file has {} bytes of data: it is "
                  "truncated or damaged",
                  entry.tensor.name, entry.bytes, entry.offset, data.size());
    entry.tensor.data = data.subspan(entry.offset, entry.bytes);
    order.push_back(&entry);
  }
  std::ranges::sort(order, {}, &directory_entry::offset);
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset)
      return fail(errc::corrupt, "tensors '{}' and '{}' overlap", order[i - 1]->tensor.name,
                  order[i]->tensor.name);
  }
  return {};
}

result<std::uint32_t> read_version(byte_cursor& in) {
  if (in.read<std::uint32_t>() != magic) return fail(errc::corrupt, "not a GGUF file");
  const auto version = in.read<std::uint32_t>();
  if (!version) return fail(errc::corrupt, "the file ends inside its header");
  if (*version != 0 && (*version & 0xFFFFU) == 0)
    return fail(errc::unsupported, "a big-endian GGUF file");
  if (*version != 2 && *version != 3)
    return fail(errc::unsupported, "GGUF version {}; troupe reads 2 and 3", *version);
  return *version;
}

}  // namespace

bool is_gguf(std::span<const std::byte> bytes) {
  return byte_cursor(bytes).read<std::uint32_t>() == magic;
}

result<gguf_file> parse_gguf(std::span<const std::byte> bytes) {
  byte_cursor in(bytes);
  const auto version = read_version(in);
  if (!version) return fail(version.error());
  const auto tensor_count = in.read<std::uint64_t>();
  const auto metadata_count = in.read<std::uint64_t>();
  if (!tensor_count || !metadata_count)
    return fail(errc::corrupt, "the file ends inside its header");
  if (*tensor_count > most_tensors)
    return fail(errc::corrupt, "{} tensors, more than {}", *tensor_count, most_tensors);
  auto metadata = gguf_metadata::parse(in, *metadata_count);
  if (!metadata) return fail(std::move(metadata.error()));
  const auto alignment = read_alignment(*metadata);
  if (!alignment) return fail(alignment.error());

  std::vector<directory_entry> entries;
  for (std::uint64_t i = 0; i < *tensor_count; ++i) {
    auto entry = read_entry(in, i);
    if (!entry) return fail(std::move(entry.error()));
    entries.push_back(std::move(*entry));
  }
  const std::uint64_t mask = *alignment - 1;
  const std::uint64_t start = std::min<std::uint64_t>((in.position() + mask) & ~mask, bytes.size());
  if (auto placed = place(entries, bytes.subspan(start), *alignment); !placed)
    return fail(std::move(placed.error()));

  gguf_file out{*version, *alignment, std::move(*metadata), {}};
  for (directory_entry& entry : entries) {
    if (auto added = out.tensors.add(std::move(entry.tensor)); !added)
      return fail(std::move(added.error()));
  }
  return out;
}

}  // namespace troupe
