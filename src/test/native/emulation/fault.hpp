// What the emulation found wrong with a kernel.
#pragma once

#include <stdexcept>
#include <string>

namespace bevel::emulation {

/** The classes of defects that the emulation tells apart. */
enum class FaultKind {
  kSharedOutOfBounds,    ///< index outside a shared array
  kGlobalOutOfBounds,    ///< index outside a device buffer
  kMisaligned,           ///< vector access whose address is no multiple of its size
  kUninitializedShared,  ///< shared memory read before any thread of the block wrote it
  kUninitializedGlobal,  ///< DeviceBuffer memory read before anything wrote it
  kSharedRace,           ///< two threads, one of them writing, without a barrier between them
  kGlobalRace,           ///< the same on device memory, blocks of one launch included
  kDivergentBarrier,     ///< threads of a block wait at a barrier that others never reach
  kWarpMask,             ///< a warp collective whose mask and callers disagree
  kOrderDependent        ///< the bits of an output depend on the order of threads or blocks
};

/** Name of a kind, as in the enumeration. */
const char* to_string(FaultKind kind);

/** Thrown out of the launch (or by the order check) that met the defect. */
class Fault : public std::runtime_error {
 public:
  Fault(FaultKind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  FaultKind kind() const { return kind_; }

 private:
  FaultKind kind_;
};

}  // namespace bevel::emulation
