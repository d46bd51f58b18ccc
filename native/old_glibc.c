// Lets libraries that are built on a new glibc run on glibc 2.28. Their code, and that of the static
// libraries in them (libstdc++, libgcc, the CUDA runtime), asks for the newest version of each function; the
// linker leads those calls here
// (--wrap), and from here they go to an older version of the same function. What has no older version is
// defined here, for the library alone.
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// A jump, not a call: dlsym and dlopen look at who called them. A section each, so that the linker drops what
// is not used.
#define BEVEL_OLD(name, older, version)                       \
  __asm__(".symver bevel_old_" #name ", " #older "@" #version \
          "\n"                                                \
          ".section .text.__wrap_" #name                      \
          ",\"ax\",@progbits\n"                               \
          ".globl __wrap_" #name                              \
          "\n"                                                \
          ".hidden __wrap_" #name                             \
          "\n"                                                \
          ".type __wrap_" #name                               \
          ", @function\n"                                     \
          "__wrap_" #name                                     \
          ":\n"                                               \
          "  endbr64\n"                                       \
          "  jmp *bevel_old_" #name                           \
          "@GOTPCREL(%rip)\n"                                 \
          ".size __wrap_" #name ", .-__wrap_" #name           \
          "\n"                                                \
          ".text\n");
#include "old_glibc.def"

#define BEVEL_LOCAL __attribute__((visibility("hidden")))

// glibc 2.32. libstdc++ leaves out atomic operations while it is true: false is always right.
BEVEL_LOCAL char __libc_single_threaded = 0;

// glibc 2.36. libstdc++ has it for std::random_device, which nothing here uses.
BEVEL_LOCAL uint32_t arc4random(void) {
  uint32_t value;
  if (getentropy(&value, sizeof value) != 0) abort();
  return value;
}

// glibc 2.35: the library and the unwind table of an address. libgcc asks for it where an exception passes,
// and takes nothing else for an answer.
struct bevel_found_object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  struct link_map* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct bevel_search {
  uintptr_t address;
  struct bevel_found_object* found;
};

static int visit(struct dl_phdr_info* info, size_t size, void* data) {
  struct bevel_search* search = (struct bevel_search*)data;
  (void)size;
  uintptr_t start = 0, end = 0;
  void* eh_frame = NULL;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)* header = &info->dlpi_phdr[i];
    const uintptr_t address = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_LOAD && search->address >= address &&
        search->address - address < header->p_memsz) {
      start = address;
      end = address + header->p_memsz;
    } else if (header->p_type == PT_GNU_EH_FRAME) {
      eh_frame = (void*)address;
    }
  }
  if (!end || !eh_frame) return 0;
  search->found->map_start = (void*)start;
  search->found->map_end = (void*)end;
  search->found->eh_frame = eh_frame;
  return 1;
}

// By its name for the linker, for newer headers declare it.
BEVEL_LOCAL int bevel_find_object(void* address, struct bevel_found_object* found) __asm__("_dl_find_object");

int bevel_find_object(void* address, struct bevel_found_object* found) {
  found->flags = 0;
  found->link_map = NULL;
  struct bevel_search search = {(uintptr_t)address, found};
  return dl_iterate_phdr(visit, &search) == 1 ? 0 : -1;
}
