#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/launch.hpp"

namespace troupe::kernels::cuda {

class emulated_block;

/// A stream that runs every kernel at once, on the calling thread, under an emulated grid: the
/// blocks in shuffled order, the threads of each as fibers in shuffled order. For one thread at a
/// time.
class emulated_stream final : public stream {
 public:
  explicit emulated_stream(std::uint32_t seed = 1, std::uint32_t processors = 4);
  ~emulated_stream();

  status launch(kernel_id kernel, const grid& g, const void* params) override;
  status copy(const copy_params& p) override;
  [[nodiscard]] std::byte* scratch(std::size_t bytes) override;
  [[nodiscard]] std::uint32_t processors() const override { return processors_; }
  [[nodiscard]] std::string architecture() const override { return "emulated"; }
  /// Why the last launch that failed did.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  template <class Body>
  bool run(const Body& body, const grid& g);

  std::mt19937 random_;
  std::uint32_t processors_;
  std::map<std::uint32_t, std::unique_ptr<emulated_block>> blocks_;  ///< by their threads
  std::vector<std::byte> scratch_;
  std::string why_;
};

}  // namespace troupe::kernels::cuda
