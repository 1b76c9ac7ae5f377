#pragma once

namespace troupe {

/// For std::unique_ptr: lets go of a C handle by the function that its library has for it.
template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* handle) const {
    Free(handle);
  }
};

}  // namespace troupe
