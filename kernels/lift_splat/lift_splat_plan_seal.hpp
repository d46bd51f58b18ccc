// The seal of a lift-splat plan.
#pragma once

#include "lift_splat/lift_splat_plan.hpp"

namespace bevel {

class Crew;

/// Of those that for_each_section goes through.
constexpr int kMostPlanSections = 7;

/// add(first element, elements) of each section that a plan uses, as far as its counts say, in one order.
template <class Add>
BEVEL_HD void for_each_section(const LiftSplatPlanLayout& at, const LiftSplatPlanHeader& counts,
                               bool intervals, Add&& add) {
  if (counts.overflow) return;
  if (intervals) {
    add(at.ranks_depth, counts.points);
    add(at.ranks_feature, counts.points);
    add(at.ranks_bev, counts.points);
    add(at.interval_starts, counts.filled_cells);
    add(at.interval_lengths, counts.filled_cells);
    add(at.point_cell, counts.batch * counts.cameras * counts.depth_bins * counts.height * counts.width);
  } else {
    add(at.column_rows, at.columns + 1);
    add(at.row_cell, counts.rows);
    add(at.row_slot, counts.rows);
    add(at.row_span, counts.rows);
    add(at.row_runs, counts.rows + 1);
    add(at.runs, counts.runs);
    add(at.cell_slots, at.cells + 1);
  }
}

/// What a plan begins with: its header, and its seals behind it.
struct SealedPlanHeader {
  LiftSplatPlanHeader counts;
  uint64_t sections_sum;  ///< of the sections that the counts name
  uint64_t header_sum;    ///< of all before
};
static_assert(sizeof(SealedPlanHeader) <= kPlanHeaderElements * 4);
static_assert(sizeof(LiftSplatPlanHeader) % 8 == 0);
/// 64-bit words before header_sum, of which the last is sections_sum.
constexpr int kSealedWords = sizeof(SealedPlanHeader) / 8 - 1;

/// The seal of a plan: a checksum that the builder writes and the CPU bodies' calls compare, since what a
/// plan holds are indices that they believe.
///
/// The sections, each from a new step on, are cut into steps of kLanes words. Lane l of step t adds its word
/// w, with its upper bits brought down, to plain[l], and (steps − t) · w to weighted[l], modulo 2³². So each
/// word counts, and its place; and any order of additions gives the same.
struct PlanSeal {
  static constexpr int kLanes = 64;

  BEVEL_HD static uint32_t mixed(uint32_t word) { return word ^ word >> 15; }
  BEVEL_HD static int64_t steps(int64_t elements) { return (elements + kLanes - 1) / kLanes; }
  BEVEL_HD static uint64_t folded(uint64_t seal, uint64_t word) {
    seal = (seal ^ word) * 0x9e3779b97f4a7c15u;
    return seal ^ seal >> 32;
  }
  /// Of the header's 64-bit words before header_sum.
  template <class Words>
  BEVEL_HD static uint64_t of_header(const Words& words) {
    uint64_t seal = 0;
    for (int i = 0; i < kSealedWords; ++i) {
      seal = folded(seal, static_cast<uint64_t>(int64_t(words[i])));
    }
    return seal;
  }
};

/// Tasks of plan_sections_sum at most.
constexpr int kMostSealTasks = 16;

/// On the CPU.
uint64_t plan_sections_sum(Crew& crew, const LiftSplatPlanLayout& layout, const LiftSplatPlanHeader& counts,
                           const int32_t* plan);
uint64_t plan_header_sum(const SealedPlanHeader& header);

}  // namespace bevel
