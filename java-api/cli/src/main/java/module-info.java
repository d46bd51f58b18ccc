/** The {@code bevel} command. */
module dev.bevel.cli {
  requires static org.jspecify;
  requires dev.bevel.bench;
  requires dev.bevel.kernels;
  requires dev.bevel.nuscenes;
  requires dev.bevel.torch;
  requires info.picocli;
  requires me.tongfei.progressbar;

  exports dev.bevel.cli;

  opens dev.bevel.cli to
      info.picocli;
}
