#include "shadow.hpp"

#include <algorithm>
#include <bit>

namespace bevel::emulation {

namespace {

enum class Order { kBefore, kOtherBlock, kSameEpoch };

Order order_of(uint32_t earlier, const Accessor& by) {
  if (earlier < by.launch_epoch) return Order::kBefore;
  if (earlier < by.block_epoch) return Order::kOtherBlock;
  return earlier < by.epoch ? Order::kBefore : Order::kSameEpoch;
}

/** Whether, within one epoch, an access by a lane of the same warp is known to `by`. */
bool heard(unsigned lane, uint32_t syncs, const Accessor& by) {
  return lane == by.lane() || syncs < (*by.heard_of)[lane];
}

Conflict race(bool with_write, bool other_block, int thread, const std::source_location& place) {
  Conflict conflict;
  conflict.kind = Conflict::Kind::kRace;
  conflict.earlier_was_write = with_write;
  conflict.other_block = other_block;
  conflict.earlier_thread = thread;
  conflict.earlier_place = place;
  return conflict;
}

}  // namespace

Shadow::Page& Shadow::page_of(uintptr_t number) {
  CacheEntry& entry = cache_[number % cache_.size()];
  if (entry.page == nullptr || entry.number != number) {
    auto& page = pages_[number];
    if (!page) page = std::make_unique<Page>();
    entry = {number, page.get()};
  }
  return *entry.page;
}

void Shadow::split(Page& page, size_t granule) {
  const size_t factor = page.granule / granule;
  std::vector<Cell> cells(kPageBytes / granule);
  for (size_t i = 0; i < cells.size(); ++i) cells[i] = page.cells[i / factor];
  page.cells = std::move(cells);
  page.granule = granule;
}

Conflict Shadow::access(uintptr_t address, size_t size, Access access, bool shared, const Accessor& accessor,
                        const std::source_location& place) {
  Accessor by = accessor;
  if (shared) by.launch_epoch = by.block_epoch;  // the next block's shared memory is another one
  const size_t granule = std::min<size_t>(4, size_t{1} << std::countr_zero(address | size));
  for (uintptr_t at = address; at < address + size;) {
    Page& page = page_of(at / kPageBytes);
    if (page.granule > granule) split(page, granule);
    Cell& cell = page.cells[at % kPageBytes / page.granule];
    Conflict conflict = check(cell, access, shared, by);
    if (conflict.kind != Conflict::Kind::kNone) {
      conflict.address = at;
      return conflict;
    }
    record(cell, access, by, place);
    at += page.granule;
  }
  return {};
}

void Shadow::set_undefined(uintptr_t address, size_t size, bool undefined) {
  if (size == 0) return;
  const size_t granule = std::min<size_t>(4, size_t{1} << std::countr_zero(address | size));
  for (uintptr_t at = address; at < address + size;) {
    Page& page = page_of(at / kPageBytes);
    if (page.granule > granule) split(page, granule);
    Cell& cell = page.cells[at % kPageBytes / page.granule];
    if (undefined) cell = Cell{};
    cell.undefined = undefined;
    at += page.granule;
  }
}

Conflict Shadow::check(const Cell& cell, Access access, bool shared, const Accessor& by) {
  if (access != Access::kWrite && (shared ? cell.write_epoch < by.block_epoch : cell.undefined)) {
    Conflict conflict;
    conflict.kind = Conflict::Kind::kUninitialized;
    return conflict;
  }
  if (!(access == Access::kAtomic && cell.write_atomic)) {
    const Order order = order_of(cell.write_epoch, by);
    const bool same_warp = cell.writer / 32 == by.warp() && !cell.several_writers;
    if (order == Order::kOtherBlock ||
        (order == Order::kSameEpoch && !(same_warp && heard(cell.writer % 32, cell.write_syncs, by)))) {
      return race(true, order == Order::kOtherBlock, cell.writer, cell.write_place);
    }
  }
  if (access == Access::kRead) return {};
  for (uint32_t epoch : {cell.read_epoch, cell.other_block_read_epoch}) {
    if (order_of(epoch, by) == Order::kOtherBlock)
      return race(false, true, cell.read_warp * 32, cell.read_place);
  }
  if (order_of(cell.other_warp_read_epoch, by) == Order::kSameEpoch && cell.other_read_warp != by.warp()) {
    return race(false, false, cell.other_read_warp * 32, cell.read_place);
  }
  if (order_of(cell.read_epoch, by) == Order::kSameEpoch) {
    for (uint32_t lanes = cell.read_lanes; lanes != 0; lanes &= lanes - 1) {
      const unsigned lane = static_cast<unsigned>(std::countr_zero(lanes));
      if (cell.read_warp != by.warp() || !heard(lane, cell.read_syncs, by)) {
        return race(false, false, static_cast<int>(cell.read_warp * 32 + lane), cell.read_place);
      }
    }
  }
  return {};
}

void Shadow::record(Cell& cell, Access access, const Accessor& by, const std::source_location& place) {
  if (access != Access::kRead) {
    const bool joins = access == Access::kAtomic && cell.write_atomic && cell.write_epoch == by.epoch;
    cell.several_writers = joins && (cell.several_writers || cell.writer / 32 != by.warp());
    cell.write_epoch = by.epoch;
    cell.write_syncs = by.warp_syncs;
    cell.writer = by.thread;
    cell.write_atomic = access == Access::kAtomic;
    cell.write_place = place;
    cell.undefined = false;
    return;
  }
  const uint32_t own_lane = 1u << by.lane();
  if (cell.read_epoch == by.epoch && cell.read_warp == by.warp()) {
    if (cell.read_syncs != by.warp_syncs) {
      // Lanes that the reader has heard of are ordered before it, and so before whatever is ordered after it.
      uint32_t kept = 0;
      for (uint32_t lanes = cell.read_lanes; lanes != 0; lanes &= lanes - 1) {
        const unsigned lane = static_cast<unsigned>(std::countr_zero(lanes));
        if (!heard(lane, cell.read_syncs, by)) kept |= 1u << lane;
      }
      if (kept == 0) cell.read_syncs = by.warp_syncs;  // else the older number: never a false alarm
      cell.read_lanes = kept;
    }
    cell.read_lanes |= own_lane;
  } else {
    if (cell.read_epoch >= by.block_epoch) {
      if (cell.read_warp != by.warp()) {
        cell.other_warp_read_epoch = cell.read_epoch;
        cell.other_read_warp = cell.read_warp;
      }
    } else {
      cell.other_block_read_epoch = cell.read_epoch;
    }
    cell.read_epoch = by.epoch;
    cell.read_warp = by.warp();
    cell.read_syncs = by.warp_syncs;
    cell.read_lanes = own_lane;
  }
  cell.read_place = place;
}

}  // namespace bevel::emulation
