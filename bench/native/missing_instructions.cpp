// Compiled for the baseline, since it must run where the peers cannot.
#include <cstring>

#include "instructions.h"
#include "peers.h"

namespace {

/// A list of names in a buffer, cut off where it is full.
struct Names {
  char* text;
  int64_t left;

  void add(const char* name) {
    const int64_t length = static_cast<int64_t>(std::strlen(name)) + 1;
    if (length >= left) return;
    std::memcpy(text, name, length - 1);
    text[length - 1] = ' ';
    text[length] = 0;
    text += length;
    left -= length;
  }
};

}  // namespace

// __builtin_cpu_supports wants a literal.
#define PEERS_CHECK(name) \
  if (std::strstr(required, " " name " ") && !__builtin_cpu_supports(name)) missing.add(name)

PEERS_API void peers_missing_instructions(const char* instructions, char* names, int64_t size) {
  const char* required = instructions ? instructions : peers_instructions;
  Names missing = {names, size};
  __builtin_cpu_init();
  names[0] = 0;
  PEERS_CHECK("sse3");
  PEERS_CHECK("ssse3");
  PEERS_CHECK("sse4.1");
  PEERS_CHECK("sse4.2");
  PEERS_CHECK("sse4a");
  PEERS_CHECK("popcnt");
  PEERS_CHECK("lzcnt");
  PEERS_CHECK("movbe");
  PEERS_CHECK("bmi");
  PEERS_CHECK("bmi2");
  PEERS_CHECK("adx");
  PEERS_CHECK("avx");
  PEERS_CHECK("avx2");
  PEERS_CHECK("fma");
  PEERS_CHECK("fma4");
  PEERS_CHECK("xop");
  PEERS_CHECK("f16c");
  PEERS_CHECK("gfni");
  PEERS_CHECK("avxvnni");
  PEERS_CHECK("avx512f");
  PEERS_CHECK("avx512cd");
  PEERS_CHECK("avx512bw");
  PEERS_CHECK("avx512dq");
  PEERS_CHECK("avx512vl");
  PEERS_CHECK("avx512ifma");
  PEERS_CHECK("avx512vbmi");
  PEERS_CHECK("avx512vbmi2");
  PEERS_CHECK("avx512vnni");
  PEERS_CHECK("avx512bitalg");
  PEERS_CHECK("avx512vpopcntdq");
  PEERS_CHECK("avx512bf16");
  PEERS_CHECK("avx512fp16");
}
