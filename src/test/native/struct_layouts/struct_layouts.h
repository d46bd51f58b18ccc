/* What prints the layout of a struct, and one function an operator that does so for its own. */
#ifndef BEVEL_STRUCT_LAYOUTS_H_
#define BEVEL_STRUCT_LAYOUTS_H_

#include <stddef.h>
#include <stdio.h>

#define STRUCT(type) printf("%s %zu\n", #type, sizeof(type))
#define FIELD(type, field) \
  printf("%s.%s %zu %zu\n", #type, #field, offsetof(type, field), sizeof(((type*)0)->field))

void lift_splat_layouts(void);
void bev_pool_layouts(void);
void deform_attn_layouts(void);
void point_sampling_layouts(void);
void deform_conv_layouts(void);
void multi_view_sample_layouts(void);
void bev_warp_layouts(void);

#endif /* BEVEL_STRUCT_LAYOUTS_H_ */
