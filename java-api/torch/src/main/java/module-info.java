/** Autograd functions, modules, detectors and training over LibTorch (Bytedeco's presets). */
module dev.bevel.torch {
  requires static org.jspecify;
  requires transitive org.bytedeco.javacpp;
  requires transitive org.bytedeco.pytorch;

  exports dev.bevel.torch;
}
