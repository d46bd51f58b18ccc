package dev.bevel.cli;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.Capabilities;
import dev.bevel.nuscenes.Counted;
import dev.bevel.torch.Torch;
import dev.bevel.torch.TorchInfo;
import dev.bevel.torch.TorchLibraries;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bevel doctor}: what this machine offers. Exit status 0 when the CPU path works. */
@Command(
    name = "doctor",
    description = "Show JDK, LibTorch, native library, instruction set, threads and CUDA.",
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class DoctorCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  private final List<String> failed = new ArrayList<>();

  @Override
  public Integer call() {
    line("JDK", Runtime.version() + " (" + System.getProperty("java.vendor") + ")");
    line("machine", machine());
    if (check("kernels", DoctorCommand::kernels)) {
      line("loaded from", Bevel.libraryOrigin());
      check("threads", DoctorCommand::threads);
      check("kernel check", KernelCheck::run);
      check("CUDA", DoctorCommand::cuda);
    }
    if (check("LibTorch", DoctorCommand::libTorch)) {
      TorchLibraries libraries = Torch.libraries();
      line("loaded from", libraries.folder() + ", " + libraries.why());
      libraries.notes().forEach(note -> line("", note));
      line("in the way", inTheWay(libraries.inTheWay()));
    }
    line(
        "result",
        failed.isEmpty()
            ? "the CPU path works"
            : "the CPU path does not work as it is configured: " + String.join(", ", failed));
    return failed.isEmpty() ? 0 : Main.FAILED;
  }

  private static String machine() {
    return String.format(
        Locale.ROOT,
        "%s %s, %s, %s, %d MiB heap",
        System.getProperty("os.name"),
        System.getProperty("os.version"),
        System.getProperty("os.arch"),
        Counted.of(Runtime.getRuntime().availableProcessors(), "processor"),
        Runtime.getRuntime().maxMemory() >> 20);
  }

  private static String kernels() {
    Bevel.load();
    return "Bevel " + Bevel.version() + ", " + Bevel.libraryPath() + ", " + Bevel.instructionSet();
  }

  private static String threads() {
    return Bevel.threads() + ": " + Bevel.threadsReason();
  }

  private static String cuda() {
    Capabilities found = Bevel.capabilities();
    return found.cudaUsable()
        ? String.format(
            Locale.ROOT,
            "%s, code for %s, runtime %s, driver %s",
            Counted.of(found.cudaDevices(), "device"),
            found.cudaArchitectures(),
            version(found.cudaRuntime()),
            version(found.cudaDriver()))
        : "not usable: " + found.cudaReason();
  }

  private static String libTorch() {
    TorchInfo found = TorchInfo.current();
    return String.format(
        Locale.ROOT,
        "%s, %s, %s, %s",
        found.version(),
        found.instructionSet(),
        Counted.of(found.threads(), "thread"),
        found.cuda() ? "CUDA" : "no CUDA (CPU build or no device)");
  }

  private static String inTheWay(List<String> found) {
    return found.isEmpty()
        ? "no other library of these names"
        : "not used: " + String.join(", ", found);
  }

  private static String version(int number) {
    return number / 1000 + "." + number % 1000 / 10;
  }

  private boolean check(String name, Supplier<String> check) {
    try {
      line(name, check.get());
      return true;
    } catch (LinkageError | RuntimeException e) {
      failed.add(name);
      line(name, "FAILED: " + Main.sentence(e));
      return false;
    }
  }

  private void line(String name, String value) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf(Locale.ROOT, "%-13s %s%n", name, value);
    out.flush();
  }
}
