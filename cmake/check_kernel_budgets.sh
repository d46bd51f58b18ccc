#!/usr/bin/env bash
# Compares what ptxas used for each kernel with the budget checked in beside it.
#
# Usage: check_kernel_budgets.sh [--update] OBJECT...
#
# OBJECT.ptxas (see capture_ptxas.sh) tells the registers, stack, spilled and shared bytes of the kernels of one source. The
# kernels of a folder kernels/OPERATOR have their budgets in kernels/OPERATOR/OPERATOR.budget, one line for each kernel and
# architecture. It is an error when a number is over its budget, when a kernel has no budget, and when a budget has no kernel.
# --update writes the files anew from what was used; a kernel that spills is refused even then.
set -euo pipefail
export LC_ALL=C

update=false
[ "${1:-}" = --update ] && { update=true; shift; }
command -v c++filt >/dev/null || { echo "kernel budgets: c++filt (package binutils) is needed" >&2; exit 2; }

logs=()
for object in "$@"; do
  if [ -f "$object.ptxas" ]; then
    logs+=("$object.ptxas")
  elif [[ $object == *.cu.o ]]; then
    echo "kernel budgets: $object.ptxas is missing; was $object compiled through cmake/capture_ptxas.sh?" >&2
    exit 2
  fi
done
[ ${#logs[@]} -gt 0 ] || { echo "kernel budgets: no CUDA object was named" >&2; exit 2; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A readable name: no return type, no anonymous namespace (its mangled name holds a hash), no parameters.
readable() {
  c++filt | sed -E 's/^void //; s/\(anonymous namespace\):://g' | awk '{
    depth = 0
    for (end = length($0); end > 0; --end) {
      c = substr($0, end, 1)
      if (c == ")") ++depth
      if (c == "(" && --depth == 0) { print substr($0, 1, end - 1); next }
    }
    print
  }'
}

# One line a kernel of a log: architecture registers stack spill shared mangled-name
kernels_of() {
  awk '
    /Compiling entry function/ { split($0, part, "\x27"); name = part[2]; arch = part[4]; stack = spill = 0; own = 0 }
    /Function properties for/ { own = ($NF == name) }
    /bytes stack frame/ && own { stack = $1; spill = $5 + $9 }
    /Used [0-9]+ registers/ && name != "" {
      shared = 0
      for (i = 1; i < NF; ++i) {
        if ($i == "Used") registers = $(i + 1)
        if ($i == "bytes" && $(i + 1) ~ /^smem/) shared = $(i - 1)
      }
      print arch, registers, stack, spill, shared, name
      name = ""
    }' "$1"
}

for log in "${logs[@]}"; do
  source=$(sed -n '1s/^source: //p' "$log")
  folder=$(dirname "$source")
  kernels_of "$log" >"$scratch/kernels"
  [ -s "$scratch/kernels" ] || continue # only host code
  awk '{ print $6 }' "$scratch/kernels" | readable >"$scratch/names"
  paste -d ' ' <(cut -d ' ' -f 1-5 "$scratch/kernels") "$scratch/names" >>"$scratch/used.$(basename "$folder")"
  echo "$folder" >"$scratch/folder.$(basename "$folder")"
done

failures=0
complain() {
  echo "kernel budgets: $*" >&2
  failures=$((failures + 1))
}

for used in "$scratch"/used.*; do
  [ -f "$used" ] || { complain "no kernel was found in ${logs[*]}"; break; }
  operator=${used##*/used.}
  budget=$(cat "$scratch/folder.$operator")/$operator.budget
  sort -k 6 -k 1,1 -k 2,2nr "$used" -o "$used"
  duplicates=$(awk '{ arch = $1; $1 = $2 = $3 = $4 = $5 = ""; print arch $0 }' "$used" | sort | uniq -d)
  [ -z "$duplicates" ] || complain "$operator has two kernels of one name: $duplicates"
  while read -r arch registers stack spill shared name; do
    [ "$spill" -eq 0 ] || complain "$operator, $arch: $name spills $spill bytes of registers"
  done <"$used"
  if $update; then
    [ $failures -eq 0 ] || continue
    {
      echo "# What ptxas may use for each kernel; rewritten by cmake/check_kernel_budgets.sh --update."
      echo "# architecture registers stack-bytes spill-bytes static-shared-bytes kernel"
      cat "$used"
    } >"$budget.new"
    mv "$budget.new" "$budget"
    echo "kernel budgets: wrote $(wc -l <"$used") lines to $budget"
    continue
  fi
  [ -f "$budget" ] || { complain "$operator has no $budget; write it with --update"; continue; }
  grep -Ev '^(#|$)' "$budget" >"$scratch/allowed" || true
  awk -v operator="$operator" '
    { name = $0; for (i = 1; i <= 5; ++i) sub(/^[^ ]+ /, "", name); key = $1 ": " name }
    NR == FNR { allowed[key] = $2 " " $3 " " $4 " " $5; next }
    {
      used[key] = 1
      if (!(key in allowed)) { print operator ", " key " has no budget"; next }
      split(allowed[key], limit, " "); split("registers,stack bytes,spilled bytes,shared bytes", what, ",")
      for (i = 1; i <= 4; ++i)
        if ($(i + 1) + 0 > limit[i] + 0) print operator ", " key " uses " $(i + 1) " " what[i] ", its budget is " limit[i]
    }
    END { for (key in allowed) if (!(key in used)) print operator ", " key " has a budget but is no kernel of this build" }
  ' "$scratch/allowed" "$used" | sort >"$scratch/complaints"
  while read -r complaint; do complain "$complaint"; done <"$scratch/complaints"
done

if [ $failures -gt 0 ]; then
  echo "kernel budgets: $failures complaints; if the change is meant, run cmake/check_kernel_budgets.sh --update" >&2
  exit 1
fi
