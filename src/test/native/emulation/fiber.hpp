// A stack of its own that runs until it hands control back: one for every emulated thread.
#pragma once

#include <cstddef>

#if defined(__x86_64__) && !defined(BEVEL_PORTABLE_FIBERS)
#define BEVEL_ASSEMBLY_FIBERS
#else
#include <ucontext.h>
#endif

namespace bevel::emulation {

/** Runs entry(argument) on its own stack, which has a guard page below and is known to AddressSanitizer. */
class Fiber {
 public:
  using Entry = void (*)(void* argument);

  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /** Prepares a run; the one before must have finished. */
  void start(Entry entry, void* argument);

  /** Runs until suspend() or the end of entry. Called from the scheduler's stack. */
  void resume();

  /** Goes back to resume(). Called on the fiber. */
  void suspend();

  bool finished() const { return finished_; }

 private:
  static void run(Fiber* self);
  void enter();

#if defined(BEVEL_ASSEMBLY_FIBERS)
  using Context = void*;  // the stack pointer; registers lie on the stack
#else
  using Context = ucontext_t;
#endif
  static void swap(Context& save, Context& to);

  std::byte* stack_;
  Context own_{}, caller_{};
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  bool finished_ = true;
  void* own_fake_stack_ = nullptr;
  const void* caller_bottom_ = nullptr;
  size_t caller_size_ = 0;
};

}  // namespace bevel::emulation
