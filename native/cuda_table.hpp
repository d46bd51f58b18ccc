// The only symbol that libbevel_cuda exports, and what it returns: the CUDA bodies as plain function
// pointers, a pair for each line of kernels/bodies.def. libbevel has checked every argument before it calls
// one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bevel/base.h"

namespace bevel {

#define BEVEL_BODY(name, Job, workspace) struct Job;
#include "bodies.def"

struct StridedBlocks;

/// Where a body writes its message when it fails.
struct CudaMessage {
  char text[512];
};

struct CudaTable {
  uint64_t version;         ///< bodies_version()
  int32_t runtime_version;  ///< CUDART_VERSION the library was built with
  const char* architectures;

  /// Devices the driver offers and its version; a failure leaves the reason in the message.
  bevel_status (*probe)(int32_t* devices, int32_t* driver_version, CudaMessage*);
  /// Copies `bytes` from the device to the host and waits for the stream.
  bevel_status (*read)(const void* from, void* to, int64_t bytes, int32_t device, void* stream, CudaMessage*);
  /// Zeros in all blocks.
  bevel_status (*clear)(const StridedBlocks*, int32_t device, void* stream, CudaMessage*);

  /// `device` is made current for the call and the caller's device restored.
#define BEVEL_BODY(name, Job, workspace)                                        \
  bevel_status (*name)(const Job*, int32_t device, void* stream, CudaMessage*); \
  BEVEL_##workspace(bevel_status (*name##_workspace)(const Job*, int64_t* bytes, CudaMessage*);)
#include "bodies.def"
};

}  // namespace bevel

/// Null where the version is another one.
extern "C" BEVEL_API const bevel::CudaTable* bevel_cuda_table(uint64_t version);
