#include "pointer.hpp"

namespace bevel::emulation {

namespace {

std::string element(const Region& region, int64_t offset, size_t size) {
  const auto width = static_cast<int64_t>(size);
  std::string text = std::string("'") + region.name + "' ";
  if (offset % width == 0)
    return text + "[" + std::to_string(offset / width) + "] of " + std::to_string(region.bytes / width);
  return text + "at byte " + std::to_string(offset) + " of " + std::to_string(region.bytes);
}

}  // namespace

void check_access(const Region& region, Space space, int64_t offset, size_t size, size_t alignment,
                  Access access, const std::source_location& place) {
  const Launch& launch = Launch::current();
  const bool shared = space == Space::kShared;
  const char* verb = access == Access::kRead    ? "read of "
                     : access == Access::kWrite ? "write of "
                                                : "atomic on ";
  if (region.begin == nullptr || offset < 0 || offset + static_cast<int64_t>(size) > region.bytes) {
    launch.fail(shared ? FaultKind::kSharedOutOfBounds : FaultKind::kGlobalOutOfBounds,
                verb + element(region, offset, size), place);
  }
  const auto address = reinterpret_cast<uintptr_t>(region.begin) + static_cast<uintptr_t>(offset);
  if (address % alignment != 0) {
    launch.fail(
        FaultKind::kMisaligned,
        verb + element(region, offset, size) + ": the address is no multiple of " + std::to_string(alignment),
        place);
  }
  if (!shared && !settings().check_global_races) return;
  const Conflict conflict = shadow().access(address, size, access, shared, launch.accessor(), place);
  if (conflict.kind == Conflict::Kind::kNone) return;
  if (conflict.kind == Conflict::Kind::kUninitialized) {
    launch.fail(shared ? FaultKind::kUninitializedShared : FaultKind::kUninitializedGlobal,
                verb + element(region, offset, size), place);
  }
  launch.fail(shared ? FaultKind::kSharedRace : FaultKind::kGlobalRace,
              verb + element(region, offset, size) + " after a " +
                  (conflict.earlier_was_write ? "write" : "read") + " by thread " +
                  std::to_string(conflict.earlier_thread) +
                  (conflict.other_block ? " of another block" : "") + " at " +
                  to_string(conflict.earlier_place) + " that nothing orders before it",
              place);
}

}  // namespace bevel::emulation
