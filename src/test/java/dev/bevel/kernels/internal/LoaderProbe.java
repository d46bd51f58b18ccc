package dev.bevel.kernels.internal;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.BevelException;
import java.util.Locale;

/**
 * Loads the library twice and prints what came of it; run in JVMs of their own by {@link
 * NativeLibraryTest}.
 */
final class LoaderProbe {
  private LoaderProbe() {}

  public static void main(String[] arguments) {
    for (int attempt = 1; attempt <= 2; attempt++) {
      try {
        Bevel.load();
        System.out.printf(
            Locale.ROOT,
            "loaded %s %s %d threads (%s)%n",
            Bevel.version(),
            Bevel.libraryPath(),
            Bevel.threads(),
            Bevel.threadsReason());
      } catch (BevelException e) {
        System.out.println(e.status() + " " + e.getMessage());
      }
    }
  }
}
