/* The DLPack structures that cross Bevel's ABI, declared here from the published ABI (DLPack 1.0) so that
 * nothing is vendored.
 *
 * DLPack's own header goes before them: where one is installed (<dlpack/dlpack.h>, of any version from 0.6
 * on) it is included, so that whatever its version declares is there; BEVEL_OWN_DLPACK, defined before, says
 * not to. The declarations stand inside its include guard, so that one which is found some other way may come
 * first or afterwards: the layouts are the same. Bevel itself uses DLTensor and what is in it. */
#ifndef BEVEL_DLPACK_H_
#define BEVEL_DLPACK_H_

#if !defined(BEVEL_OWN_DLPACK) && defined(__has_include)
#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#endif
#endif

#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

#include <stddef.h>
#include <stdint.h>

#define DLPACK_MAJOR_VERSION 1
#define DLPACK_MINOR_VERSION 0
#define DLPACK_FLAG_BITMASK_READ_ONLY (1UL << 0UL)
#define DLPACK_FLAG_BITMASK_IS_COPIED (1UL << 1UL)

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint32_t major;
  uint32_t minor;
} DLPackVersion;

/** Where a tensor's memory lives. Bevel takes kDLCPU, kDLCUDA and kDLCUDAHost (pinned memory, which it
 * treats as CPU memory). */
#ifdef __cplusplus
typedef enum : int32_t {
#else
typedef enum {
#endif
  kDLCPU = 1,
  kDLCUDA = 2,
  kDLCUDAHost = 3,
  kDLOpenCL = 4,
  kDLVulkan = 7,
  kDLMetal = 8,
  kDLVPI = 9,
  kDLROCM = 10,
  kDLROCMHost = 11,
  kDLExtDev = 12,
  kDLCUDAManaged = 13,
  kDLOneAPI = 14,
  kDLWebGPU = 15,
  kDLHexagon = 16,
  kDLMAIA = 17
} DLDeviceType;

typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;

typedef enum {
  kDLInt = 0U,
  kDLUInt = 1U,
  kDLFloat = 2U,
  kDLOpaqueHandle = 3U,
  kDLBfloat = 4U,
  kDLComplex = 5U,
  kDLBool = 6U
} DLDataTypeCode;

typedef struct {
  /** A DLDataTypeCode. */
  uint8_t code;
  /** Bits of one lane. */
  uint8_t bits;
  /** 1 everywhere in Bevel. */
  uint16_t lanes;
} DLDataType;

/** A view of a tensor; who made it owns the memory. */
typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  /** In elements; NULL means row-major and compact. */
  int64_t* strides;
  /** Added to data. */
  uint64_t byte_offset;
} DLTensor;

/** A tensor with its owner's clean-up. */
typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensor* self);
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;

#ifdef __cplusplus
}
#endif
#endif /* DLPACK_DLPACK_H_ */
#endif /* BEVEL_DLPACK_H_ */
