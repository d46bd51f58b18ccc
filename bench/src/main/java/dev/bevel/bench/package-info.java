/**
 * Benchmarks of operators. {@link dev.bevel.bench.BenchmarkSuite} names the operators, each an
 * {@link dev.bevel.bench.OperatorBenchmark}: a set of cases, each with Bevel's variants and its
 * peers, verified before they are timed. All write one schema, {@link
 * dev.bevel.bench.BenchmarkReport}.
 */
@NullMarked
package dev.bevel.bench;

import org.jspecify.annotations.NullMarked;
