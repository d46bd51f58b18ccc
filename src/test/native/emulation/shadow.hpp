// What is known of every byte that emulated threads touch: who wrote it last, who has read it since, and
// when.
//
// Time is counted in epochs. A launch, a block and every block-wide barrier begin a new one, and blocks run
// one after the other, so the epoch alone tells whether an earlier access was of an earlier launch, of
// another block, or before a barrier. Inside an epoch only __syncwarp orders accesses, and only of the lanes
// it names: every lane holds, for each lane of its warp, the number of the last __syncwarp through which it
// heard of that lane (a vector clock over the warp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <unordered_map>
#include <vector>

namespace bevel::emulation {

/** The thread that makes an access, and when it does. */
struct Accessor {
  uint32_t launch_epoch, block_epoch;  ///< first epochs of the launch and of the block
  uint32_t epoch;                      ///< now
  uint32_t warp_syncs;                 ///< __syncwarp calls this warp has completed
  uint16_t thread;                     ///< linear index in the block
  const std::array<uint32_t, 32>* heard_of;

  uint16_t warp() const { return thread / 32; }
  unsigned lane() const { return thread % 32; }
};

enum class Access { kRead, kWrite, kAtomic };

/** An earlier access that a new one collides with. */
struct Conflict {
  enum class Kind { kNone, kUninitialized, kRace } kind = Kind::kNone;
  uintptr_t address = 0;
  bool earlier_was_write = false;
  bool other_block = false;
  int earlier_thread =
      -1;  ///< linear index in the block, or the first thread of the warp where only that is known
  std::source_location earlier_place{};
};

class Shadow {
 public:
  /** Checks an access of `size` bytes at `address`, and records it. Shared memory counts as uninitialized
   * until the block has written it, other memory from mark_uninitialized() until something writes it. */
  Conflict access(uintptr_t address, size_t size, Access access, bool shared, const Accessor& accessor,
                  const std::source_location& place);

  /** Marks memory as never written. */
  void mark_uninitialized(uintptr_t address, size_t size) { set_undefined(address, size, true); }

  /** Marks memory as written by the host or by a copy. */
  void mark_initialized(uintptr_t address, size_t size) { set_undefined(address, size, false); }

 private:
  struct Cell {
    uint32_t write_epoch = 0, write_syncs = 0;
    uint32_t read_epoch = 0, read_syncs = 0, read_lanes = 0;
    uint32_t other_warp_read_epoch = 0;   // read by another warp of the block than the last reader's
    uint32_t other_block_read_epoch = 0;  // read by another block than the last reader's
    uint16_t writer = 0, read_warp = 0, other_read_warp = 0;
    bool write_atomic = false, undefined = false,
         several_writers = false;  // several: atomics of several warps
    std::source_location write_place{}, read_place{};
  };
  static constexpr size_t kPageBytes = 1024;
  struct Page {
    size_t granule = 4;  // bytes one cell stands for; halved when smaller accesses come
    std::vector<Cell> cells = std::vector<Cell>(kPageBytes / 4);
  };

  Page& page_of(uintptr_t number);
  static void split(Page& page, size_t granule);
  void set_undefined(uintptr_t address, size_t size, bool undefined);
  static Conflict check(const Cell& cell, Access access, bool shared, const Accessor& by);
  static void record(Cell& cell, Access access, const Accessor& by, const std::source_location& place);

  struct CacheEntry {
    uintptr_t number = 0;
    Page* page = nullptr;
  };
  std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages_;
  std::array<CacheEntry, 256> cache_{};
};

}  // namespace bevel::emulation
