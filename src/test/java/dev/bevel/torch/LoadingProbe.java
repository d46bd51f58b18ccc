package dev.bevel.torch;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.BevelException;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Loads twice and prints what came of it; run in JVMs of their own by {@link NativeDecoyTest}. */
final class LoadingProbe {
  private LoadingProbe() {}

  public static void main(String[] arguments) {
    List<String> wanted = List.of(arguments);
    for (int attempt = 1; attempt <= 2; attempt++) {
      if (wanted.contains("kernels")) {
        attempt("kernels", () -> "loaded " + Bevel.libraryPath());
      }
      if (wanted.contains("torch")) {
        attempt("torch", LoadingProbe::torch);
      }
      if (wanted.contains("in-the-way")) {
        attempt("in the way", () -> Torch.libraries().inTheWay().toString());
      }
    }
  }

  private static String torch() {
    TorchLibraries libraries = Torch.libraries();
    try (TensorScope scope = TensorScope.open()) {
      Tensor product = torch.ones(3, 4).matmul(torch.ones(4, 5));
      return "loaded from "
          + libraries.folder()
          + ", sum "
          + product.sum().item_float()
          + ", "
          + libraries.notes();
    }
  }

  private interface Attempt {
    String run();
  }

  private static void attempt(String name, Attempt attempt) {
    try {
      System.out.println(name + ": " + attempt.run());
    } catch (BevelException e) {
      System.out.println(name + ": " + e.status() + " " + e.getMessage());
    }
  }
}
