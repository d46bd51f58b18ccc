/* Bevel's C ABI: what every operator shares. Each operator has a header of its own, bevel/<operator>.h, and
 * bevel/bevel.h includes them all.
 *
 * Rules that hold for every function here and there:
 *
 *  - It returns a bevel_status; on failure bevel_last_error() holds one sentence that names operator,
 *    argument, what was expected and what came. Nothing is written when a call fails on its arguments. No
 *    exception leaves the library.
 *  - Every params struct begins with its own size (set it with sizeof) and grows at its end only: a caller
 *    built against an older header keeps working. Structs that stand inside another one (bevel_grid,
 *    bevel_lift_splat_geometry) never grow. Reserved fields must be 0.
 *  - Tensors are DLTensor*, owned by the caller; element counts are 64-bit. Unless said otherwise they are
 *    compact and row-major.
 *  - What a call writes (outputs, workspace) shares no memory with anything else that it takes.
 *  - `stream` is a cudaStream_t for CUDA tensors and must be NULL for CPU tensors. CUDA calls only enqueue
 *    work; they neither allocate device memory nor synchronise, so they can be captured in a CUDA graph,
 *    after one call of the same kind: CUDA itself loads a kernel when it is first used. CPU calls have
 *    finished when they return.
 *  - Functions may be called from any thread. A workspace or an output belongs to one call at a time.
 *  - A workspace may have been made for more threads than the call has, or for fewer: it then runs on as many
 *    as fit. One that is too small for a single thread is refused. */
#ifndef BEVEL_BASE_H_
#define BEVEL_BASE_H_

#include "bevel/dlpack.h"

/* BEVEL_BUILDING is defined where the library itself is compiled, and nowhere else. */
#if defined(_WIN32) && defined(BEVEL_BUILDING)
#define BEVEL_API __declspec(dllexport)
#elif defined(_WIN32)
#define BEVEL_API __declspec(dllimport)
#else
#define BEVEL_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BEVEL_VERSION_MAJOR 0
#define BEVEL_VERSION_MINOR 1
#define BEVEL_VERSION_PATCH 0

typedef enum bevel_status {
  BEVEL_OK = 0,
  /** Null pointer, wrong dtype, rank, shape, layout, device, alignment or value. */
  BEVEL_INVALID_ARGUMENT = 1,
  /** Legal, but this build or this operator does not do it. */
  BEVEL_UNSUPPORTED = 2,
  /** CUDA was asked for and its library, driver or device is missing; the message says which. */
  BEVEL_NO_CUDA = 3,
  /** The CUDA runtime reported an error. */
  BEVEL_CUDA_ERROR = 4,
  BEVEL_OUT_OF_MEMORY = 5,
  /** A defect in Bevel. */
  BEVEL_INTERNAL = 6
} bevel_status;

/** Message of the last failed call on this thread; "" if there was none. Valid until the next failing call on
 * the thread. */
BEVEL_API const char* bevel_last_error(void);

/** major * 10000 + minor * 100 + patch of the loaded library. */
BEVEL_API int32_t bevel_version(void);

/** Instruction sets a CPU body can be compiled for; the best one that the machine has is chosen at load. */
typedef enum bevel_instruction_set {
  /** Baseline x86-64 (SSE2). */
  BEVEL_ISA_PORTABLE = 0,
  /** x86-64-v3. */
  BEVEL_ISA_AVX2 = 1,
  /** x86-64-v4. */
  BEVEL_ISA_AVX512 = 2
} bevel_instruction_set;

/** The instruction set in use. */
BEVEL_API bevel_instruction_set bevel_get_instruction_set(void);

/** Chooses an instruction set (for tests and measurements); BEVEL_UNSUPPORTED if the machine lacks it. */
BEVEL_API bevel_status bevel_set_instruction_set(bevel_instruction_set isa);

/** Threads of a call on the CPU whose params ask for none. At first BEVEL_NUM_THREADS, else OMP_NUM_THREADS
 * (of a list the first), where they hold a number from 1 to 4096, blanks around it allowed; else what
 * bevel_set_default_num_threads says; else the processors that the process's affinity and cgroup quotas
 * allow.
 *
 * However many calls run at a time, the library has at most one thread less than the largest number that any
 * of them asked for, and at most 255: calls share them, and each works itself. A call that finds them busy,
 * or for which none can be created, does with fewer; its results are the same, bit for bit. */
BEVEL_API int32_t bevel_get_num_threads(void);

/** Who said so: "BEVEL_NUM_THREADS=3", "a cgroup quota of 1.5 processors" … Valid until this thread asks
 * again. */
BEVEL_API const char* bevel_get_num_threads_reason(void);

/** Sets the number of threads, 1 to 4096. Results do not depend on it, not even in the last bit. Calls that
 * are running keep theirs. */
BEVEL_API bevel_status bevel_set_num_threads(int32_t threads);

/** For a runtime that knows better than the system how many processors its process may use: sets the number
 * of threads unless the environment or bevel_set_num_threads has. `reason` is copied. */
BEVEL_API bevel_status bevel_set_default_num_threads(int32_t threads, const char* reason);

/** BEVEL_INVALID_ARGUMENT where BEVEL_NUM_THREADS is set to what is no number of threads; it then counts for
 * nothing. */
BEVEL_API bevel_status bevel_check_environment(void);

typedef struct bevel_capabilities {
  uint64_t struct_size;
  /** 1 if libbevel_cuda could be opened. */
  int32_t cuda_library;
  /** Devices the driver offers; 0 without CUDA. */
  int32_t cuda_devices;
  /** Version the CUDA library was built with, as CUDART_VERSION; 0 without CUDA. */
  int32_t cuda_runtime;
  /** Version the driver supports, in the same form; 0 without CUDA. */
  int32_t cuda_driver;
  /** What the CUDA library holds code for, e.g. "sm_80 sm_90 compute_90". */
  char cuda_architectures[64];
  /** Why CUDA is not usable; "" when it is. */
  char cuda_reason[256];
} bevel_capabilities;

/** Fills in what this library can do here. Opens the CUDA library if that was not tried yet. */
BEVEL_API bevel_status bevel_get_capabilities(bevel_capabilities* capabilities);

/** Path of libbevel_cuda, to be called before the first use of a CUDA device; by default it lies beside
 * libbevel. NULL resets. */
BEVEL_API bevel_status bevel_set_cuda_library(const char* path);

/** How a metric coordinate becomes a cell index; f = (coordinate − lower bound) / cell size. */
typedef enum bevel_cell_rounding {
  /** C truncation, as every upstream project does: −1 < f < 0 falls in cell 0. Pretrained weights need it. */
  BEVEL_TRUNC = 0,
  /** Mathematical: only 0 ≤ f < n is inside. */
  BEVEL_FLOOR = 1
} bevel_cell_rounding;

/** Which BEV axis is the row (slow) axis of a map. */
typedef enum bevel_row_axis {
  /** Maps are [.., Y, X]: BEVDet, BEVDepth, CenterPoint. */
  BEVEL_ROW_Y = 0,
  /** Maps are [.., X, Y]: BEVFusion. */
  BEVEL_ROW_X = 1
} bevel_row_axis;

/** Memory order of feature maps. */
typedef enum bevel_layout {
  /** [.., C, H, W] */
  BEVEL_CHANNELS_FIRST = 0,
  /** [.., H, W, C] */
  BEVEL_CHANNELS_LAST = 1
} bevel_layout;

/** How a backward pass adds up what several places of the output contribute to one gradient. */
typedef enum bevel_determinism {
  /** In an order that is always the same: equal inputs give equal bits. */
  BEVEL_STRICT = 0,
  /** In the order in which threads come where that is faster (atomic additions on CUDA): the last bits of a
   * gradient may differ from run to run. The CPU bodies do what BEVEL_STRICT does. */
  BEVEL_FAST = 1
} bevel_determinism;

/** A bird's-eye-view grid in metres. Cell (ix, iy, iz) spans [lower + i·cell_size, lower + (i+1)·cell_size)
 * on each axis. */
typedef struct bevel_grid {
  /** x, y, z of the grid's lower corner. */
  double lower[3];
  /** > 0 */
  double cell_size[3];
  /** nx, ny, nz ≥ 1 */
  int32_t cells[3];
  /** A bevel_cell_rounding. */
  int32_t rounding;
  /** A bevel_row_axis. */
  int32_t row_axis;
  int32_t reserved;
} bevel_grid;

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_BASE_H_ */
