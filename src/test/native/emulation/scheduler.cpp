#include "scheduler.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#if defined(BEVEL_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#endif

namespace bevel::emulation {

namespace {

constexpr size_t kRedZone = 128;
constexpr size_t kSharedCapacity = (228 << 10) + 64 * kRedZone;

thread_local Launch* current_launch = nullptr;
thread_local uint32_t last_epoch = 0;

/** Fibers are kept from launch to launch: making a stack costs far more than a run on it. */
Fiber* fiber_for(unsigned thread) {
  static thread_local std::vector<std::unique_ptr<Fiber>> fibers;
  while (fibers.size() <= thread) fibers.push_back(std::make_unique<Fiber>());
  return fibers[thread].get();
}

void poison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#if defined(BEVEL_ADDRESS_SANITIZER)
  __asan_poison_memory_region(begin, bytes);
#endif
}

void unpoison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#if defined(BEVEL_ADDRESS_SANITIZER)
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

bool same(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

std::string hexadecimal(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08X", value);
  return text;
}

}  // namespace

const char* to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::kSharedOutOfBounds:
      return "shared memory out of bounds";
    case FaultKind::kGlobalOutOfBounds:
      return "device memory out of bounds";
    case FaultKind::kMisaligned:
      return "misaligned access";
    case FaultKind::kUninitializedShared:
      return "uninitialized shared memory";
    case FaultKind::kUninitializedGlobal:
      return "uninitialized device memory";
    case FaultKind::kSharedRace:
      return "race on shared memory";
    case FaultKind::kGlobalRace:
      return "race on device memory";
    case FaultKind::kDivergentBarrier:
      return "divergent barrier";
    case FaultKind::kWarpMask:
      return "warp collective with a wrong mask";
    case FaultKind::kOrderDependent:
      return "order-dependent result";
  }
  return "unknown fault";
}

const char* to_string(Order order) {
  return order == Order::kForward ? "forward" : order == Order::kReverse ? "reverse" : "random";
}

std::string to_string(uint3 value) {
  return "(" + std::to_string(value.x) + ", " + std::to_string(value.y) + ", " + std::to_string(value.z) +
         ")";
}

std::string to_string(const std::source_location& place) {
  const char* file = std::strrchr(place.file_name(), '/');
  return std::string(file ? file + 1 : place.file_name()) + ":" + std::to_string(place.line());
}

Settings& settings() {
  static thread_local Settings value;
  return value;
}

Shadow& shadow() {
  static thread_local Shadow value;
  return value;
}

Launch::Launch(std::string name, dim3 grid, dim3 block, size_t dynamic_bytes)
    : name_(std::move(name)),
      grid_(grid),
      block_(block),
      dynamic_bytes_(dynamic_bytes),
      settings_(settings()),
      random_(settings_.seed),
      shared_memory_(kSharedCapacity),
      threads_(size_t{block.x} * block.y * block.z),
      warps_((threads_.size() + 31) / 32) {}

Launch::~Launch() { unpoison(shared_memory_.data(), shared_memory_.size()); }

bool Launch::active() { return current_launch != nullptr; }

Launch& Launch::current() {
  if (current_launch == nullptr || current_launch->running_ == nullptr) {
    throw std::logic_error("device code was called outside a launch");
  }
  return *current_launch;
}

std::vector<uint64_t> Launch::order_blocks() {
  std::vector<uint64_t> order(uint64_t{grid_.x} * grid_.y * grid_.z);
  std::iota(order.begin(), order.end(), uint64_t{0});
  if (settings_.order == Order::kReverse) std::reverse(order.begin(), order.end());
  if (settings_.order == Order::kRandom) std::shuffle(order.begin(), order.end(), random_);
  return order;
}

void Launch::order_threads(std::vector<unsigned>& order) {
  if (order.empty()) {
    order.resize(threads_.size());
    std::iota(order.begin(), order.end(), 0u);
    if (settings_.order == Order::kReverse) std::reverse(order.begin(), order.end());
  }
  if (settings_.order == Order::kRandom) std::shuffle(order.begin(), order.end(), random_);
}

void Launch::run(const std::function<void()>& body) {
  if (current_launch != nullptr) throw std::logic_error("a launch inside a launch");
  struct Scope {
    explicit Scope(Launch* launch) { current_launch = launch; }
    ~Scope() { current_launch = nullptr; }
  } scope(this);
  body_ = &body;
  launch_epoch_ = ++last_epoch;
  for (uint64_t block : order_blocks()) {
    block_index_ = {static_cast<unsigned>(block % grid_.x), static_cast<unsigned>(block / grid_.x % grid_.y),
                    static_cast<unsigned>(block / (uint64_t{grid_.x} * grid_.y))};
    run_block();
  }
}

void Launch::run_block() {
  block_epoch_ = epoch_ = ++last_epoch;
  shared_used_ = 0;
  shared_arrays_.clear();
  poison(shared_memory_.data(), shared_memory_.size());
  dynamic_ = allocate_shared("dynamic shared memory", dynamic_bytes_);
  std::fill(warps_.begin(), warps_.end(), Warp());
  for (unsigned i = 0; i < threads_.size(); ++i) {
    Thread& thread = threads_[i] = Thread();
    thread.linear = i;
    thread.index = {i % block_.x, i / block_.x % block_.y, i / (block_.x * block_.y)};
    thread.fiber = fiber_for(i);
  }
  std::vector<unsigned> order;
  for (size_t left = threads_.size(); left > 0;) {
    order_threads(order);
    bool progress = false;
    for (unsigned i : order) {
      Thread& thread = threads_[i];
      if (thread.state != Thread::State::kReady) continue;
      resume(thread);
      progress = true;
      left -= thread.state == Thread::State::kDone;
      if (failure_) {
        cancel();
        std::rethrow_exception(std::exchange(failure_, nullptr));
      }
    }
    if (!progress) release_barrier_or_fail();
  }
}

void Launch::resume(Thread& thread) {
  running_ = &thread;
  if (thread.fiber->finished()) thread.fiber->start(&Launch::thread_main, this);
  thread.fiber->resume();
  running_ = nullptr;
}

void Launch::thread_main(void* self) {
  auto& launch = *static_cast<Launch*>(self);
  Thread& thread = *launch.running_;
  try {
    (*launch.body_)();
  } catch (const Cancelled&) {
  } catch (...) {
    if (!launch.failure_) launch.failure_ = std::current_exception();
  }
  thread.state = Thread::State::kDone;
}

void Launch::cancel() {
  // Threads that stand in the middle of the kernel unwind, so that what they own is destroyed.
  cancelling_ = true;
  for (Thread& thread : threads_) {
    if (thread.state != Thread::State::kDone && !thread.fiber->finished()) resume(thread);
  }
  cancelling_ = false;
}

void Launch::suspend(Thread::State state, const char* operation, uint32_t mask,
                     const std::source_location& place) {
  Thread& thread = *running_;
  thread.state = state;
  thread.operation = operation;
  thread.mask = mask;
  thread.place = place;
  thread.fiber->suspend();
  if (cancelling_) throw Cancelled();
}

int Launch::barrier(const char* operation, int predicate, const std::source_location& place) {
  running_->predicate = predicate;
  suspend(Thread::State::kAtBarrier, operation, 0, place);
  return barrier_count_;
}

void Launch::release_barrier_or_fail() {
  const Thread& first = threads_.front();
  const bool together = std::all_of(threads_.begin(), threads_.end(), [&](const Thread& thread) {
    return thread.state == Thread::State::kAtBarrier && same(thread.operation, first.operation) &&
           thread.place.line() == first.place.line() &&
           same(thread.place.file_name(), first.place.file_name());
  });
  if (!together) {
    const bool in_collective = std::any_of(threads_.begin(), threads_.end(), [](const Thread& thread) {
      return thread.state == Thread::State::kAtCollective;
    });
    const FaultKind kind = in_collective ? FaultKind::kWarpMask : FaultKind::kDivergentBarrier;
    failure_ = std::make_exception_ptr(Fault(kind, std::string(to_string(kind)) + ": " + describe_stall()));
    cancel();
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  barrier_count_ = 0;
  for (Thread& thread : threads_) {
    barrier_count_ += thread.predicate != 0;
    thread.state = Thread::State::kReady;
  }
  epoch_ = ++last_epoch;
}

Collective& Launch::meet(const char* operation, uint32_t mask, const void* value, size_t bytes,
                         const std::source_location& place) {
  Thread& thread = *running_;
  const uint32_t own = 1u << thread.lane();
  if (!(mask & own)) {
    fail(FaultKind::kWarpMask,
         std::string(operation) + " by lane " + std::to_string(thread.lane()) + ", which its mask " +
             hexadecimal(mask) + " does not name",
         place);
  }
  Warp& warp = warps_[thread.linear / 32];
  auto found = std::find_if(warp.open.begin(), warp.open.end(), [&](const Collective& candidate) {
    return candidate.mask == mask && same(candidate.operation, operation) && !(candidate.arrived & own);
  });
  if (found == warp.open.end()) {
    while (!warp.open.empty() && warp.open.front().left == warp.open.front().mask) warp.open.pop_front();
    warp.open.emplace_back();
    found = std::prev(warp.open.end());
    found->operation = operation;
    found->mask = mask;
    found->place = place;
  }
  Collective& collective = *found;
  if (bytes > 0) std::memcpy(collective.payload[thread.lane()].data(), value, bytes);
  collective.arrived |= own;
  if (collective.arrived != mask) {
    suspend(Thread::State::kAtCollective, operation, mask, place);
    return collective;
  }
  const unsigned first = thread.linear / 32 * 32;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1u) threads_[first + lane].state = Thread::State::kReady;
  }
  return collective;
}

void Launch::leave(Collective& collective) { collective.left |= 1u << running_->lane(); }

void Launch::join_clocks(const Collective& collective) {
  // The first lane that passes does it for all of them.
  if (collective.left != 0) return;
  const unsigned warp = running_->linear / 32;
  const uint32_t number = ++warps_[warp].syncs;
  std::array<uint32_t, 32> joined{};
  for (int pass = 0; pass < 2; ++pass) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (!(collective.mask >> lane & 1u)) continue;
      std::array<uint32_t, 32>& clock = threads_[warp * 32 + lane].heard_of;
      if (pass == 0) {
        for (unsigned i = 0; i < 32; ++i) joined[i] = std::max(joined[i], clock[i]);
        joined[lane] = number;
      } else {
        clock = joined;
      }
    }
  }
}

SharedArray Launch::allocate_shared(const char* name, size_t bytes) {
  const size_t rounded = (bytes + kRedZone - 1) / kRedZone * kRedZone;
  auto base = reinterpret_cast<uintptr_t>(shared_memory_.data());
  const uintptr_t begin = (base + shared_used_ + 2 * kRedZone - 1) / kRedZone * kRedZone;
  if (begin + rounded + kRedZone > base + shared_memory_.size()) {
    throw std::length_error(name_ + ": shared arrays are larger than the 228 KB of a multiprocessor");
  }
  shared_used_ = begin + rounded - base;
  SharedArray array{name, reinterpret_cast<std::byte*>(begin), bytes};
  unpoison(array.data, bytes);
  std::memset(array.data, 0xFF, bytes);  // NaN, −1: what an unwritten word may hold
  return array;
}

const SharedArray& Launch::shared_array(const void* key, const char* name, size_t bytes) {
  auto found = shared_arrays_.find(key);
  if (found == shared_arrays_.end()) found = shared_arrays_.emplace(key, allocate_shared(name, bytes)).first;
  return found->second;
}

Accessor Launch::accessor() const {
  const Thread& thread = *running_;
  return {launch_epoch_,
          block_epoch_,
          epoch_,
          warps_[thread.linear / 32].syncs,
          static_cast<uint16_t>(thread.linear),
          &thread.heard_of};
}

std::string Launch::describe(const Thread& thread) const {
  return name_ + ", block " + to_string(block_index_) + ", thread " + to_string(thread.index) + ", order " +
         to_string(settings_.order) +
         (settings_.order == Order::kRandom ? " (seed " + std::to_string(settings_.seed) + ")"
                                            : std::string());
}

void Launch::fail(FaultKind kind, const std::string& what, const std::source_location& place) const {
  throw Fault(kind, std::string(to_string(kind)) + ": " + what + " at " + to_string(place) + " [" +
                        describe(*running_) + "]");
}

std::string Launch::describe_stall() const {
  // Threads that wait in the same way make one group; one group is one clause of the message.
  std::map<std::string, std::vector<const Thread*>> groups;
  for (const Thread& thread : threads_) {
    if (thread.state == Thread::State::kDone) {
      groups["left the kernel"].push_back(&thread);
    } else {
      std::string what = std::string("wait in ") + thread.operation;
      if (thread.state == Thread::State::kAtCollective) what += " with mask " + hexadecimal(thread.mask);
      groups[what + " at " + to_string(thread.place)].push_back(&thread);
    }
  }
  std::string text;
  for (const auto& [what, members] : groups) {
    text += (text.empty() ? "" : "; ") + std::to_string(members.size()) + " threads " + what +
            " (the first is " + to_string(members.front()->index) + ")";
  }
  return text + " [" + name_ + ", block " + to_string(block_index_) + ", order " +
         to_string(settings_.order) + "]";
}

}  // namespace bevel::emulation
