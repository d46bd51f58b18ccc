// The threads of the CPU bodies: one pool for the whole process.
//
// Why a pool of our own. Bevel's calls run in somebody else's process, from any number of its threads:
//  - GNU OpenMP ends the process (exit(1)) when a thread cannot be created, makes a team for each thread that
//    calls it (16 callers of 16 threads: 256 native threads), and shares its settings with LibTorch. A budget
//    in front of it would bound the number, but not save the process.
//  - pthreadpool lets one caller of a pool in at a time, the others wait on a mutex; and a failed
//    pthread_create is not looked at: it then waits for ever for a thread that does not exist.
//
// What this one does:
//  - Calls share the workers. A call takes as many idle ones as it wants, creates more up to the bound, and
//    does without those it does not get. There are never more than one less than the largest number of
//    threads that a call has asked for, nor than kMostThreads − 1.
//  - The caller always works itself, and nobody waits for a worker that has not begun: what a worker would
//    have done the others do (WorkShares), and when all is done its part is called off. So a call beside busy
//    processes, whose workers get no processor, is no slower than one without them; and no number of callers
//    can block each other. That is also why there is no barrier: each phase of a body is a run() of its own.
//  - An idle worker looks out for work for a short while, if the threads fit into the processors, and then
//    sleeps in the kernel.
//  - A worker takes over the caller's floating-point mode, so that results do not depend on who computes.
//  - Workers block all signals but those of their own faults, so the host's handlers run on the host's
//    threads; they are named bevel-N and have small stacks. After a fork the child starts with an empty pool.
//    The library is never unloaded (-z nodelete), since workers stand in its code.
#pragma once

#include <cstdint>

namespace bevel {

/// Threads of a call at most, the caller's included.
inline constexpr int kMostThreads = 256;

/// The threads of one call: the caller's own, number 0, and workers that it holds until its end.
class Crew {
 public:
  /// At most `threads`, and no more than there are tasks.
  explicit Crew(int threads, int64_t tasks = INT64_MAX);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Numbers of its threads are below this; at least 1.
  int size() const { return 1 + workers_; }

  /// Calls body(thread) on the caller and on those workers that come before it has returned there; returns
  /// when all of them have. So body(0) alone must be enough to do all the work. What a body throws is thrown
  /// here, the first of several.
  template <class Body>
  void run(const Body& body) {
    run_on_all([](const void* it, int thread) { (*static_cast<const Body*>(it))(thread); }, &body);
  }

 private:
  using Call = void (*)(const void* body, int thread);
  void run_on_all(Call call, const void* body);

  int workers_ = 0;
  uint8_t worker_[kMostThreads - 1];
};

/// Workers that exist, for tests.
int pool_workers();

}  // namespace bevel
