// Sets of arguments, sound and hostile, for every entry point of the C ABI, in memory between guard pages.
//
//   BEVEL_FUZZ_COUNT=100000 native/target/cmake/tests/abi_fuzz_test        the long form
//   BEVEL_FUZZ_SEED=..                                                      other sets
//   BEVEL_FUZZ_SEED=.. BEVEL_FUZZ_SET=.. .. --gtest_filter='*operator*'     one set again
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "fuzzer.hpp"

namespace bevel::fuzz {
namespace {

uint64_t variable(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class AbiFuzz : public ::testing::TestWithParam<size_t> {};

TEST_P(AbiFuzz, KeepsTheRules) {
  const Operator& op = entry_points()[GetParam()];
  const uint64_t seed = variable("BEVEL_FUZZ_SEED", 20260807);
  const int64_t count = static_cast<int64_t>(variable("BEVEL_FUZZ_COUNT", 2000));
  Fuzzer fuzzer(op, seed);
  if (std::getenv("BEVEL_FUZZ_SET")) {
    ASSERT_NO_THROW(fuzzer.run(static_cast<int64_t>(variable("BEVEL_FUZZ_SET", 0))));
    return;
  }
  int failures = 0;
  for (int64_t set = 0; set < count && failures < 5; ++set) {
    try {
      fuzzer.run(set);
    } catch (const std::exception& exception) {
      ADD_FAILURE() << exception.what() << ", set " << set;
      ++failures;
    }
  }
  const Tally& tally = fuzzer.tally();
  std::printf("%s: %lld sets, %lld taken, %lld refused\n", op.name, static_cast<long long>(tally.sets),
              static_cast<long long>(tally.accepted), static_cast<long long>(tally.refused));
  if (count >= 500 && !failures) {
    // A fuzzer that is refused everything, or nothing, tests nothing.
    EXPECT_GT(tally.accepted, count / 5);
    EXPECT_GT(tally.refused, count / 10);
  }
}

std::string name_of(const ::testing::TestParamInfo<size_t>& info) { return entry_points()[info.param].name; }

INSTANTIATE_TEST_SUITE_P(EntryPoints, AbiFuzz, ::testing::Range(size_t{0}, entry_points().size()), name_of);

}  // namespace
}  // namespace bevel::fuzz

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  bevel::fuzz::install_handlers();
  // Tensors on CUDA are refused here, whatever the machine has: their memory is the host's.
  bevel_set_cuda_library("/nonexistent/libbevel_cuda.so");
  std::printf("seed %llu\n",
              static_cast<unsigned long long>(bevel::fuzz::variable("BEVEL_FUZZ_SEED", 20260807)));
  return RUN_ALL_TESTS();
}
