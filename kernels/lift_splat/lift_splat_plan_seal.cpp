// The seal of a plan on the CPU: two additions for each vector of words, against some twenty multiply-adds
// that forward spends on them.
//
// A task is a stretch of steps, whatever sections they lie in; the sums of stretches are put together in
// their order. Bound: the plan is read from the third-level cache, so a few threads share the way there.
#include "lift_splat/lift_splat_plan_seal.hpp"

#include <algorithm>
#include <cstring>

#include "core/work_shares.hpp"
#include "bevel/lift_splat.h"

namespace bevel {
namespace {

constexpr int kLanes = PlanSeal::kLanes;

/// Of steps one after the other.
struct LaneSums {
  int64_t steps = 0;
  uint32_t plain[kLanes] = {}, weighted[kLanes] = {};

  /// Adds those of the steps that follow.
  void append(const LaneSums& next) {
    for (int lane = 0; lane < kLanes; ++lane) {
      weighted[lane] += plain[lane] * static_cast<uint32_t>(next.steps) + next.weighted[lane];
      plain[lane] += next.plain[lane];
    }
    steps += next.steps;
  }
};

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) void add_steps(
    const int32_t* words, int64_t steps, LaneSums& sums) {
  uint32_t plain[kLanes], weighted[kLanes];
  std::copy_n(sums.plain, kLanes, plain);
  std::copy_n(sums.weighted, kLanes, weighted);
  for (int64_t step = 0; step < steps; ++step, words += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint32_t word = static_cast<uint32_t>(words[lane]);
      plain[lane] += word ^ word >> 15;  // PlanSeal::mixed
      weighted[lane] += plain[lane];
    }
  }
  std::copy_n(plain, kLanes, sums.plain);
  std::copy_n(weighted, kLanes, sums.weighted);
  sums.steps += steps;
}

/// The sections of a plan as one row of steps.
class Steps {
 public:
  Steps(const LiftSplatPlanLayout& layout, const LiftSplatPlanHeader& counts, const int32_t* plan) {
    for_each_section(layout, counts, counts.method == BEVEL_LIFT_SPLAT_INTERVALS,
                     [&](int64_t at, int64_t elements) {
                       sections_[count_++] = {plan + at, elements, total_};
                       total_ += PlanSeal::steps(elements);
                     });
  }

  int64_t total() const { return total_; }

  LaneSums sums(int64_t begin, int64_t end) const {
    LaneSums sums;
    for (int i = 0; i < count_; ++i) {
      const Section& section = sections_[i];
      const int64_t whole = section.elements / kLanes, rest = section.elements % kLanes;
      const int64_t from = std::max<int64_t>(begin - section.first_step, 0), to = end - section.first_step;
      if (from < std::min(whole, to)) {
        add_steps(section.words + from * kLanes, std::min(whole, to) - from, sums);
      }
      if (rest != 0 && from <= whole && whole < to) {
        int32_t padded[kLanes] = {};
        std::copy_n(section.words + whole * kLanes, rest, padded);
        add_steps(padded, 1, sums);
      }
    }
    return sums;
  }

 private:
  struct Section {
    const int32_t* words;
    int64_t elements, first_step;
  };
  Section sections_[kMostPlanSections];
  int count_ = 0;
  int64_t total_ = 0;
};

}  // namespace

uint64_t plan_sections_sum(Crew& crew, const LiftSplatPlanLayout& layout, const LiftSplatPlanHeader& counts,
                           const int32_t* plan) {
  const Steps steps(layout, counts, plan);
  constexpr int64_t kStepsWorthATask = 128;  // a few microseconds
  const int64_t stretches = std::clamp<int64_t>(steps.total() / kStepsWorthATask, 1, kMostSealTasks);
  LaneSums of_stretch[kMostSealTasks];
  const auto sum_stretch = [&](int64_t i) {
    of_stretch[i] = steps.sums(steps.total() * i / stretches, steps.total() * (i + 1) / stretches);
  };
  if (stretches == 1) {
    sum_stretch(0);
  } else {
    deal(crew, stretches, sum_stretch);
  }
  for (int64_t i = 1; i < stretches; ++i) of_stretch[0].append(of_stretch[i]);
  uint64_t seal = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    seal = PlanSeal::folded(PlanSeal::folded(seal, of_stretch[0].plain[lane]), of_stretch[0].weighted[lane]);
  }
  return seal;
}

uint64_t plan_header_sum(const SealedPlanHeader& header) {
  int64_t words[sizeof header / 8];
  std::memcpy(words, &header, sizeof header);
  return PlanSeal::of_header(words);
}

}  // namespace bevel
