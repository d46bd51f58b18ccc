// How many processors this process may use.
#pragma once

#include <string>

namespace bevel {

struct Processors {
  int count;           ///< at least 1
  std::string reason;  ///< what limits them, for people
};

/// What the process's affinity and the quotas of its cgroups (versions 1 and 2) allow. `root` stands before
/// every path that is read, for tests.
Processors usable_processors(const std::string& root = "");

}  // namespace bevel
