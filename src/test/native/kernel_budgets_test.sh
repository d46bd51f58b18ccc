#!/usr/bin/env bash
# Tests cmake/check_kernel_budgets.sh and cmake/capture_ptxas.sh with a compiler that only talks as nvcc does.
# Usage: kernel_budgets_test.sh FOLDER_OF_CMAKE_SCRIPTS
set -uo pipefail
scripts=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

expect() { # description, expected exit status, text its output must hold, command...
  local description=$1 status=$2 text=$3 output actual
  shift 3
  output=$("$@" 2>&1)
  actual=$?
  if [ $actual -ne "$status" ] || [[ $output != *"$text"* ]]; then
    echo "FAILED: $description: exit status $actual, expected $status with \"$text\"; it said:"
    echo "$output"
    failures=$((failures + 1))
  else
    echo "passed: $description"
  fi
}

# Prints ptxas's words for two architectures. Environment: REGISTERS and SPILL of the template on sm_90.
cat >"$scratch/nvcc" <<'COMPILER'
#!/usr/bin/env bash
for argument in "$@"; do [ "${previous:-}" = -o ] && : >"$argument"; previous=$argument; done
[ "${FAIL:-0}" = 0 ] || { echo "demo.cu(7): error: expected a ;" >&2; exit 2; }
pool=_ZN5bevel36_GLOBAL__N__fccab732_4_b_cu_4b41f0f24poolIfLi3EEEvNS_10DeviceSpanIKT_EENS2_IS3_EEi
clear=_ZN5bevel36_GLOBAL__N__fccab732_4_b_cu_4b41f0f212clear_kernelENS_10DeviceSpanIfEE
entry() { # name, architecture, spill, usage
  echo "ptxas info    : Compiling entry function '$1' for '$2'"
  echo "ptxas info    : Function properties for $1"
  echo "    $3 bytes stack frame, $3 bytes spill stores, 0 bytes spill loads"
  echo "ptxas info    : $4"
  echo "ptxas info    : Compile time = 4.531 ms"
}
{
  echo "demo.cu(3): warning #177-D: variable was declared but never referenced"
  echo "ptxas info    : 0 bytes gmem"
  entry $pool sm_80 0 "Used 40 registers, used 1 barriers, 512 bytes smem, 372 bytes cmem[0]"
  entry $clear sm_80 0 "Used 8 registers, used 0 barriers, 360 bytes cmem[0]"
  entry $pool sm_90 "${SPILL:-0}" "Used ${REGISTERS:-48} registers, used 1 barriers, 512 bytes smem"
  [ "${NO_CLEAR:-0}" = 1 ] || entry $clear sm_90 0 "Used 10 registers"
} >&2
COMPILER
chmod +x "$scratch/nvcc"
mkdir -p "$scratch/kernels/demo"
source=$scratch/kernels/demo/demo.cu
budget=$scratch/kernels/demo/demo.budget
object=$scratch/demo.cu.o
touch "$source"
compile() { env "$@" "$scripts/capture_ptxas.sh" "$scratch/nvcc" -c "$source" -o "$object"; }
check() { "$scripts/check_kernel_budgets.sh" "$@"; }

expect "an object that was not captured" 2 "demo.cu.o.ptxas is missing" check "$object"
expect "an error of the compiler" 2 "expected a ;" compile FAIL=1
expect "a warning of the compiler is shown" 0 "warning #177-D" compile
[ -f "$object" ] || { echo "FAILED: the compiler's output was not made"; failures=$((failures + 1)); }
expect "an operator without budgets" 1 "demo has no $budget" check "$object"
expect "budgets are written" 0 "wrote 4 lines" check --update "$object"
expect "what was written is met" 0 "" check "$object"
grep -qx 'sm_90 48 0 0 512 bevel::pool<float, 3>' "$budget" ||
  { echo "FAILED: unexpected budgets:"; cat "$budget"; failures=$((failures + 1)); }
compile REGISTERS=47 2>/dev/null
expect "fewer registers than the budget" 0 "" check "$object"
compile REGISTERS=49 2>/dev/null
expect "more registers than the budget" 1 "sm_90: bevel::pool<float, 3> uses 49 registers, its budget is 48" check "$object"
compile SPILL=16 2>/dev/null
expect "a kernel that spills" 1 "spills 16 bytes" check "$object"
expect "a kernel that spills is not taken into the budgets" 1 "spills 16 bytes" check --update "$object"
compile NO_CLEAR=1 2>/dev/null
expect "a budget without a kernel" 1 "sm_90: bevel::clear_kernel has a budget but is no kernel" check "$object"
compile 2>/dev/null
sed -i '/clear_kernel/d' "$budget"
expect "a kernel without a budget" 1 "sm_80: bevel::clear_kernel has no budget" check "$object"
expect "no object at all" 2 "no CUDA object" check

[ $failures -eq 0 ]
