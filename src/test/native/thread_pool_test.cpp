// The pool of threads: who works, how many there are, and what happens where a thread cannot be had.
#include "thread_pool.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/work_shares.hpp"
#include "failing_threads.hpp"

namespace bevel {
namespace {

using namespace std::chrono_literals;

/// Has all threads of a crew in a run() at the same time: each waits for the others, for as long as it takes
/// a slow machine to wake them.
int threads_that_come(Crew& crew) {
  std::atomic<int> come{0};
  const auto end = std::chrono::steady_clock::now() + 10s;
  crew.run([&](int) {
    ++come;
    while (come < crew.size() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  });
  return come;
}

/// Runs in a child, which has no worker yet; true if it ends with status 0.
template <class Body>
bool in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Crew, TakesAsManyAsAskedForAndNoMoreThanTasks) {
  EXPECT_EQ(Crew(1).size(), 1);
  EXPECT_EQ(Crew(0).size(), 1);
  EXPECT_EQ(Crew(4).size(), 4);
  EXPECT_EQ(Crew(4, 2).size(), 2);
  EXPECT_EQ(Crew(4, 0).size(), 1);
  EXPECT_EQ(Crew(100'000).size(), kMostThreads);
}

TEST(Crew, AllItsThreadsWorkAtATime) {
  for (int threads : {1, 2, 5, 16}) {
    Crew crew(threads);
    for (int again = 0; again < 20; ++again) ASSERT_EQ(threads_that_come(crew), threads);
  }
}

TEST(Crew, EveryItemOnceInManyPhases) {
  Crew crew(6);
  for (int64_t items : {0, 1, 5, 6, 7, 1000}) {
    for (int again = 0; again < 200; ++again) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(items));
      deal<3>(crew, items, [&](int64_t item) { ++runs[static_cast<size_t>(item)]; });
      for (auto& each : runs) ASSERT_EQ(each, 1) << items << " items";
    }
  }
}

TEST(Crew, CallersShareTheWorkers) {
  ASSERT_TRUE(in_child([] {
    std::atomic<bool> right{true};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 16; ++caller) {
      callers.emplace_back([&right] {
        for (int again = 0; again < 300; ++again) {
          Crew crew(9);
          std::atomic<int64_t> sum{0};
          deal(crew, 100, [&](int64_t item) { sum += item; });
          if (sum != 4950) right = false;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    return right && pool_workers() <= 8;
  }));
}

std::atomic<bool> held{false}, released{false};

/// The thread of that name.
pid_t thread_named(const std::string& wanted) {
  pid_t found = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* task = readdir(tasks)) {
    std::string name;
    std::getline(std::ifstream(std::string("/proc/self/task/") + task->d_name + "/comm"), name);
    if (name == wanted) found = std::atoi(task->d_name);
  }
  closedir(tasks);
  return found;
}

TEST(Crew, NobodyWaitsForAWorkerThatHasNotBegun) {
  EXPECT_TRUE(in_child([] {
    Crew crew(2);
    if (threads_that_come(crew) != 2) return false;
    // A signal handler keeps the worker from whatever it would do.
    signal(SIGTRAP, [](int) {
      held = true;
      while (!released) std::this_thread::yield();
    });
    syscall(SYS_tgkill, getpid(), thread_named("bevel-1"), SIGTRAP);
    while (!held) std::this_thread::yield();
    for (int phase = 0; phase < 3; ++phase) {
      int64_t sum = 0;
      WorkShares shares(100, crew.size());
      crew.run([&](int thread) {
        if (thread != 0) _exit(2);
        shares.work(thread, [&](int64_t task) { sum += task; });
      });
      if (sum != 4950) return false;
    }
    released = true;
    return threads_that_come(crew) == 2;
  }));
}

TEST(Crew, WhatABodyThrowsIsThrownToTheCaller) {
  Crew crew(4);
  for (int who = 0; who < 4; ++who) {
    std::atomic<int> come{0};
    try {
      crew.run([&](int thread) {
        ++come;
        while (come < 4) std::this_thread::yield();
        if (thread == who) throw std::runtime_error("of thread " + std::to_string(thread));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "of thread " + std::to_string(who));
    }
  }
  EXPECT_THROW(crew.run([](int) { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_EQ(threads_that_come(crew), 4) << "and the crew is as good as before";
}

TEST(Crew, WorkersTakeOverTheCallersFloatingPointMode) {
  Crew crew(3);
  const unsigned before = _mm_getcsr();
  for (unsigned mode : {before | 0x8040u, before}) {  // with and without flushing denormal numbers to zero
    _mm_setcsr(mode);
    std::atomic<int> come{0}, other{0};
    crew.run([&](int) {
      if ((_mm_getcsr() & ~0x3fu) != (mode & ~0x3fu)) ++other;
      ++come;
      while (come < 3) std::this_thread::yield();
    });
    EXPECT_EQ(other, 0);
  }
  _mm_setcsr(before);
}

TEST(Crew, WorkersAreNamedAndLeaveSignalsToTheHost) {
  Crew crew(2);
  std::atomic<int> come{0};
  std::string name;
  sigset_t blocked;
  crew.run([&](int thread) {
    if (thread == 1) {
      std::getline(std::ifstream("/proc/thread-self/comm"), name);
      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    }
    ++come;
    while (come < 2) std::this_thread::yield();
  });
  EXPECT_EQ(name.substr(0, 6), "bevel-");
  for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM})
    EXPECT_TRUE(sigismember(&blocked, signal));
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) EXPECT_FALSE(sigismember(&blocked, fault));
}

TEST(Crew, AForkBeginsWithAnEmptyPool) {
  Crew(5);
  ASSERT_GE(pool_workers(), 4);
  EXPECT_TRUE(in_child([] {
    if (pool_workers() != 0) return false;
    Crew crew(3);
    return threads_that_come(crew) == 3 && pool_workers() == 2;
  }));
  Crew crew(5);
  EXPECT_EQ(threads_that_come(crew), 5) << "and the parent keeps its own";
}

TEST(Crew, WithoutNewThreadsItIsSmaller) {
  for (int created : {0, 1, 3}) {
    EXPECT_TRUE(in_child([created] {
      threads_until_failure = created;
      Crew crew(8);
      std::atomic<int64_t> sum{0};
      deal(crew, 1000, [&](int64_t item) { sum += item; });
      return crew.size() == 1 + created && sum == 499'500;
    })) << created
        << " threads can be created";
  }
}

TEST(Crew, ThreadsComeLaterWhereTheyCouldNotAtFirst) {
  EXPECT_TRUE(in_child([] {
    threads_until_failure = 0;
    if (Crew(3).size() != 1) return false;
    threads_until_failure = 100;
    if (Crew(3).size() != 1) return false;  // not tried again at once
    std::this_thread::sleep_for(1100ms);
    return Crew(3).size() == 3;
  }));
}

}  // namespace
}  // namespace bevel

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
