#include "fiber.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if defined(BEVEL_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#endif

namespace bevel::emulation {

namespace {

// Sanitized frames are large; pages that are never touched cost nothing.
constexpr size_t kStackBytes = 256 << 10;
constexpr size_t kGuardBytes = 4096;

void before_switch([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* bottom,
                   [[maybe_unused]] size_t size) {
#if defined(BEVEL_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(fake_stack, bottom, size);
#endif
}

void after_switch([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** old_bottom,
                  [[maybe_unused]] size_t* old_size) {
#if defined(BEVEL_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(fake_stack, old_bottom, old_size);
#endif
}

}  // namespace

Fiber::Fiber() {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, kGuardBytes, PROT_NONE);
  stack_ = static_cast<std::byte*>(memory) + kGuardBytes;
}

Fiber::~Fiber() { munmap(stack_ - kGuardBytes, kGuardBytes + kStackBytes); }

void Fiber::resume() {
  void* fake_stack = nullptr;
  before_switch(&fake_stack, stack_, kStackBytes);
  swap(caller_, own_);
  after_switch(fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
  before_switch(&own_fake_stack_, caller_bottom_, caller_size_);
  swap(own_, caller_);
  after_switch(own_fake_stack_, &caller_bottom_, &caller_size_);
}

void Fiber::run(Fiber* self) { self->enter(); }

void Fiber::enter() {
  after_switch(nullptr, &caller_bottom_, &caller_size_);
  entry_(argument_);
  finished_ = true;
  before_switch(nullptr, caller_bottom_, caller_size_);  // null: this stack's frames are gone for good
  swap(own_, caller_);
  __builtin_unreachable();
}

#if defined(BEVEL_ASSEMBLY_FIBERS)

// Saves the registers that the System V ABI lets a callee change only with care, and exchanges the stack
// pointers.
asm(R"(
.text
.p2align 4
.type bevel_emulation_swap, @function
bevel_emulation_swap:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size bevel_emulation_swap, . - bevel_emulation_swap
.type bevel_emulation_begin, @function
bevel_emulation_begin:
  movq %r12, %rdi
  callq *%r13
  ud2
.size bevel_emulation_begin, . - bevel_emulation_begin
)");
extern "C" {
void bevel_emulation_swap(void** save, void* to) asm("bevel_emulation_swap");
void bevel_emulation_begin() asm("bevel_emulation_begin");
}

void Fiber::swap(Context& save, Context& to) { bevel_emulation_swap(&save, to); }

void Fiber::start(Entry entry, void* argument) {
  entry_ = entry;
  argument_ = argument;
  finished_ = false;
  auto** top = reinterpret_cast<void**>(stack_ + kStackBytes);
  *--top = nullptr;  // end of the chain of return addresses; keeps the stack 16-byte aligned at the call
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&bevel_emulation_begin);
  *--top = nullptr;                               // rbp
  *--top = nullptr;                               // rbx
  *--top = static_cast<void*>(this);              // r12
  *--top = reinterpret_cast<void*>(&Fiber::run);  // r13
  *--top = nullptr;                               // r14
  *--top = nullptr;                               // r15
  own_ = top;
}

#else

void Fiber::swap(Context& save, Context& to) { swapcontext(&save, &to); }

void Fiber::start(Entry entry, void* argument) {
  entry_ = entry;
  argument_ = argument;
  finished_ = false;
  getcontext(&own_);
  own_.uc_stack.ss_sp = stack_;
  own_.uc_stack.ss_size = kStackBytes;
  own_.uc_link = nullptr;
  // makecontext passes ints only, so the pointer travels in two halves.
  const auto self = reinterpret_cast<uintptr_t>(this);
  auto begin = +[](unsigned high, unsigned low) {
    run(reinterpret_cast<Fiber*>((static_cast<uintptr_t>(high) << 32) | low));
  };
  makecontext(&own_, reinterpret_cast<void (*)()>(begin), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

#endif

}  // namespace bevel::emulation
