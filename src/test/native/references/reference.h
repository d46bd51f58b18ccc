/* The definitions of Bevel's operators in double and in plain loops, by the very params of the operators:
 * what they, their peers and their gradients are compared with. Tensors may have any dtype and strides; those
 * that are NULL are not written; workspaces, threads and streams are not read. The caller vouches for all
 * shapes. */
#ifndef BEVEL_REFERENCE_H_
#define BEVEL_REFERENCE_H_

#include "bevel/base.h"

/* Declares bevel_reference_PASS(const bevel_PASS_params*, void* stream), which is defined in OPERATOR.cpp. */
#define BEVEL_REFERENCE(pass)                       \
  extern "C" __attribute__((visibility("default"))) \
  bevel_status bevel_reference_##pass(const bevel_##pass##_params* params, void* stream)

#endif /* BEVEL_REFERENCE_H_ */
