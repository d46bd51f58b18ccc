#!/usr/bin/env bash
# Looks in the PTX of the hot kernels for the wide memory accesses they are written for: a compiler that took a vector apart would still give
# the right numbers, many times slower. Usage: kernel_instructions_test.sh NVCC REPOSITORY HEADERS
set -euo pipefail
nvcc=$1 root=$2 headers=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# expect SOURCE KERNEL INSTRUCTION...: the kernel has each instruction, and reads no local memory and no single bytes (but those it is
# given: allow_bytes=true).
expect() {
  local source=$1 kernel=$2 ptx=$scratch/${1//\//_}.ptx
  shift 2
  [ -f "$ptx" ] || "$nvcc" -std=c++20 -O3 -I"$headers" -I"$root/kernels" -I"$root/native" -arch=compute_90 -ptx "$root/kernels/$source" -o "$ptx"
  awk -v kernel="$kernel" '/\.entry/ { inside = index($0, kernel) > 0 } inside' "$ptx" >"$scratch/kernel"
  if [ ! -s "$scratch/kernel" ]; then
    echo "kernel instructions: $source has no kernel $kernel"
    failures=$((failures + 1))
    return
  fi
  for instruction in "$@"; do
    grep -qF "$instruction" "$scratch/kernel" ||
      { echo "kernel instructions: $kernel has no $instruction"; failures=$((failures + 1)); }
  done
  local unwanted='ld\.(global|shared)(\.nc)?\.[us]8|ld\.local|st\.local'
  ${allow_bytes:-false} && unwanted='ld\.local|st\.local'
  if grep -qE "$unwanted" "$scratch/kernel"; then
    echo "kernel instructions: $kernel reads single bytes or local memory"
    failures=$((failures + 1))
  fi
}

expect lift_splat/lift_splat.cu lift_splat_columns_kernel \
  cp.async.ca.shared.global ld.global.v4.u16 ld.shared.v4.f32 st.global.v4.f32 st.global.v4.u16
expect lift_splat/lift_splat.cu merge_cells_kernel ld.global.v4.f32 st.global.v4.f32 st.global.v4.u16
expect lift_splat/lift_splat_backward.cu lift_splat_columns_gradient_kernel \
  cp.async.ca.shared.global ld.global.v4.f32 ld.global.v4.u16 ld.shared.v4.f32 st.shared.v4.f32 st.global.v4.f32
expect bev_pool/bev_pool.cu bev_pool_intervals_kernel ld.global.v4.f32 ld.global.v4.u16 st.global.v4.f32 st.global.v4.u16
expect bev_pool/bev_pool_backward.cu feature_gradient_kernel ld.global.v4.f32 ld.global.v4.u16 st.global.v4.f32
# Kernels that are templates by part of their mangled name.
expect core/sample_scatter.cu own_rows_kernelIfLi4E ld.global.v4.f32 st.global.wb.v4.u32
expect core/sample_scatter.cu own_rows_kernelI6__halfLi8E ld.global.v4.u32 st.global.wb.v4.u32 st.global.wb.v2.u32
expect core/sample_scatter.cu sum_windows_kernelIfLi4E ld.global.v4.f32 st.global.wb.v4.u32
expect bev_warp/bev_warp.cu bev_warp_kernelIfLi4E ld.global.v4.f32 st.global.wb.v4.u32 st.global.wb.v2.u32
expect bev_warp/bev_warp.cu bev_warp_kernelI6__halfLi8E ld.global.v4.u32 st.global.wb.v4.u32 st.global.wb.v2.u32
expect bev_warp/bev_warp_backward.cu gather_kernelIfLi4E ld.global.v4.f32 st.global.wb.v4.u32
expect deform_conv/deform_conv.cu deform_conv_kernel ld.global.nc.v4.u32 ld.shared.v4.f32 st.global.wb.v4.u32 st.global.wb.v2.u32
expect deform_conv/deform_conv_backward.cu columns_gradient_kernel ld.global.nc.v4.u32 ld.shared.v4.f32 st.global.wb.v4.u32
expect deform_conv/deform_conv_backward.cu sample_gradients_kernel ld.global.nc.v4.u32 red.global.add.v4.f32
expect deform_conv/deform_conv_weight_backward.cu weight_gradient_kernel ld.global.nc.v4.u32 ld.shared.v4.f32 st.global.wb.v4.u32
# Whether a query sees a map is a byte.
allow_bytes=true
expect deform_attn/deform_attn.cu deform_attn_forward_kernelIfLi4E ld.global.nc.v4.u32 ld.shared.v2.f32 st.global.wb.v4.u32
expect deform_attn/deform_attn.cu deform_attn_forward_kernelI6__halfLi8E ld.global.nc.v4.u32 st.global.wb.v4.u32 st.global.wb.v2.u32
expect deform_attn/deform_attn_backward.cu gradients_kernelIfLi4E ld.global.nc.v4.u32 red.global.add.v4.f32
expect deform_attn/deform_attn_backward.cu gradients_kernelI6__halfLi8E ld.global.nc.v4.u32 red.global.add.v4.f32
allow_bytes=false

[ $failures -eq 0 ] || exit 1
echo "kernel instructions: as intended"
