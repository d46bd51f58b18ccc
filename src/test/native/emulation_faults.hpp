// What the tests of the emulation share.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "core/cuda_target.hpp"

namespace emulation_test {

using bevel::DeviceSpan;
using bevel::SharedSpan;
using bevel::emulation::DeviceBuffer;
using bevel::emulation::Fault;
using bevel::emulation::FaultKind;
using bevel::emulation::Order;
using bevel::emulation::output;
using bevel::emulation::run_in_all_orders;
using bevel::emulation::run_in_order;

inline constexpr int kThreads = 96;
inline constexpr unsigned kAll = 0xFFFFFFFFu;
inline constexpr std::array kOrders{Order::kForward, Order::kReverse, Order::kRandom};

inline std::vector<int> counting(size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

inline DeviceSpan<int> span(std::vector<int>& values) {
  return {values.data(), static_cast<int64_t>(values.size()), "values"};
}

/** Runs in each order; each must end in a fault of this kind. Gives back the last message. */
template <class F>
std::string expect_fault(FaultKind kind, F run) {
  std::string message;
  for (Order order : kOrders) {
    try {
      run_in_order(order, run);
      ADD_FAILURE() << "no fault in order " << to_string(order) << ", expected: " << to_string(kind);
    } catch (const Fault& fault) {
      EXPECT_EQ(to_string(fault.kind()), std::string(to_string(kind))) << fault.what();
      message = fault.what();
    }
  }
  return message;
}

}  // namespace emulation_test
