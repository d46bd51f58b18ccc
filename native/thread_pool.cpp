#include "thread_pool.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <new>

#include "old_glibc.hpp"
#include "processors.hpp"

namespace bevel {
namespace {

constexpr int kMostWorkers = kMostThreads - 1;
constexpr size_t kStackBytes = 1 << 20;
/// How long an idle thread looks out before it sleeps: about as long as the phases of a call differ from
/// thread to thread, so that nobody sleeps within a call. With 50 µs lift-splat's forward was 7 % slower on a
/// shared machine.
constexpr int64_t kLookOutNanoseconds = 200'000;
/// After a failure to create a thread, none is tried for so long.
constexpr int64_t kRetryNanoseconds = 1'000'000'000;

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
void futex_wake(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

/// Looks until `done` holds, for a while; whether it does.
template <class Done>
bool look_out(bool patient, Done done) {
  if (done()) return true;
  if (!patient) return false;
  const int64_t end = now() + kLookOutNanoseconds;
  do {
    for (int i = 0; i < 16; ++i) {
      _mm_pause();
      if (done()) return true;
    }
  } while (now() < end);
  return false;
}

/// What one run() has its threads do.
struct Task {
  void (*call)(const void* body, int thread);
  const void* body;
  unsigned float_mode;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr failure;

  void run(int thread) noexcept {
    try {
      call(body, thread);
    } catch (...) {
      if (!failed.test_and_set()) failure = std::current_exception();
    }
  }
};

enum State : uint32_t {
  kLooking,  ///< awake, no task
  kAsleep,   ///< no task; sleeps on its state
  kPosted,   ///< has a task that it has not begun
  kRunning,
  kAwaited,  ///< running, and the caller sleeps on its state
};

/// One worker; its place is used again by no other.
struct alignas(128) Worker {
  std::atomic<uint32_t> state;
  Task* task;  ///< with its number, written before the state becomes kPosted
  int thread;

  void post(Task& new_task, int number) {
    task = &new_task;
    thread = number;
    if (state.exchange(kPosted) == kAsleep) futex_wake(state);
  }

  /// Returns when the task is done, or called off because it was not begun.
  void finish(bool patient) {
    uint32_t expected = kPosted;
    if (state.compare_exchange_strong(expected, kLooking)) return;
    const auto done = [this] {
      const uint32_t now = state.load(std::memory_order_acquire);
      return now == kLooking || now == kAsleep;
    };
    if (look_out(patient, done)) return;
    expected = kRunning;
    if (!state.compare_exchange_strong(expected, kAwaited)) return;
    while (state.load(std::memory_order_acquire) == kAwaited) futex_wait(state, kAwaited);
  }

  [[noreturn]] void work();
};

class Pool;
Pool& the_pool();

/// Constructed at compile time and never destroyed: workers use it until the process ends.
class Pool {
 public:
  /// Takes up to `wanted` idle workers, and writes their places.
  int take(int wanted, uint8_t* places) {
    int taken = 0;
    for (int word = 0; word < kWords && taken < wanted; ++word) {
      uint64_t idle = idle_[word].load(std::memory_order_relaxed);
      while (idle != 0 && taken < wanted) {
        const uint64_t lowest = idle & -idle;
        if (idle_[word].fetch_and(~lowest, std::memory_order_acquire) & lowest) {
          places[taken++] = static_cast<uint8_t>(word * 64 + __builtin_ctzll(lowest));
        }
        idle &= ~lowest;
      }
    }
    if (taken < wanted && created_.load(std::memory_order_relaxed) < wanted)
      taken = create(wanted, places, taken);
    return taken;
  }

  void give_back(const uint8_t* places, int count) {
    for (int i = 0; i < count; ++i) {
      idle_[places[i] / 64].fetch_or(uint64_t{1} << places[i] % 64, std::memory_order_release);
    }
  }

  Worker& worker(int place) { return workers_[place]; }
  int created() const { return created_.load(std::memory_order_relaxed); }
  /// Whether each worker and a caller can have a processor, so that looking out takes none from a thread that
  /// is waited for.
  bool fits() const { return created() < processors_.load(std::memory_order_relaxed); }

  /// In the child of a fork, which has one thread and no worker.
  void begin_anew() {
    for (auto& word : idle_) word.store(0);
    for (Worker& worker : workers_) worker.state.store(kLooking);
    created_.store(0);
    retry_at_ = 0;
    new (&mutex_) std::mutex;
  }

 private:
  static constexpr int kWords = (kMostWorkers + 63) / 64;

  int create(int wanted, uint8_t* places, int taken) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (retry_at_ != 0 && now() < retry_at_) return taken;
    retry_at_ = 0;
    if (!fork_noticed_) {
      fork_noticed_ = pthread_atfork(nullptr, nullptr, [] { the_pool().begin_anew(); }) == 0;
    }
    if (created() == 0) count_processors();
    for (int place = created(); place < wanted && taken < wanted; ++place) {
      if (!start(workers_[place])) {
        retry_at_ = now() + kRetryNanoseconds;
        break;
      }
      created_.store(place + 1, std::memory_order_relaxed);
      places[taken++] = static_cast<uint8_t>(place);
    }
    return taken;
  }

  void count_processors() noexcept {
    try {
      processors_.store(usable_processors().count, std::memory_order_relaxed);
    } catch (...) {
      // Without memory to find out: nobody looks out.
    }
  }

  static bool start(Worker& worker) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setstacksize(&attributes, kStackBytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // The new thread inherits the mask. Of its own faults the host shall hear (the JVM's report of a crash).
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&blocked, fault);
    sigprocmask(SIG_SETMASK, &blocked, &before);  // of this thread, on Linux
    pthread_t thread;
    const int failure = pthread_create(
        &thread, &attributes, [](void* it) -> void* { static_cast<Worker*>(it)->work(); }, &worker);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return failure == 0;
  }

  std::atomic<uint64_t> idle_[kWords] = {};  ///< a bit for each worker that no call holds
  std::atomic<int> created_{0};
  std::atomic<int> processors_{1};
  std::mutex mutex_;  ///< of creating
  int64_t retry_at_ = 0;
  bool fork_noticed_ = false;
  Worker workers_[kMostWorkers] = {};
};

Pool& the_pool() {
  static constinit Pool pool;
  return pool;
}

void Worker::work() {
  Pool& pool = the_pool();
  char name[24];  // of which the kernel keeps 15
  std::snprintf(name, sizeof name, "bevel-%d", static_cast<int>(this - &pool.worker(0)) + 1);
  prctl(PR_SET_NAME, name);
  // Any thread may have been the first to call, one that is bound to a single processor too.
  cpu_set_t processors;
  if (sched_getaffinity(getpid(), sizeof processors, &processors) == 0) {
    sched_setaffinity(0, sizeof processors, &processors);
  }
  while (true) {
    const auto posted = [this] { return state.load(std::memory_order_acquire) == kPosted; };
    if (!look_out(pool.fits(), posted)) {
      uint32_t expected = kLooking;
      if (state.compare_exchange_strong(expected, kAsleep)) {
        while (state.load(std::memory_order_acquire) == kAsleep) futex_wait(state, kAsleep);
      }
      continue;
    }
    uint32_t expected = kPosted;
    if (!state.compare_exchange_strong(expected, kRunning)) continue;  // called off
    _mm_setcsr(task->float_mode);
    task->run(thread);
    if (state.exchange(kLooking) == kAwaited) futex_wake(state);
  }
}

}  // namespace

Crew::Crew(int threads, int64_t tasks) {
  const int wanted = static_cast<int>(std::min<int64_t>(std::min(threads, kMostThreads), tasks)) - 1;
  if (wanted > 0) workers_ = the_pool().take(wanted, worker_);
}

Crew::~Crew() {
  if (workers_ > 0) the_pool().give_back(worker_, workers_);
}

void Crew::run_on_all(Call call, const void* body) {
  Task task = {call, body, _mm_getcsr(), ATOMIC_FLAG_INIT, nullptr};
  Pool& pool = the_pool();
  for (int i = 0; i < workers_; ++i) pool.worker(worker_[i]).post(task, i + 1);
  task.run(0);
  const bool patient = pool.fits();
  for (int i = 0; i < workers_; ++i) pool.worker(worker_[i]).finish(patient);
  if (task.failure) std::rethrow_exception(task.failure);
}

int pool_workers() { return the_pool().created(); }

}  // namespace bevel
