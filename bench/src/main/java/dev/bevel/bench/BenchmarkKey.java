package dev.bevel.bench;

/**
 * What is the same for all variants that are compared with each other.
 *
 * @param operator e.g. {@code lift-splat}
 * @param caseName e.g. {@code bevdepth}
 * @param pass the timed work
 * @param dtype {@code fp32}, {@code bf16}, {@code fp16}, {@code fp64}; of indices {@code int32}
 * @param device {@code cpu} or {@code cuda}
 * @param threads CPU threads
 */
public record BenchmarkKey(
    String operator, String caseName, Pass pass, String dtype, String device, int threads) {}
