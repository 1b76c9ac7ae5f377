#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/token.hpp"
#include "runtime/cache/page_pool.hpp"
#include "runtime/cache/page_tiers.hpp"
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
  cache_space space = 0;         ///< who the others are
};

/// Decides which KV pages each sequence has, and which prefixes can be reused. Holds no KV itself.
///
/// open -> extend / commit ... -> release. Not shared between threads: one cache manager owns it.
/// With tiers, what is committed is copied there in the background, and open can be followed by a
/// fetch of what the device has no longer.
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
    std::uint64_t fetched = 0;    ///< positions that came back from the tiers; among those found
  };

  explicit kv_manager(const settings& s, std::shared_ptr<page_tiers> tiers = nullptr);

  /// Starts a sequence; returns how many leading positions of `tokens` are already in its pages: a
  /// multiple of the page size, at most `at_most`, of the same space. already_exists if the id is
  /// open.
  [[nodiscard]] result<std::uint32_t> open(sequence_id id, std::span<const token_id> tokens,
                                           std::uint32_t at_most, cache_space space = 0);
  /// After open, with the same arguments: begins to bring back from the tiers what follows. False:
  /// there is nothing. Until arrived() tells its end the sequence must only be released.
  [[nodiscard]] bool fetch(sequence_id id, std::span<const token_id> tokens, std::uint32_t at_most);
  /// The leading positions that the sequence has once its fetch has ended; none before. 0: unknown.
  [[nodiscard]] std::optional<std::uint32_t> arrived(sequence_id id) const;
  /// Takes note of what the tiers have done, and gives them more to do; before other calls, and now
  /// and then while tiers_busy().
  void attend_tiers();
  [[nodiscard]] bool tiers_busy() const { return !copying_.empty() || !to_copy_.empty(); }
  /// The pages that tiers have filled for a sequence since the last call: no step has written what
  /// they hold.
  [[nodiscard]] std::vector<std::int32_t> take_filled() { return std::exchange(filled_, {}); }
  /// Waits, for so long at most, until all that is committed has been copied.
  void flush(std::chrono::milliseconds longest);
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

  /// Releases every sequence that is open.
  void close_all();
  /// Of each page, whether it holds a block that later sequences can find.
  [[nodiscard]] std::vector<bool> known_pages() const;

  [[nodiscard]] result<page_table> table(sequence_id id) const;
  [[nodiscard]] const page_pool& pool() const { return pool_; }
  [[nodiscard]] const counters& counts() const { return counts_; }
  [[nodiscard]] std::size_t open_sequences() const { return sequences_.size(); }
  [[nodiscard]] std::vector<sequence_id> open_ids() const;

 private:
  struct sequence {
    std::vector<std::int32_t> pages;
    std::vector<prefix_index::serial> chain;  ///< serial of each committed page's block
    std::vector<block_key> keys;              ///< the same blocks', where there are tiers
    page_table shared;                        ///< snapshot of `pages`, remade when it changes
    cache_space space = 0;
    std::uint64_t job = 0;  ///< fetches pages for it; 0: none
  };
  /// A page that is to be copied to the tiers, while it still holds this block.
  struct copy {
    std::int32_t page = -1;
    prefix_index::serial block = prefix_index::root;
    block_key key;
  };
  struct fetching {
    sequence_id sequence = 0;
    std::vector<token_id> tokens;
    page_tiers::request blocks;
  };
  void drop_pages(sequence& s, std::size_t keep);
  void cut_chain(sequence& s, std::size_t keep);
  void add_page(sequence& s);
  void commit_blocks(sequence& s, std::span<const token_id> tokens);
  void add_block(sequence& s, std::span<const token_id> tokens);
  [[nodiscard]] block_key last_key(const sequence& s) const;
  void note_to_copy(const copy& c);
  void copy_out();
  void take_fetched(const page_tiers::fetched& done);
  [[nodiscard]] std::uint32_t settle(sequence& s, const kv_standing& standing);

  settings settings_;
  page_pool pool_;
  prefix_index index_;
  counters counts_;
  std::unordered_map<sequence_id, sequence> sequences_;
  std::deque<copy> to_copy_;
  std::unordered_map<std::int32_t, std::uint32_t> copying_;  ///< pages, and how often
  std::unordered_map<std::uint64_t, fetching> jobs_;
  std::uint64_t next_job_ = 1;
  std::vector<std::int32_t> filled_;
  std::shared_ptr<page_tiers> tiers_;  ///< may be null
};

}  // namespace troupe
