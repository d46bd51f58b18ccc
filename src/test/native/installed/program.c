/* A program of somebody who has only what cmake --install left: valid C99 and C++11. Pools four points into
 * two cells, and is refused with the reason where the map is missing. */
#include <bevel/bevel.h>

#include <stdio.h>
#include <string.h>

#ifdef NEWER_DLPACK
/* Something that only the installed dlpack.h declares. */
static const int newer = kDLOfAVersionToCome;
#endif

#define LENGTH(array) ((int64_t)(sizeof(array) / sizeof *(array)))

static DLTensor tensor(void* data, uint8_t code, int64_t* shape, int32_t dimensions) {
  DLTensor view;
  memset(&view, 0, sizeof view);
  view.data = data;
  view.device.device_type = kDLCPU;
  view.ndim = dimensions;
  view.dtype.code = code;
  view.dtype.bits = 32;
  view.dtype.lanes = 1;
  view.shape = shape;
  return view;
}

int main(void) {
  float features[4][3] = {{1, 2, 3}, {10, 20, 30}, {100, 200, 300}, {1000, 2000, 3000}};
  float map[2][3];
  int32_t points[4] = {0, 1, 2, 3}, cells[4] = {0, 0, 1, 1}, starts[2] = {0, 2}, lengths[2] = {2, 2};
  const float expected[2][3] = {{11, 22, 33}, {1100, 2200, 3300}};
  int64_t feature_shape[2] = {4, 3}, map_shape[2] = {2, 3}, four = LENGTH(points), two = LENGTH(starts);
  DLTensor feature = tensor(features, kDLFloat, feature_shape, 2), out = tensor(map, kDLFloat, map_shape, 2);
  DLTensor rank = tensor(points, kDLInt, &four, 1), cell = tensor(cells, kDLInt, &four, 1);
  DLTensor start = tensor(starts, kDLInt, &two, 1), length = tensor(lengths, kDLInt, &two, 1);
  bevel_bev_pool_forward_params params;
  memset(&params, 0, sizeof params);
  params.struct_size = sizeof params;
  params.feature = &feature;
  params.ranks_feature = &rank;
  params.ranks_bev = &cell;
  params.interval_starts = &start;
  params.interval_lengths = &length;
  if (bevel_bev_pool_forward(&params, NULL) != BEVEL_INVALID_ARGUMENT ||
      strcmp(bevel_last_error(), "bev_pool_forward: out must be given, got NULL") != 0) {
    fprintf(stderr, "not refused: %s\n", bevel_last_error());
    return 1;
  }
  params.out = &out;
  if (bevel_bev_pool_forward(&params, NULL) != BEVEL_OK || memcmp(map, expected, sizeof map) != 0) {
    fprintf(stderr, "wrong: %s\n", bevel_last_error());
    return 1;
  }
#ifdef NEWER_DLPACK
  if (newer != 77) return 1;
#endif
  printf("%d\n", (int)bevel_version());
  return 0;
}
