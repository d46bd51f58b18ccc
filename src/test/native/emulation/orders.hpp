// Runs device code in every order the emulation knows and compares what it leaves behind.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "scheduler.hpp"

namespace bevel::emulation {

/** Memory that a run writes. It is put back to what it held before each further run. */
struct Output {
  std::string name;
  void* data;
  size_t bytes;
};

template <class T>
Output output(std::string name, std::vector<T>& values) {
  return {std::move(name), values.data(), values.size() * sizeof(T)};
}

/** Calls run() (one launch or several) in order forward, reverse and random, and throws a Fault of kind
 * kOrderDependent where the outputs differ in a bit. The random order's seed comes from the environment
 * variable BEVEL_EMULATION_SEED if it is set; messages name it. */
void run_in_all_orders(const std::function<void()>& run, const std::vector<Output>& outputs);

/** Runs in one order; settings are restored afterwards. */
void run_in_order(Order order, const std::function<void()>& run);

/** The seed of the random order. */
uint64_t random_seed();

}  // namespace bevel::emulation
