import org.jspecify.annotations.NullMarked;

/**
 * Benchmarks of Bevel's operators against their peers: a quick runner with a table and a JSON file,
 * and the same cases under JMH.
 */
@NullMarked
module dev.bevel.bench {
  requires com.fasterxml.jackson.core;
  requires dev.bevel.javacpp;
  requires dev.bevel.kernels;
  requires dev.bevel.nuscenes;
  requires dev.bevel.torch;
  requires java.management;
  requires static jmh.core;
  requires static org.jspecify;
  requires org.bytedeco.javacpp;
  requires org.bytedeco.pytorch;

  exports dev.bevel.bench;
  exports dev.bevel.bench.nuscenes;
}
