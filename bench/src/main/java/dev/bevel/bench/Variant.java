package dev.bevel.bench;

/**
 * One way to do an operator's work: Bevel's, another way to call Bevel, or a peer's.
 *
 * @param name in results; {@value BenchmarkReport#BEVEL} for what peers are compared with
 * @param dtype in results
 * @param floorBytes bytes that must be moved whoever does it
 * @param singleThreaded true if it uses one thread whatever is asked for
 * @param before run before every call, untimed
 * @param call timed
 * @param verify throws {@link VerificationException} unless the last call's result is right
 */
public record Variant(
    String name,
    String dtype,
    long floorBytes,
    boolean singleThreaded,
    Runnable before,
    Runnable call,
    Runnable verify) {
  /** A variant in fp32 on any number of threads. */
  public static Variant fp32(String name, long floorBytes, Runnable call, Runnable verify) {
    return new Variant(name, "fp32", floorBytes, false, () -> {}, call, verify);
  }

  /** This variant in another dtype. */
  public Variant in(String otherDtype) {
    return new Variant(name, otherDtype, floorBytes, singleThreaded, before, call, verify);
  }

  /** This variant with one thread only. */
  public Variant onOneThread() {
    return new Variant(name, dtype, floorBytes, true, before, call, verify);
  }

  /** This variant with untimed work before every call. */
  public Variant after(Runnable untimed) {
    return new Variant(name, dtype, floorBytes, singleThreaded, untimed, call, verify);
  }
}
