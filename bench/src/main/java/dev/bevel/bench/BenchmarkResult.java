package dev.bevel.bench;

/**
 * One line of a benchmark table.
 *
 * @param key what was timed
 * @param variant {@value BenchmarkReport#BEVEL}, or the name of a peer or of another way to call
 *     Bevel
 * @param medianMs median time of one call, milliseconds
 * @param minMs shortest time of one call, milliseconds
 * @param floorMs time to move every compulsory byte once through DRAM at the rate measured in the
 *     same run, milliseconds
 * @param ratio {@code medianMs} over that of {@value BenchmarkReport#BEVEL} with the same key: how
 *     many times longer this variant takes
 */
public record BenchmarkResult(
    BenchmarkKey key,
    String variant,
    double medianMs,
    double minMs,
    double floorMs,
    double ratio) {}
