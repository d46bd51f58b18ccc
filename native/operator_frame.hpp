// What every entry point of an operator does, once: its own checks are all that an operator adds.
#pragma once

#include <type_traits>

#include "arguments.hpp"
#include "bodies.hpp"
#include "cuda_loader.hpp"
#include "settings.hpp"
#include "status.hpp"

namespace bevel {

template <class Job>
using CpuBody = void (*)(const Job&);
template <class Job>
using CpuWorkspace = int64_t (*)(const Job&);

/// Of each line of kernels/bodies.def: its job, its builds for the CPU by bevel_instruction_set, its fields
/// of the CUDA table.
namespace bodies {
#define BEVEL_BODY_OF(name, Job_, workspace, second, third)                                              \
  struct name {                                                                                          \
    using Job = Job_;                                                                                    \
    static constexpr CpuBody<Job> kCpu[] = {&portable::name, &second::name, &third::name};               \
    static constexpr auto kCuda = &CudaTable::name;                                                      \
    BEVEL_##workspace(static constexpr CpuWorkspace<Job> kCpuWorkspace[] = {&portable::name##_workspace, \
                                                                            &second::name##_workspace,   \
                                                                            &third::name##_workspace};)  \
        BEVEL_##workspace(static constexpr auto kCudaWorkspace = &CudaTable::name##_workspace;)          \
  };
#define BEVEL_BODY(name, Job, workspace) BEVEL_BODY_OF(name, Job, workspace, avx2, avx512)
#define BEVEL_FIXED_BODY(name, Job, workspace) BEVEL_BODY_OF(name, Job, workspace, portable, portable)
#include "bodies.def"
#undef BEVEL_BODY_OF
}  // namespace bodies

template <class Body>
constexpr bool kHasWorkspace = requires {
  Body::kCpuWorkspace;
};

/// A job's settings; a backward's stand in its forward half.
template <class Job>
CpuSettings& settings_of(Job& job) {
  if constexpr (requires { job.cpu; }) {
    return job.cpu;
  } else {
    return job.forward.cpu;
  }
}

/// Bytes of workspace of a checked call.
template <class Body>
int64_t workspace_bytes(const Arguments& a, const typename Body::Job& job) {
  if (a.nothing_to_do()) return 0;
  if (a.on_cpu()) return Body::kCpuWorkspace[a.cpu().isa](job);
  int64_t bytes = 0;
  CudaMessage message = {};
  check_cuda(a.op(), (cuda_table(a.op()).*Body::kCudaWorkspace)(&job, &bytes, &message), message);
  return bytes;
}

/// The least workspace that will do: a call on fewer threads than it was made for needs less.
template <class Body>
int64_t least_workspace_bytes(const Arguments& a, typename Body::Job job) {
  settings_of(job).threads = 1;
  return workspace_bytes<Body>(a, job);
}

template <class Body>
void run_body(const Arguments& a, const typename Body::Job& job, void* stream) {
  if (a.on_cpu()) return Body::kCpu[a.cpu().isa](job);
  CudaMessage message = {};
  check_cuda(a.op(), (cuda_table(a.op()).*Body::kCuda)(&job, a.device().device_id, stream, &message),
             message);
}

/// out, which a forward writes, or grad_out, which a backward reads: a feature map.
template <class Params>
const TensorArgument& declare_out(const Params& p, Arguments& a) {
  if constexpr (requires { p.grad_out; }) {
    return a.read("grad_out", p.grad_out, a.features());
  } else {
    return a.written("out", p.out, a.features());
  }
}

/// For operators whose last check is as dear as a part of their work.
struct NothingMore {
  template <class Job>
  void operator()(const Arguments&, const Job&) const {}
};

/// An entry point. `check(params, arguments)` declares the call's tensors, checks what is particular to the
/// operator and returns the job; `last_check(arguments, job)` runs when all else has been checked and there
/// is something to do.
template <class Body, class Params, class Check, class LastCheck = NothingMore>
bevel_status run_operator(const char* op, const Params* params, void* stream, Check check,
                          LastCheck last_check = {}) {
  return guarded(op, [&] {
    check_params(op, params);
    Arguments a(op, cpu_settings(op, *params));
    typename Body::Job job = check(*params, a);
    settings_of(job) = a.cpu();
    a.check_any_gradient();
    check_stream(op, a.device(), stream);
    if constexpr (kHasWorkspace<Body>) {
      const TensorArgument workspace =
          check_workspace(op, params->workspace, a.device(), least_workspace_bytes<Body>(a, job));
      a.check_apart(&workspace);
      job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
      job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
    } else {
      a.check_apart();
    }
    if (a.nothing_to_do()) return a.write_zeros(stream);
    last_check(a, job);
    run_body<Body>(a, job, stream);
  });
}

/// The query for the workspace of an entry point.
template <class Body, class Params, class Check>
bevel_status query_workspace(const char* op, const Params* params, int64_t* bytes, Check check) {
  return guarded(op, [&] {
    check_params(op, params);
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    Arguments a(op, cpu_settings(op, *params));
    typename Body::Job job = check(*params, a);
    settings_of(job) = a.cpu();
    a.check_any_gradient();
    *bytes = workspace_bytes<Body>(a, job);
  });
}

}  // namespace bevel
