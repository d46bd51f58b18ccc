// A pthread_create that fails from some thread on, in place of the C library's, for the test's own code and
// for libbevel. Included by one file of a program.
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include <atomic>

/// Threads that can still be created.
inline std::atomic<int> threads_until_failure{1'000'000};

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) noexcept {
  if (threads_until_failure.fetch_sub(1) <= 0) return EAGAIN;  // as under RLIMIT_NPROC or pids.max
  static const auto original =
      reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return original(thread, attributes, start, argument);
}
