// Marks functions that run on the host and, compiled by nvcc, on the device.
#pragma once

#if defined(__CUDACC__)
#define BEVEL_HD __host__ __device__ __forceinline__
#else
#define BEVEL_HD inline
#endif
