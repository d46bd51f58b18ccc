// Runs the blocks of a launch one after the other, the threads of a block as fibers that change over at
// barriers and warp collectives, in an order that can be chosen.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <source_location>
#include <string>
#include <vector>

#include "fault.hpp"
#include "fiber.hpp"
#include "shadow.hpp"
#include "vector_types.hpp"

namespace bevel::emulation {

/** In which order threads and blocks get their turn. */
enum class Order { kForward, kReverse, kRandom };
const char* to_string(Order order);

/** How launches of this host thread run. */
struct Settings {
  Order order = Order::kForward;
  uint64_t seed = 1;               ///< of kRandom
  bool check_global_races = true;  ///< off only for protocols between blocks that the shadow does not know
};
Settings& settings();

/** Most that a lane can bring to a warp collective. */
constexpr size_t kPayloadBytes = 64;

/** One meeting of the lanes of a mask. */
struct Collective {
  Collective() {}  // leaves the payload as it is
  const char* operation = nullptr;
  uint32_t mask = 0, arrived = 0, left = 0;
  std::source_location place{};
  alignas(16) std::array<std::array<std::byte, kPayloadBytes>, 32> payload;
};

struct Warp {
  std::deque<Collective> open;  // a deque: references stay valid while others come and go at its ends
  uint32_t syncs = 0;
};

/** An emulated CUDA thread. */
struct Thread {
  enum class State { kReady, kAtBarrier, kAtCollective, kDone };
  uint3 index{};
  unsigned linear = 0;
  State state = State::kReady;
  Fiber* fiber = nullptr;
  const char* operation = nullptr;  // what it waits in
  std::source_location place{};
  uint32_t mask = 0;
  int predicate = 0;
  std::array<uint32_t, 32> heard_of{};
  std::vector<std::function<void()>> copies;  // under way to shared memory

  unsigned lane() const { return linear % 32; }
};

/** A shared array of the block, between red zones. */
struct SharedArray {
  const char* name = "";
  std::byte* data = nullptr;
  size_t bytes = 0;
};

class Launch {
 public:
  Launch(std::string name, dim3 grid, dim3 block, size_t dynamic_bytes);
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  /** Runs body once for every thread; throws what a thread threw, and Faults of the scheduler's own. */
  void run(const std::function<void()>& body);

  /** The launch and thread that run now; there is none on the host's side. */
  static Launch& current();
  static Thread& thread() { return *current().running_; }
  static bool active();

  /** Waits for the whole block; returns how many threads gave a predicate other than 0. */
  int barrier(const char* operation, int predicate, const std::source_location& place);

  /** Waits for the lanes of the mask; the result may be read until leave(). */
  Collective& meet(const char* operation, uint32_t mask, const void* value, size_t bytes,
                   const std::source_location& place);
  void leave(Collective& collective);

  /** Memory order among the lanes of a mask that have met in __syncwarp. */
  void join_clocks(const Collective& collective);

  /** The shared array declared at `key`, the same for all threads of a block. */
  const SharedArray& shared_array(const void* key, const char* name, size_t bytes);
  const SharedArray& dynamic_shared() const { return dynamic_; }

  Accessor accessor() const;
  [[noreturn]] void fail(FaultKind kind, const std::string& what, const std::source_location& place) const;

  const std::string& name() const { return name_; }
  dim3 grid() const { return grid_; }
  dim3 block() const { return block_; }
  uint3 block_index() const { return block_index_; }

 private:
  struct Cancelled {};
  static void thread_main(void* self);
  void run_block();
  void suspend(Thread::State state, const char* operation, uint32_t mask, const std::source_location& place);
  void resume(Thread& thread);
  void release_barrier_or_fail();
  void cancel();
  void order_threads(std::vector<unsigned>& order);
  std::vector<uint64_t> order_blocks();
  SharedArray allocate_shared(const char* name, size_t bytes);
  std::string describe(const Thread& thread) const;
  std::string describe_stall() const;

  const std::string name_;
  const dim3 grid_, block_;
  const size_t dynamic_bytes_;
  const Settings settings_;
  std::mt19937_64 random_;
  std::vector<std::byte> shared_memory_;
  size_t shared_used_ = 0;
  std::map<const void*, SharedArray> shared_arrays_;
  SharedArray dynamic_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  uint3 block_index_{};
  uint32_t launch_epoch_ = 0, block_epoch_ = 0, epoch_ = 0;
  int barrier_count_ = 0;
  bool cancelling_ = false;
  Thread* running_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr failure_;
};

/** The shadow of all memory that emulated threads of this host thread touch. */
Shadow& shadow();

/** "(x, y, z)". */
std::string to_string(uint3 value);

/** "file:line", the file without its folders. */
std::string to_string(const std::source_location& place);

}  // namespace bevel::emulation
