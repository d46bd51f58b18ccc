#include "settings.hpp"

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "status.hpp"

namespace bevel {
namespace {

constexpr int kMaxThreads = 4096;

/// The number of threads that an environment variable asks for, or 0 where it holds no number of them.
/// OMP_NUM_THREADS may be a list, one number a level of nesting; the first counts.
int threads_of_variable(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return 0;
  char* end = nullptr;
  const long threads = std::strtol(text, &end, 10);
  return end != text && (*end == '\0' || *end == ',') && threads >= 1 && threads <= kMaxThreads
             ? static_cast<int>(threads)
             : 0;
}

int threads_of_environment() {
  for (const char* name : {"BEVEL_NUM_THREADS", "OMP_NUM_THREADS"}) {
    if (const int threads = threads_of_variable(name)) return threads;
  }
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof processors, &processors) == 0) return CPU_COUNT(&processors);
  // More processors than the mask holds.
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online >= 1 && online <= kMaxThreads ? static_cast<int>(online) : 1;
}

bevel_instruction_set best_instruction_set() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return BEVEL_ISA_AVX512;
  if (__builtin_cpu_supports("x86-64-v3")) return BEVEL_ISA_AVX2;
  return BEVEL_ISA_PORTABLE;
}

std::atomic<int>& threads() {
  static std::atomic<int> value{threads_of_environment()};
  return value;
}

std::atomic<int>& isa() {
  static std::atomic<int> value{best_instruction_set()};
  return value;
}

}  // namespace

int num_threads() { return threads().load(std::memory_order_relaxed); }

bevel_instruction_set instruction_set() {
  return static_cast<bevel_instruction_set>(isa().load(std::memory_order_relaxed));
}

}  // namespace bevel

int32_t bevel_version(void) {
  return BEVEL_VERSION_MAJOR * 10000 + BEVEL_VERSION_MINOR * 100 + BEVEL_VERSION_PATCH;
}

bevel_instruction_set bevel_get_instruction_set(void) { return bevel::instruction_set(); }

bevel_status bevel_set_instruction_set(bevel_instruction_set isa) {
  return bevel::guarded("bevel_set_instruction_set", [isa] {
    if (isa < BEVEL_ISA_PORTABLE || isa > BEVEL_ISA_AVX512) {
      bevel::fail(BEVEL_INVALID_ARGUMENT, "bevel_set_instruction_set: isa must be 0, 1 or 2, got %d",
                  static_cast<int>(isa));
    }
    if (isa > bevel::best_instruction_set()) {
      bevel::fail(BEVEL_UNSUPPORTED,
                  "bevel_set_instruction_set: this processor does not have instruction set %d",
                  static_cast<int>(isa));
    }
    bevel::isa().store(isa, std::memory_order_relaxed);
  });
}

int32_t bevel_get_num_threads(void) { return bevel::num_threads(); }

bevel_status bevel_set_num_threads(int32_t threads) {
  return bevel::guarded("bevel_set_num_threads", [threads] {
    if (threads < 1 || threads > bevel::kMaxThreads) {
      bevel::fail(BEVEL_INVALID_ARGUMENT, "bevel_set_num_threads: threads must be 1 to %d, got %d",
                  bevel::kMaxThreads, threads);
    }
    bevel::threads().store(threads, std::memory_order_relaxed);
  });
}
