// Products of matrices for the im2col peer: cuBLAS where the toolkit has it, else a plain tiled kernel. Sums
// in float; fp32 operands are not rounded to TF32.
#pragma once

#include "device_values.cuh"
#include "suite.hpp"

#if defined(BEVEL_BENCH_CUBLAS)
#include <cublas_v2.h>
#endif

namespace bevel::bench {

/// C [m, n] = A [m, k] · B [k, n] + beta · C, all row-major; a transposed operand is stored the other way
/// round.
struct GemmShape {
  bool transpose_a, transpose_b;
  int m, n, k;
};

#if defined(BEVEL_BENCH_CUBLAS)

template <typename T>
constexpr cudaDataType_t kCudaType = CUDA_R_32F;
template <>
constexpr cudaDataType_t kCudaType<__half> = CUDA_R_16F;
template <>
constexpr cudaDataType_t kCudaType<__nv_bfloat16> = CUDA_R_16BF;

class Gemm {
 public:
  static constexpr const char* kName = "im2col + cuBLAS";

  explicit Gemm(cudaStream_t stream) : workspace_({int64_t{32} << 20}, kBytes) {
    check_blas(cublasCreate(&handle_), "cublasCreate");
    check_blas(cublasSetStream(handle_, stream), "cublasSetStream");
    // Its own workspace, so that calls can be captured in a graph.
    check_blas(cublasSetWorkspace(handle_, workspace_.as<void>(), static_cast<size_t>(workspace_.bytes())),
               "cublasSetWorkspace");
  }
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;
  ~Gemm() { cublasDestroy(handle_); }

  template <typename In, typename Out>
  void multiply(const GemmShape& s, const In* a, const In* b, float beta, Out* c) {
    const float alpha = 1;
    // Row-major matrices are column-major ones transposed: Cᵀ = Bᵀ · Aᵀ.
    check_blas(
        cublasGemmEx(handle_, s.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                     s.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, s.n, s.m, s.k, &alpha, b, kCudaType<In>,
                     s.transpose_b ? s.k : s.n, a, kCudaType<In>, s.transpose_a ? s.m : s.k, &beta, c,
                     kCudaType<Out>, s.n, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
        "cublasGemmEx");
  }

 private:
  static void check_blas(cublasStatus_t status, const char* what) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    std::fprintf(stderr, "gpu_bench: %s: %s\n", what, cublasGetStatusString(status));
    std::exit(1);
  }

  cublasHandle_t handle_ = nullptr;
  Buffer workspace_;
};

#else

constexpr int kGemmTile = 64, kGemmDepth = 16, kGemmOwn = 4;

/// A block of 16 × 16 threads makes a tile of C, a thread 4 × 4 of it.
template <typename In, typename Out>
__global__ void tiled_gemm_kernel(GemmShape s, const In* a, const In* b, float beta, Out* c) {
  __shared__ float tile_a[kGemmDepth][kGemmTile + 1], tile_b[kGemmDepth][kGemmTile + 1];
  const int row = blockIdx.y * kGemmTile, column = blockIdx.x * kGemmTile;
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
  float sums[kGemmOwn][kGemmOwn] = {};
  for (int depth = 0; depth < s.k; depth += kGemmDepth) {
    for (int i = thread; i < kGemmTile * kGemmDepth; i += 256) {
      // Neighbouring threads read neighbouring numbers, whichever way an operand is stored.
      const int ma = s.transpose_a ? i % kGemmTile : i / kGemmDepth;
      const int ka = s.transpose_a ? i / kGemmTile : i % kGemmDepth;
      const int nb = s.transpose_b ? i / kGemmDepth : i % kGemmTile;
      const int kb = s.transpose_b ? i % kGemmDepth : i / kGemmTile;
      const bool in_a = row + ma < s.m && depth + ka < s.k, in_b = column + nb < s.n && depth + kb < s.k;
      const int64_t at_a = s.transpose_a ? static_cast<int64_t>(depth + ka) * s.m + row + ma
                                         : static_cast<int64_t>(row + ma) * s.k + depth + ka;
      const int64_t at_b = s.transpose_b ? static_cast<int64_t>(column + nb) * s.k + depth + kb
                                         : static_cast<int64_t>(depth + kb) * s.n + column + nb;
      tile_a[ka][ma] = in_a ? widen(a[at_a]) : 0;
      tile_b[kb][nb] = in_b ? widen(b[at_b]) : 0;
    }
    __syncthreads();
    for (int k = 0; k < kGemmDepth; ++k) {
      for (int i = 0; i < kGemmOwn; ++i) {
        for (int j = 0; j < kGemmOwn; ++j) {
          sums[i][j] =
              fmaf(tile_a[k][threadIdx.y * kGemmOwn + i], tile_b[k][threadIdx.x + 16 * j], sums[i][j]);
        }
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < kGemmOwn; ++i) {
    for (int j = 0; j < kGemmOwn; ++j) {
      const int m = row + threadIdx.y * kGemmOwn + i, n = column + threadIdx.x + 16 * j;
      if (m >= s.m || n >= s.n) continue;
      Out* to = &c[static_cast<int64_t>(m) * s.n + n];
      narrow(beta == 0 ? sums[i][j] : fmaf(beta, widen(*to), sums[i][j]), to);
    }
  }
}

class Gemm {
 public:
  static constexpr const char* kName = "im2col + tiled GEMM";

  explicit Gemm(cudaStream_t stream) : stream_(stream) {}

  template <typename In, typename Out>
  void multiply(const GemmShape& s, const In* a, const In* b, float beta, Out* c) {
    const auto tiles = [](int extent) { return static_cast<unsigned>((extent + kGemmTile - 1) / kGemmTile); };
    const dim3 grid(tiles(s.n), tiles(s.m)), block(16, 16);
    // The formatter would take the launch's end for C++03's nested templates.
    // clang-format off
    tiled_gemm_kernel<In, Out><<<grid, block, 0, stream_>>>(s, a, b, beta, c);
    // clang-format on
  }

 private:
  cudaStream_t stream_;
};

#endif

}  // namespace bevel::bench
