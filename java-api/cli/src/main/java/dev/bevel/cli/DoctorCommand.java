package dev.bevel.cli;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.Capabilities;
import dev.bevel.torch.TorchInfo;
import java.io.PrintWriter;
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

  private boolean healthy = true;

  @Override
  public Integer call() {
    line("JDK", Runtime.version() + " (" + System.getProperty("java.vendor") + ")");
    line("machine", machine());
    check("kernels", this::kernels);
    check("kernel check", KernelCheck::run);
    check("LibTorch", DoctorCommand::libTorch);
    check("CUDA", DoctorCommand::cuda);
    line("result", healthy ? "the CPU path works" : "the CPU path does not work");
    return healthy ? 0 : Main.FAILED;
  }

  private static String machine() {
    return "%s %s, %s, %d processors, %d MiB heap"
        .formatted(
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("os.arch"),
            Runtime.getRuntime().availableProcessors(),
            Runtime.getRuntime().maxMemory() >> 20);
  }

  private String kernels() {
    Bevel.load();
    return "Bevel %s, %s, %s, %d threads"
        .formatted(Bevel.version(), Bevel.libraryPath(), Bevel.instructionSet(), Bevel.threads());
  }

  private static String libTorch() {
    TorchInfo found = TorchInfo.current();
    return "%s, %s, %d threads".formatted(found.version(), found.instructionSet(), found.threads());
  }

  private static String cuda() {
    Capabilities found = Bevel.capabilities();
    String kernels =
        found.cudaUsable()
            ? "kernels: %d device(s), %s, runtime %s, driver %s"
                .formatted(
                    found.cudaDevices(),
                    found.cudaArchitectures(),
                    version(found.cudaRuntime()),
                    version(found.cudaDriver()))
            : "kernels: no, " + found.cudaReason();
    String libTorch =
        TorchInfo.current().cuda() ? "LibTorch: yes" : "LibTorch: no (CPU build or no device)";
    return kernels + "; " + libTorch;
  }

  private static String version(int number) {
    return number / 1000 + "." + number % 1000 / 10;
  }

  private void check(String name, Supplier<String> check) {
    try {
      line(name, check.get());
    } catch (LinkageError | RuntimeException e) {
      healthy = false;
      line(name, "FAILED: " + Main.sentence(e));
    }
  }

  private void line(String name, String value) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf("%-13s %s%n", name, value);
    out.flush();
  }
}
