/* The DLPack structures that cross Bevel's ABI, declared here from the published ABI (DLPack 1.x) so that
 * nothing is vendored.
 *
 * They stand inside DLPack's own include guard: with the original dlpack.h included before or after this
 * header the declarations are seen once, and they are layout-compatible with it. */
#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where a tensor's memory lives. Bevel runs on kDLCPU, kDLCUDA and kDLCUDAHost (pinned, treated as CPU
 * memory). */
typedef enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3, kDLCUDAManaged = 13 } DLDeviceType;

typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;

typedef enum { kDLInt = 0U, kDLUInt = 1U, kDLFloat = 2U, kDLBfloat = 4U, kDLBool = 6U } DLDataTypeCode;

typedef struct {
  uint8_t code;   /**< a DLDataTypeCode */
  uint8_t bits;   /**< bits of one lane */
  uint16_t lanes; /**< 1 everywhere in Bevel */
} DLDataType;

/** A view of a tensor; the library never owns the memory behind it. */
typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;     /**< in elements; NULL means row-major and compact */
  uint64_t byte_offset; /**< added to data */
} DLTensor;

#ifdef __cplusplus
}
#endif
#endif /* DLPACK_DLPACK_H_ */
