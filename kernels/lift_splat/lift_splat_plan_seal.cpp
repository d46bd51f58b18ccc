// The seal of a plan on the CPU: two additions for each vector of words, against some twenty multiply-adds
// that forward spends on them.
#include "lift_splat/lift_splat_plan_seal.hpp"

#include <algorithm>
#include <cstring>

#include "lift_splat.h"

namespace bevel {
namespace {

struct LaneSums {
  uint32_t plain[PlanSeal::kLanes] = {}, weighted[PlanSeal::kLanes] = {};
};

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) void add_steps(
    const int32_t* words, int64_t steps, LaneSums& sums) {
  constexpr int lanes = PlanSeal::kLanes;
  uint32_t plain[lanes], weighted[lanes];
  std::copy_n(sums.plain, lanes, plain);
  std::copy_n(sums.weighted, lanes, weighted);
  for (int64_t step = 0; step < steps; ++step, words += lanes) {
    for (int lane = 0; lane < lanes; ++lane) {
      const uint32_t word = static_cast<uint32_t>(words[lane]);
      plain[lane] += word ^ word >> 15;  // PlanSeal::mixed
      weighted[lane] += plain[lane];
    }
  }
  std::copy_n(plain, lanes, sums.plain);
  std::copy_n(weighted, lanes, sums.weighted);
}

}  // namespace

uint64_t plan_sections_sum(const LiftSplatPlanLayout& layout, const LiftSplatPlanHeader& counts,
                           const int32_t* plan) {
  LaneSums sums;
  for_each_section(layout, counts, counts.method == BEVEL_LIFT_SPLAT_INTERVALS,
                   [&](int64_t at, int64_t elements) {
                     constexpr int lanes = PlanSeal::kLanes;
                     const int64_t whole = elements / lanes;
                     add_steps(plan + at, whole, sums);
                     if (whole * lanes == elements) return;
                     int32_t rest[lanes] = {};
                     std::copy_n(plan + at + whole * lanes, elements - whole * lanes, rest);
                     add_steps(rest, 1, sums);
                   });
  uint64_t seal = 0;
  for (int lane = 0; lane < PlanSeal::kLanes; ++lane) {
    seal = PlanSeal::folded(PlanSeal::folded(seal, sums.plain[lane]), sums.weighted[lane]);
  }
  return seal;
}

uint64_t plan_header_sum(const SealedPlanHeader& header) {
  int64_t words[sizeof header / 8];
  std::memcpy(words, &header, sizeof header);
  return PlanSeal::of_header(words);
}

}  // namespace bevel
