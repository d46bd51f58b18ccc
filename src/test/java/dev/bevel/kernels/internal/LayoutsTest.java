package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every struct of the headers is declared, and every declaration has the size and the offsets that
 * the C compiler gives it.
 */
class LayoutsTest {
  private static final List<ParamsStruct> PARAMS =
      List.of(
          BevPoolParams.FORWARD,
          BevPoolParams.BACKWARD,
          BevWarpParams.FORWARD,
          BevWarpParams.BACKWARD,
          DeformAttnParams.MSDA_FORWARD,
          DeformAttnParams.MSDA_BACKWARD,
          DeformAttnParams.FORWARD,
          DeformAttnParams.BACKWARD,
          DeformConvParams.FORWARD,
          DeformConvParams.BACKWARD,
          LiftSplatParams.PLAN,
          LiftSplatParams.FORWARD,
          LiftSplatParams.BACKWARD,
          MultiViewSampleParams.FORWARD,
          MultiViewSampleParams.BACKWARD,
          PointSamplingParams.STRUCT);

  /** Structs that are no params. */
  private static final List<CStruct> OTHERS =
      List.of(
          DlTensor.STRUCT,
          DlTensor.STRUCT.device,
          DlTensor.STRUCT.dtype,
          DlPackStructs.MANAGED,
          DlPackStructs.VERSIONED,
          DlPackStructs.VERSIONED.version,
          CapabilitiesStruct.STRUCT,
          LiftSplatParams.PLAN_INFO,
          LiftSplatParams.GEOMETRY,
          new GeometryStruct.GridStruct(0),
          DeformAttnParams.MSDA_FORWARD.inputs.levels,
          DeformConvParams.FORWARD.settings,
          MultiViewSampleParams.FORWARD.views,
          PointSamplingParams.STRUCT.grid);

  private static List<StructLayout> layouts() {
    return Stream.concat(PARAMS.stream(), OTHERS.stream())
        .map(CStruct::layout)
        .sorted(Comparator.comparing(LayoutsTest::name))
        .toList();
  }

  private static String name(MemoryLayout layout) {
    return layout.name().orElseThrow();
  }

  private static HeaderStructs headers() throws IOException {
    return new HeaderStructs(Path.of(System.getProperty("bevel.root", ".")));
  }

  @Test
  void everyStructOfTheHeadersIsDeclared() throws IOException {
    assertThat(layouts().stream().map(LayoutsTest::name))
        .containsExactlyElementsOf(headers().names());
  }

  @Test
  void layoutsAreThoseOfTheCompiler(@TempDir Path folder) throws Exception {
    assumeTrue(
        Stream.of(System.getenv("PATH").split(":"))
            .anyMatch(each -> Files.isExecutable(Path.of(each, "cc"))),
        "there is no C compiler named cc");
    assertThat(described()).isEqualTo(headers().compiled("cc", folder));
  }

  private static List<String> described() {
    List<String> lines = new ArrayList<>();
    for (StructLayout struct : layouts()) {
      String name = name(struct);
      lines.add(name + " " + struct.byteSize());
      for (MemoryLayout field : struct.memberLayouts()) {
        long offset = struct.byteOffset(PathElement.groupElement(name(field)));
        lines.add(name + "." + name(field) + " " + offset + " " + field.byteSize());
      }
    }
    lines.add("version " + NativeLibrary.HEADER_VERSION);
    return lines;
  }

  /** The offsets that calls write to are those of the layout, within other structs too. */
  @Test
  void offsetsCountFromTheOutermostStruct() {
    StructLayout plan = LiftSplatParams.PLAN.layout();
    PathElement geometry = PathElement.groupElement("geometry");
    assertThat(LiftSplatParams.PLAN.maxPoints.offset())
        .isEqualTo(plan.byteOffset(PathElement.groupElement("max_points")));
    long height =
        DeformAttnParams.MSDA_BACKWARD
            .layout()
            .byteOffset(PathElement.groupElement("levels"), PathElement.groupElement("height"));
    assertThat(DeformAttnParams.MSDA_BACKWARD.inputs.levels.height.offset()).isEqualTo(height);
    assertThat(plan.select(geometry))
        .isEqualTo(LiftSplatParams.GEOMETRY.layout().withName("geometry"));
  }

  @Test
  void tensorsAreCountedByTheirDeclarations() {
    assertThat(DeformAttnParams.MSDA_FORWARD.tensors()).isEqualTo(4);
    assertThat(LiftSplatParams.PLAN.tensors()).isEqualTo(5 + 2);
    assertThat(MultiViewSampleParams.BACKWARD.tensors()).isEqualTo(1 + 8 + 5 + 8 + 3 + 1);
    for (ParamsStruct params : PARAMS) {
      assertThat(params.tensors()).as(params.operator()).isBetween(1, Scratch.MAX_TENSORS);
    }
  }

  /** Also a name of one word that C abbreviates, and none within a longer word. */
  @Test
  void messagesOfCGetJavasNames() {
    assertThat(
            BevPoolParams.BACKWARD.inJavaNames(
                "bev_pool_backward: ranks_bev must be int32 to match grad_out, got my_ranks_bev"))
        .isEqualTo("bev_pool_backward: ranksBev must be int32 to match gradOut, got my_ranks_bev");
    assertThat(
            MultiViewSampleParams.BACKWARD.inJavaNames(
                "grad_features[1] must be as features[1]; image_width, lidar_to_image"))
        .isEqualTo("gradFeatures[1] must be as features[1]; imageWidth, lidarToImage");
  }
}
