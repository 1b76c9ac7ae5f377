#pragma once

namespace troupe::kernels {

/// An in-order queue of work on one device. Opaque here: each back end knows the stream it is given
/// (`cpu::stream`, a CUDA stream), and no other code looks inside.
class stream {
 public:
  stream() = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

 protected:
  ~stream() = default;
};

}  // namespace troupe::kernels
