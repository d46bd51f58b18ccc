package dev.bevel.javacpp.presets;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.BevelException;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * Tells JavaCPP's parser which headers to read. The classes that it writes stand in {@code
 * dev.bevel.javacpp.abi}.
 *
 * <p>The generated library is linked against libbevel, which the loader of {@link Bevel} opens
 * first: both bindings then use one and the same libbevel, with the same settings.
 */
@Properties(
    target = "dev.bevel.javacpp.abi",
    global = "dev.bevel.javacpp.abi.BevelAbi",
    value =
        @Platform(
            value = "linux-x86_64",
            include = {
              "bevel/dlpack.h",
              "bevel/base.h",
              "bevel/lift_splat.h",
              "bevel/bev_pool.h",
              "bevel/point_sampling.h",
              "bevel/deform_conv.h",
              "bevel/multi_view_sample.h",
              "bevel/deform_attn.h",
              "bevel/bev_warp.h"
            },
            link = "bevel",
            library = "jnibevel"))
public class BevelPresets implements InfoMapper {
  static {
    if (Loader.isLoadLibraries()) {
      loadLibbevel();
    }
  }

  /**
   * A failure is told by {@code JavaCpp.initialize()}, at every call. Thrown from a static
   * initialiser it would be told once; without libbevel the JNI library cannot be loaded.
   */
  private static boolean loadLibbevel() {
    try {
      Bevel.load();
      return true;
    } catch (BevelException told) {
      return false;
    }
  }

  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("BEVEL_API").cppTypes().annotations());
    infoMap.put(new Info("__cplusplus").define());
  }
}
