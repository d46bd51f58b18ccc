/**
 * The cases of {@link dev.bevel.bench} under JMH: separate JVMs, warm-up and confidence intervals.
 *
 * <p>Run them from the repository's root:
 *
 * <pre>{@code
 * mvn -q -pl bench -am package dependency:build-classpath -DskipTests -Dmdep.outputFile=/tmp/bench.classpath
 * java --enable-native-access=ALL-UNNAMED -cp bench/target/classes:$(cat /tmp/bench.classpath) \
 *     org.openjdk.jmh.Main LiftSplatBenchmarks.forward -p shape=bevdet -p threads=2 -p variant=bevel,libtorch
 * }</pre>
 *
 * <p>Every state verifies its variants against the double reference before it is timed.
 */
@NullMarked
package dev.bevel.bench.jmh;

import org.jspecify.annotations.NullMarked;
