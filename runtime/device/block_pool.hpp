#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace troupe {

/// Memory that is dear to get (pinned, or a device's), kept for its next use: in sizes of powers of
/// two, at most `most_bytes` of it lent and kept together. Any thread.
class block_pool {
 public:
  struct source {
    std::function<std::byte*(std::size_t)> get;  ///< null when there is none
    std::function<void(std::byte*)> give_back;
  };
  /// A piece of it, back in the pool with the object. The pool may be gone by then.
  class lease {
   public:
    lease() = default;
    lease(lease&& other) noexcept;
    lease& operator=(lease&& other) noexcept;
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease();
    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] explicit operator bool() const { return data_ != nullptr; }

   private:
    friend class block_pool;
    struct shared_state;
    std::shared_ptr<shared_state> owner_;
    std::byte* data_ = nullptr;
    std::uint32_t size_class_ = 0;
  };

  block_pool(source from, std::size_t most_bytes);

  /// At least `bytes`; empty when the source has none or the bound is reached even after everything
  /// kept has been given back.
  [[nodiscard]] lease lend(std::size_t bytes);
  /// Bytes lent and kept.
  [[nodiscard]] std::size_t held() const;

 private:
  std::shared_ptr<lease::shared_state> state_;
};

}  // namespace troupe
