#include "settings.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>

#include "processors.hpp"
#include "status.hpp"
#include "thread_pool.hpp"

namespace bevel {
namespace {

constexpr int kMaxThreads = 4096;

/// The text of an environment variable without blanks around it.
std::string variable(const char* name) {
  constexpr const char* kBlanks = " \t\r\n\v\f";
  const char* value = std::getenv(name);
  const std::string text = value ? value : "";
  const size_t first = text.find_first_not_of(kBlanks);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

/// The number of threads that a text names, or 0 if it is none.
int threads_of(const std::string& text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) return 0;
  const int threads = std::stoi(text);
  return threads <= kMaxThreads ? threads : 0;
}

/// How many threads the process's calls have, and who said so. Read from the environment once.
class Threads {
 public:
  static Threads& of_process() {
    static Threads& threads = *new Threads;  // serves calls until the process ends
    return threads;
  }

  int count() const { return count_.load(std::memory_order_relaxed); }
  std::string reason() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return reason_;
  }
  /// The text of BEVEL_NUM_THREADS if that is no number of threads, else "".
  const std::string& refused() const { return refused_; }

  void set(int count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    assign(count, "set by the program");
    chosen_ = true;
  }
  void set_default(int count, const char* reason) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!chosen_) assign(count, reason);
  }

 private:
  Threads() {
    const std::string own = variable("BEVEL_NUM_THREADS"), other = variable("OMP_NUM_THREADS");
    // OMP_NUM_THREADS may be a list, one number a level of nesting; the first counts.
    const int own_count = threads_of(own), other_count = threads_of(other.substr(0, other.find(',')));
    if (own_count == 0) refused_ = own;
    chosen_ = own_count > 0 || other_count > 0;
    if (own_count > 0) {
      assign(own_count, "BEVEL_NUM_THREADS=" + own);
    } else if (other_count > 0) {
      assign(other_count, "OMP_NUM_THREADS=" + other);
    } else {
      const Processors processors = usable_processors();
      assign(std::min(processors.count, kMaxThreads), processors.reason);
    }
  }

  void assign(int count, std::string reason) {
    count_.store(count, std::memory_order_relaxed);
    reason_ = std::move(reason);
  }

  std::mutex mutex_;
  std::atomic<int> count_;
  std::string reason_, refused_;
  bool chosen_ = false;  ///< by the environment or the program, not for want of a choice
};

bevel_instruction_set best_instruction_set() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return BEVEL_ISA_AVX512;
  if (__builtin_cpu_supports("x86-64-v3")) return BEVEL_ISA_AVX2;
  return BEVEL_ISA_PORTABLE;
}

std::atomic<int>& isa() {
  static std::atomic<int> value{best_instruction_set()};
  return value;
}

bevel_instruction_set instruction_set() {
  return static_cast<bevel_instruction_set>(isa().load(std::memory_order_relaxed));
}

void check_threads(const char* op, int64_t threads) {
  if (threads < 1 || threads > kMaxThreads) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: threads must be 1 to %d, got %lld", op, kMaxThreads,
         static_cast<long long>(threads));
  }
}

CpuSettings settings_with(int threads) { return {std::min(threads, kMostThreads), instruction_set()}; }

}  // namespace

CpuSettings cpu_settings() { return settings_with(Threads::of_process().count()); }

CpuSettings cpu_settings(const char* operator_name, int64_t threads) {
  if (threads == 0) return cpu_settings();
  check_threads(operator_name, threads);
  return settings_with(static_cast<int>(threads));
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

int32_t bevel_get_num_threads(void) { return bevel::Threads::of_process().count(); }

const char* bevel_get_num_threads_reason(void) {
  thread_local std::string reason;
  reason = bevel::Threads::of_process().reason();
  return reason.c_str();
}

bevel_status bevel_set_num_threads(int32_t threads) {
  return bevel::guarded("bevel_set_num_threads", [threads] {
    bevel::check_threads("bevel_set_num_threads", threads);
    bevel::Threads::of_process().set(threads);
  });
}

bevel_status bevel_set_default_num_threads(int32_t threads, const char* reason) {
  const char* op = "bevel_set_default_num_threads";
  return bevel::guarded(op, [=] {
    bevel::check_threads(op, threads);
    if (!reason) bevel::fail(BEVEL_INVALID_ARGUMENT, "%s: reason must be given, got NULL", op);
    bevel::Threads::of_process().set_default(threads, reason);
  });
}

bevel_status bevel_check_environment(void) {
  return bevel::guarded("bevel_check_environment", [] {
    const std::string& refused = bevel::Threads::of_process().refused();
    if (!refused.empty()) {
      bevel::fail(BEVEL_INVALID_ARGUMENT, "BEVEL_NUM_THREADS must be a number from 1 to %d, got '%s'",
                  bevel::kMaxThreads, refused.c_str());
    }
  });
}
