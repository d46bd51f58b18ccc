package dev.bevel.kernels.internal;

/**
 * Functions of another library with the params of the C ABI's: the references that benchmarks and
 * tests compare with are called through the operators' own Java API ({@link
 * Scratch#withSubstitute}).
 */
public interface Substitute {
  /**
   * Calls what stands in for a function.
   *
   * @param function name in the C header
   * @param params address of the params struct
   * @param second second argument of the C function
   * @return a status
   */
  int call(String function, long params, long second);
}
