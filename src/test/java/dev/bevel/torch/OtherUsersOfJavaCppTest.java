package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.ChildJvm;
import org.junit.jupiter.api.Test;

/** Bevel in programs that have a JavaCPP of their own, or two of Bevel. */
class OtherUsersOfJavaCppTest {
  @Test
  void viewsAreMadeInAProgramWithAMemoryCapAndOnlyTheTrainerRefuses() throws Exception {
    assertThat(ChildJvm.run(OtherUsersOfJavaCpp.class, "cap"))
        .contains("cap true", "float32[2, 3] on cpu")
        .contains("Trainer: JavaCPP must have no cap on physical memory")
        .contains("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0")
        .doesNotContain("trains");
  }

  @Test
  void aSecondClassLoaderHasTheKernelsAndIsToldWhyNotLibTorch() throws Exception {
    String output = ChildJvm.run(OtherUsersOfJavaCpp.class, "loaders");
    assertThat(output).contains("first 1.0", "kernels: loaded ");
    assertThat(output.lines().filter(line -> line.startsWith("torch: ")).distinct())
        .hasSize(1)
        .allSatisfy(
            line ->
                assertThat(line)
                    .contains(
                        "NOT_LOADED LibTorch: another class loader of this process has loaded")
                    .contains("where one class loader, above the others, finds them"));
  }
}
