#!/usr/bin/env bash
# The GPU suite, one command on a machine with nvcc, g++, CMake and an NVIDIA GPU (no Maven, no network; Ninja and GoogleTest are
# used where they are installed): builds the CUDA library and the native tests, runs them on the hardware and, where
# compute-sanitizer works, under its four tools, then times the kernels against the peers' algorithms and the memory's speed.
#
# Usage: bench/gpu/run.sh [--json FILE] [--build DIR] [--op OPERATOR] [--case NAME] [--quick] [--skip-sanitizer]
#   --json FILE        write the timings there (an array of objects, one a variant)
#   --build DIR        build folder (default: target/gpu in the repository)
#   --op OPERATOR      time this one only (lift_splat, deform_attn, multi_view_sample, bev_warp, deform_conv)
#   --case NAME        time this case only
#   --quick            time cold caches in CUDA graphs only
#   --skip-sanitizer   leave compute-sanitizer out
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/target/gpu
sanitize=true
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --json | --op | --case) [ $# -ge 2 ] || { echo "run.sh: $1 needs a value" >&2; exit 2; }
      arguments+=("$1" "$2"); shift 2 ;;
    --build) [ $# -ge 2 ] || { echo "run.sh: --build needs a folder" >&2; exit 2; }
      build=$2; shift 2 ;;
    --quick) arguments+=(--quick); shift ;;
    --skip-sanitizer) sanitize=false; shift ;;
    *) echo "run.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done

missing=()
for tool in nvcc cmake g++; do command -v $tool >/dev/null || missing+=("$tool"); done
[ ${#missing[@]} -eq 0 ] || { echo "run.sh: not installed or not in PATH: ${missing[*]}" >&2; exit 1; }
command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 ||
  { echo "run.sh: there is no NVIDIA driver or no GPU here (nvidia-smi finds none)" >&2; exit 1; }
nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader

generator="Unix Makefiles"
! command -v ninja >/dev/null || generator=Ninja
[ -f "$build/CMakeCache.txt" ] || cmake -S "$root/native" -B "$build" -G "$generator" -DCMAKE_BUILD_TYPE=Release \
  -DBEVEL_GPU_SUITE=ON --log-level=NOTICE
# Sources come and go while the folder is kept: no program of an earlier build may run.
rm -f "$build"/gpu/hardware_*_test
cmake --build "$build" --parallel "$(nproc)" --target bevel bevel_cuda hardware_tests gpu_bench
tests=("$build"/gpu/hardware_*_test)

for test in "${tests[@]}"; do "$test" --gtest_brief=1; done

if ! $sanitize; then
  echo "run.sh: compute-sanitizer left out, as asked"
elif ! command -v compute-sanitizer >/dev/null; then
  echo "run.sh: compute-sanitizer is not installed; its checks were skipped"
elif ! refusal=$(compute-sanitizer --tool memcheck --error-exitcode 1 "$build/gpu/gpu_bench" --probe 2>&1); then
  # On some virtual machines it refuses the device; a program without faults of its own tells that from a finding.
  echo "run.sh: compute-sanitizer does not work on this machine; its checks were skipped. It said:"
  echo "$refusal" | tail -n 5
else
  for tool in memcheck racecheck initcheck synccheck; do
    for test in "${tests[@]}"; do
      echo "compute-sanitizer $tool, $(basename "$test")"
      compute-sanitizer --tool $tool --error-exitcode 1 "$test" --gtest_brief=1
    done
  done
fi

"$build/gpu/gpu_bench" ${arguments[@]+"${arguments[@]}"}
