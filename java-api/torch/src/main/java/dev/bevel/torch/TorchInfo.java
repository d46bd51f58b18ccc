package dev.bevel.torch;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.global.torch;

/**
 * What the loaded LibTorch says of itself.
 *
 * @param version e.g. {@code 2.10.0}; "not stated" if its build information does not tell
 * @param instructionSet that its CPU kernels use, e.g. {@code AVX512}
 * @param threads within one operation
 * @param cuda whether it was built for CUDA and finds a device
 */
public record TorchInfo(String version, String instructionSet, int threads, boolean cuda) {
  private static final Pattern VERSION = Pattern.compile("TORCH_VERSION=([^,\\s]+)");

  /**
   * Asks LibTorch.
   *
   * @throws dev.bevel.kernels.BevelException if it cannot be loaded
   */
  public static TorchInfo current() {
    Torch.initialize();
    Matcher version = VERSION.matcher(torch.show_config().getString());
    return new TorchInfo(
        version.find() ? version.group(1) : "not stated",
        torch.get_cpu_capability().getString(),
        torch.get_num_threads(),
        torch.cuda_is_available());
  }
}
