#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// Prefixes of prompts that requests have marked to be kept: which there are, how long they hold,
/// and how much memory they may have. Their pages are kept by sequences of their own, which the
/// cache managers have open for as long as the prefix holds.
///
/// A plain value of time; tokens of one space never meet those of another.
class kept_prefixes {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  struct limits {
    std::uint32_t page_size = 16;
    std::uint32_t least_tokens = 1024;  ///< a shorter prefix is not kept
    std::uint64_t pages = 0;            ///< most pages of all prefixes together; 0: nothing is kept
    std::size_t entries = 1024;         ///< most prefixes
    std::chrono::seconds lifetime{300};  ///< from the last use
  };

  /// What a prompt's marks come to.
  struct outcome {
    std::uint32_t found = 0;         ///< leading positions that are kept already
    std::uint32_t created = 0;       ///< positions that are to be kept besides
    std::vector<sequence_id> fresh;  ///< prefixes to be made, by their sequences
  };
  /// A prefix as a cache manager is asked for it.
  struct prefix {
    std::vector<token_id> tokens;  ///< whole pages
    cache_space space = 0;
  };

  explicit kept_prefixes(const limits& l) : limits_(l) {}

  /// Looks for the longest prefix of `prompt` that is kept, which holds anew from now on, and makes
  /// room for those that end at `marks` (lengths, in whole pages rounded down). Sequences of new
  /// ones are numbered by `next`. What has to give way is listed by take_dropped().
  [[nodiscard]] outcome mark(cache_space space, std::span<const token_id> prompt,
                             std::span<const std::uint32_t> marks, time_point now,
                             sequence_id& next);

  [[nodiscard]] const prefix* find(sequence_id holder) const;
  /// The holder has its pages from now on: they are given back by take_dropped() when it goes.
  void held(sequence_id holder);
  /// The prefix will not be kept.
  void drop(sequence_id holder);
  void expire(time_point now);
  /// Drops the prefix that holds for the shortest time. False: there is none that has pages.
  [[nodiscard]] bool drop_one();
  /// Holders that are over and may have pages.
  [[nodiscard]] std::vector<sequence_id> take_dropped();
  /// Those that have their pages.
  [[nodiscard]] std::vector<sequence_id> holders() const;
  /// Forgets those that were asked for and have no pages yet.
  void forget_unheld();
  /// Another bound on the pages; prefixes give way until it holds.
  void bound(std::uint64_t pages);

  [[nodiscard]] std::uint64_t pages() const { return pages_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct entry {
    prefix what;
    std::vector<std::uint64_t> hashes;  ///< of the first page, the first two, and so on
    time_point until;
    bool held = false;
  };
  using entries = std::map<sequence_id, entry>;

  [[nodiscard]] std::vector<std::uint64_t> hashes_of(cache_space space,
                                                     std::span<const token_id> tokens) const;
  /// The entry of exactly the first `count` pages of a text with these hashes.
  [[nodiscard]] entries::iterator at(cache_space space, std::span<const token_id> tokens,
                                     std::span<const std::uint64_t> hashes, std::size_t count);
  /// Pages that no other prefix has.
  [[nodiscard]] std::uint64_t own_pages(cache_space space, std::span<const std::uint64_t> hashes,
                                        sequence_id except) const;
  [[nodiscard]] bool make_room(cache_space space, std::span<const std::uint64_t> hashes,
                               std::span<const sequence_id> keep);
  [[nodiscard]] entries::iterator next_to_go(std::span<const sequence_id> keep);
  void remove(entries::iterator which);

  limits limits_;
  entries entries_;  ///< by holder
  std::vector<sequence_id> dropped_;
  std::uint64_t pages_ = 0;
};

}  // namespace troupe
