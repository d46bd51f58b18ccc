// The version of the table between libbevel and libbevel_cuda.
#pragma once

#include <cstdint>

#include "cuda_table.hpp"
#include "strided_blocks.hpp"

#define BEVEL_INCLUDE_JOBS
#include "bodies.def"
#undef BEVEL_INCLUDE_JOBS

namespace bevel {

/// A hash (FNV-1a) of the list of bodies, of the sizes of their jobs and of the table itself: two builds that
/// differ in any of them do not speak with each other, and nobody has to remember to count a number up.
constexpr uint64_t bodies_version() {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add_byte = [&hash](uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  const auto add_text = [&](const char* text) {
    for (; *text; ++text) add_byte(static_cast<unsigned char>(*text));
    add_byte(0);
  };
  const auto add_number = [&](uint64_t number) {
    for (int i = 0; i < 8; ++i) add_byte(number >> 8 * i & 0xff);
  };
#define BEVEL_BODY(name, Job, workspace)   \
  add_text(#name " " #Job " " #workspace); \
  add_number(sizeof(Job));
#include "bodies.def"
  add_number(sizeof(CudaTable));
  add_number(sizeof(CudaMessage));
  add_number(sizeof(StridedBlocks));
  add_number(BEVEL_VERSION_MAJOR * 1000000 + BEVEL_VERSION_MINOR * 1000 + BEVEL_VERSION_PATCH);
  return hash;
}

}  // namespace bevel
