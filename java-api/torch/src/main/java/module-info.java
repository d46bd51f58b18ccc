/** Autograd functions, modules, detectors and training over LibTorch (Bytedeco's presets). */
module dev.bevel.torch {
  requires static org.jspecify;
  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.databind;
  requires org.slf4j;
  requires org.snakeyaml.engine.v2;
  requires transitive dev.bevel.kernels;
  requires transitive dev.bevel.nuscenes;
  requires transitive org.bytedeco.javacpp;
  requires transitive org.bytedeco.pytorch;

  exports dev.bevel.torch;
  exports dev.bevel.torch.autograd;
  exports dev.bevel.torch.bevformer;
  exports dev.bevel.torch.head;
  exports dev.bevel.torch.io;
  exports dev.bevel.torch.model;
  exports dev.bevel.torch.nn;
  exports dev.bevel.torch.parity;
  exports dev.bevel.torch.train;
}
