package dev.bevel.bench.nuscenes;

/**
 * One measurement.
 *
 * @param operator {@code tables} or {@code evaluation}
 * @param caseName part of the full size, e.g. {@code 1/4}
 * @param samples key frames read
 * @param records read from tables and, in an evaluation, from the submission
 * @param bytes of the files read
 * @param usage what it took
 * @param heapLimitMib the JVM's {@code -Xmx}
 */
public record ScaleResult(
    String operator,
    String caseName,
    long samples,
    long records,
    long bytes,
    Usage usage,
    long heapLimitMib) {
  /**
   * What a JVM used.
   *
   * @param seconds from the begin of {@code main} to the result, class loading and compilation
   *     included
   * @param cpuSeconds of all threads, the compiler's and the collector's included
   * @param peakHeapMib highest occupation of the heap's parts, garbage included, added up
   * @param liveHeapMib after a collection, with the result still held
   */
  public record Usage(double seconds, double cpuSeconds, double peakHeapMib, double liveHeapMib) {}
}
