#include "cuda_loader.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>

#include "bodies_version.hpp"
#include "status.hpp"

namespace bevel {
namespace {

struct CudaState {
  std::mutex mutex;
  bool tried = false;
  std::string path;  // set by the user; empty: beside libbevel
  const CudaTable* table = nullptr;
  int32_t devices = 0;
  int32_t driver_version = 0;
  std::string reason;
};

CudaState& state() {
  static CudaState instance;
  return instance;
}

std::string library_beside_this_one() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void*>(&bevel_version), &info) || !info.dli_fname) return "libbevel_cuda.so";
  const std::string self = info.dli_fname;
  const size_t slash = self.rfind('/');
  return (slash == std::string::npos ? std::string() : self.substr(0, slash + 1)) + "libbevel_cuda.so";
}

// With the mutex held.
void open_once(CudaState& s) {
  if (s.tried) return;
  s.tried = true;
  const std::string path = s.path.empty() ? library_beside_this_one() : s.path;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    s.reason = "the CUDA library cannot be opened: " + std::string(dlerror());
    return;
  }
  const auto table_of = reinterpret_cast<decltype(&bevel_cuda_table)>(dlsym(library, "bevel_cuda_table"));
  const CudaTable* table = table_of ? table_of(bodies_version()) : nullptr;
  if (!table || table->version != bodies_version()) {
    s.reason = path + " belongs to another build of Bevel: take the one that came with this libbevel";
    dlclose(library);
    return;
  }
  s.table = table;
  CudaMessage message = {};
  if (table->probe(&s.devices, &s.driver_version, &message) != BEVEL_OK || s.devices == 0) {
    s.devices = 0;
    s.reason = message.text[0] ? message.text : "the driver offers no CUDA device";
  }
}

void copy_text(char* to, size_t size, const std::string& text) {
  std::snprintf(to, size, "%s", text.c_str());
}

}  // namespace

const CudaTable& cuda_table(const char* operator_name) {
  CudaState& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  open_once(s);
  if (!s.table || s.devices == 0) {
    fail(BEVEL_NO_CUDA, "%s: tensors are on CUDA, but %s", operator_name, s.reason.c_str());
  }
  return *s.table;
}

void check_cuda(const char* operator_name, bevel_status status, const CudaMessage& message) {
  if (status != BEVEL_OK) fail(status, "%s: %s", operator_name, message.text);
}

}  // namespace bevel

bevel_status bevel_set_cuda_library(const char* path) {
  return bevel::guarded("bevel_set_cuda_library", [path] {
    bevel::CudaState& s = bevel::state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    if (s.table && path && s.path == path) return;  // a second class loader asks for the same
    if (s.table) {
      bevel::fail(BEVEL_INVALID_ARGUMENT, "bevel_set_cuda_library: the CUDA library is loaded already");
    }
    s.path = path ? path : "";
    s.tried = false;
    s.reason.clear();
  });
}

bevel_status bevel_get_capabilities(bevel_capabilities* capabilities) {
  return bevel::guarded("bevel_get_capabilities", [capabilities] {
    const char* name = "bevel_get_capabilities";
    if (!capabilities || capabilities->struct_size < sizeof *capabilities) {
      bevel::fail(BEVEL_INVALID_ARGUMENT, "%s: capabilities must be given with struct_size %zu", name,
                  sizeof *capabilities);
    }
    bevel::CudaState& s = bevel::state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    bevel::open_once(s);
    capabilities->cuda_library = s.table != nullptr;
    capabilities->cuda_devices = s.devices;
    capabilities->cuda_runtime = s.table ? s.table->runtime_version : 0;
    capabilities->cuda_driver = s.driver_version;
    bevel::copy_text(capabilities->cuda_architectures, sizeof capabilities->cuda_architectures,
                     s.table ? s.table->architectures : "");
    bevel::copy_text(capabilities->cuda_reason, sizeof capabilities->cuda_reason, s.reason);
  });
}
