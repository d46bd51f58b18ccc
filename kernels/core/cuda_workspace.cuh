// Parts of a workspace on the device.
#pragma once

#include "core/cuda_target.hpp"
#include "core/workspace_parts.hpp"

namespace bevel {

/// Parts as spans that have a name in the emulation's reports.
class WorkspaceCutter : public WorkspaceParts {
 public:
  using WorkspaceParts::WorkspaceParts;

  template <typename T>
  DeviceSpan<T> take(int64_t elements, const char* name) {
    return DeviceSpan<T>(take_array<T>(elements), elements, name);
  }
};

}  // namespace bevel
