/* A library of a version that no binding knows: the loader must refuse it. */
#include "bevel/base.h"

int32_t bevel_version(void) { return 98765; }
