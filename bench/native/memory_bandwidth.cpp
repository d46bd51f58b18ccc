// How fast this machine's memory is.
#include <emmintrin.h>

#include "peers.h"

PEERS_API void peers_copy(void* to, const void* from, int64_t bytes, int32_t threads) {
  auto* target = static_cast<__m128i*>(to);
  const auto* source = static_cast<const __m128i*>(from);
  const int64_t lines = bytes / 64;
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < lines; ++i) {
      for (int64_t j = 4 * i; j < 4 * i + 4; ++j) _mm_stream_si128(target + j, _mm_load_si128(source + j));
    }
    _mm_sfence();
  }
}

PEERS_API uint64_t peers_read(const void* from, int64_t bytes, int32_t threads) {
  const auto* source = static_cast<const uint64_t*>(from);
  const int64_t words = bytes / 8;
  uint64_t sum = 0;
#pragma omp parallel for simd num_threads(threads) schedule(static) reduction(+ : sum)
  for (int64_t i = 0; i < words; ++i) sum += source[i];
  return sum;
}
