// To be preloaded into a JVM: threads that libbevel creates fail, as they do at a limit of the system; the
// JVM's own come.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) {
  typedef int (*function)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  Dl_info caller;
  if (dladdr(__builtin_return_address(0), &caller) && caller.dli_fname &&
      strstr(caller.dli_fname, "libbevel")) {
    return EAGAIN;
  }
  return ((function)dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, start, argument);
}
