/**
 * The cases of {@link dev.bevel.bench} under JMH: separate JVMs, warm-up and confidence intervals.
 *
 * <p>Run them from the repository's root after {@code mvn package}:
 *
 * <pre>{@code
 * mvn -q -pl bench -am package -DskipTests
 * mvn -q -pl bench -am -DincludeScope=compile dependency:build-classpath -Dmdep.outputFile=/tmp/bench.classpath
 * java --enable-native-access=ALL-UNNAMED -cp bench/target/classes:$(cat /tmp/bench.classpath) \
 *     org.openjdk.jmh.Main LiftSplat -p shape=bevdet,bevdepth -p threads=2
 * }</pre>
 *
 * <p>Every state verifies its variants against the double reference before it is timed.
 */
@NullMarked
package dev.bevel.bench.jmh;

import org.jspecify.annotations.NullMarked;
