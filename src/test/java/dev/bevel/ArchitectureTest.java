package dev.bevel;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/**
 * Who may know whom:
 *
 * <pre>
 * cli ─► torch ─► javacpp ─► kernels
 *  └──► nuscenes ◄─ torch
 * bench, tests ─► everything
 * </pre>
 */
@AnalyzeClasses(packages = "dev.bevel", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
  private static final String KERNELS = "dev.bevel.kernels..";
  private static final String JAVACPP = "dev.bevel.javacpp..";
  private static final String NUSCENES = "dev.bevel.nuscenes..";
  private static final String TORCH = "dev.bevel.torch..";
  private static final String CLI = "dev.bevel.cli..";
  private static final String BENCH = "dev.bevel.bench..";
  private static final String BYTEDECO = "org.bytedeco..";

  private ArchitectureTest() {}

  @ArchTest
  static final ArchRule KERNELS_STAND_ALONE =
      classes()
          .that()
          .resideInAPackage(KERNELS)
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(KERNELS, "java..", "org.slf4j..", "org.jspecify..");

  @ArchTest
  static final ArchRule NUSCENES_KNOWS_NO_KERNELS =
      noClasses()
          .that()
          .resideInAPackage(NUSCENES)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(KERNELS, JAVACPP, TORCH, CLI, BENCH, BYTEDECO);

  @ArchTest
  static final ArchRule JAVACPP_KNOWS_KERNELS_ONLY =
      noClasses()
          .that()
          .resideInAPackage(JAVACPP)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(NUSCENES, TORCH, CLI, BENCH, "org.bytedeco.pytorch..");

  @ArchTest
  static final ArchRule TORCH_KNOWS_NO_COMMAND_LINE =
      noClasses()
          .that()
          .resideInAPackage(TORCH)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(CLI, BENCH);

  @ArchTest
  static final ArchRule BYTEDECO_STAYS_IN_JAVACPP_AND_TORCH =
      noClasses()
          .that()
          .resideOutsideOfPackages(JAVACPP, TORCH, BENCH)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(BYTEDECO);

  @ArchTest
  static final ArchRule PARTS_OF_THE_SIMULATOR_HAVE_NO_CYCLE =
      slices().matching("dev.bevel.nuscenes.(simulator.*)..").should().beFreeOfCycles();

  /** But for the references, which are called in place of the library's functions. */
  @ArchTest
  static final ArchRule THE_BINDING_IS_PRIVATE =
      noClasses()
          .that()
          .resideOutsideOfPackage(KERNELS)
          .and()
          .haveNameNotMatching("dev\\.bevel\\.bench\\.References(\\$.*)?")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.bevel.kernels.internal..");
}
