#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/token.hpp"
#include "runtime/cache/page_pool.hpp"
#include "runtime/cache/prefix_index.hpp"

namespace troupe {

using sequence_id = std::uint64_t;

/// The pages of one sequence, in order of position. Immutable: a step that was given a table keeps
/// it for as long as it needs, whatever happens to the sequence meanwhile.
using page_table = std::shared_ptr<const std::vector<std::int32_t>>;

/// Where a sequence stands after a failure, as its batcher knows it.
struct kv_standing {
  sequence_id sequence = 0;
  std::vector<token_id> tokens;  ///< all that are known
  std::uint32_t positions = 0;   ///< whose KV every stage should hold
  std::uint32_t committed = 0;   ///< of them, those that others may reuse: whole pages
};

/// Decides which KV pages each sequence has, and which prefixes can be reused. Holds no KV itself.
///
/// open -> extend / commit ... -> release. Not shared between threads: one cache manager owns it.
class kv_manager {
 public:
  struct settings {
    std::uint32_t page_size = 16;
    std::uint32_t pages = 0;
    bool reuse_prefixes = true;
  };
  struct counters {
    std::uint64_t looked_up = 0;  ///< positions asked for at open
    std::uint64_t found = 0;      ///< positions that were cached
    std::uint64_t evicted = 0;    ///< cached pages taken back
  };

  explicit kv_manager(const settings& s);

  /// Starts a sequence; returns how many leading positions of `tokens` are already in its pages: a
  /// multiple of the page size, at most `at_most`. already_exists if the id is open.
  [[nodiscard]] result<std::uint32_t> open(sequence_id id, std::span<const token_id> tokens,
                                           std::uint32_t at_most);
  /// Makes room for positions 0 .. length - 1. exhausted (and no change) when pages run out.
  [[nodiscard]] result<void> extend(sequence_id id, std::uint32_t length);
  /// Gives back every page past the first `positions` positions (prefix hits that another stage
  /// lacks).
  [[nodiscard]] result<void> trim(sequence_id id, std::uint32_t positions);
  /// Says that the KV of `tokens` from position `first` (a page boundary, the first not yet
  /// committed) is written: full pages become findable by later sequences.
  [[nodiscard]] result<void> commit(sequence_id id, std::uint32_t first,
                                    std::span<const token_id> tokens);
  /// Ends a sequence. Its committed pages stay findable until their memory is needed. Unknown:
  /// ignored.
  void release(sequence_id id);

  /// Takes over a sequence from a replica of another manager's store, of which this is now the
  /// manager: it is open then, has `pages` and nothing committed. Sequences may share pages.
  /// already_exists; out_of_range or invalid_argument (and no change) where the pages are not such
  /// as a sequence can have. reconcile() must follow before anything else does.
  [[nodiscard]] result<void> adopt(sequence_id id, std::span<const std::int32_t> pages);
  /// Brings every sequence to where it stands: closes those that are not listed, takes back pages
  /// past `positions`, commits what is committed, opens what it lacks as far as its prefix index
  /// reaches. Returns the positions held of each, at most `positions`.
  [[nodiscard]] std::vector<std::uint32_t> reconcile(std::span<const kv_standing> standings);

  [[nodiscard]] result<page_table> table(sequence_id id) const;
  [[nodiscard]] const page_pool& pool() const { return pool_; }
  [[nodiscard]] const counters& counts() const { return counts_; }
  [[nodiscard]] std::size_t open_sequences() const { return sequences_.size(); }
  [[nodiscard]] std::vector<sequence_id> open_ids() const;

 private:
  struct sequence {
    std::vector<std::int32_t> pages;
    std::vector<prefix_index::serial> chain;  ///< serial of each committed page's block
    page_table shared;                        ///< snapshot of `pages`, remade when it changes
  };
  void drop_pages(sequence& s, std::size_t keep);
  void commit_blocks(sequence& s, std::span<const token_id> tokens);
  [[nodiscard]] std::uint32_t settle(sequence& s, const kv_standing& standing);

  settings settings_;
  page_pool pool_;
  prefix_index index_;
  counters counts_;
  std::unordered_map<sequence_id, sequence> sequences_;
};

}  // namespace troupe
