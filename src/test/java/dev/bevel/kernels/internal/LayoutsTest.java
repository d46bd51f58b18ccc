package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every struct of the headers is declared, and every declaration has the size and the offsets that
 * the C compiler gives it.
 */
class LayoutsTest {
  /**
   * The structs that the binding declares, by name: those of static fields, and what they are made
   * of. So a new operator's are found by themselves.
   */
  private static final Map<String, CStruct> DECLARED = declared();

  private static Map<String, CStruct> declared() {
    Map<String, CStruct> found = new TreeMap<>();
    for (JavaClass each :
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(CStruct.class.getPackageName())) {
      for (Field field : each.reflect().getDeclaredFields()) {
        if (Modifier.isStatic(field.getModifiers()) && isPart(field)) {
          collect(field, null, found);
        }
      }
    }
    return found;
  }

  /** A struct, or what groups some fields of one. */
  private static boolean isPart(Field field) {
    Class<?> type = field.getType();
    boolean groups =
        type.getPackage() == CStruct.class.getPackage() && type.getSimpleName().endsWith("Fields");
    return groups || CStruct.class.isAssignableFrom(type);
  }

  private static void collect(Field field, @Nullable Object of, Map<String, CStruct> found) {
    Object part;
    try {
      field.setAccessible(true);
      part = field.get(of);
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
    if (part == null) {
      return;
    }
    if (part instanceof CStruct struct) {
      found.putIfAbsent(name(struct.layout()), struct);
    }
    for (Class<?> type = part.getClass(); type != Object.class; type = type.getSuperclass()) {
      for (Field inner : type.getDeclaredFields()) {
        if (!Modifier.isStatic(inner.getModifiers()) && isPart(inner)) {
          collect(inner, part, found);
        }
      }
    }
  }

  private static List<StructLayout> layouts() {
    return DECLARED.values().stream().map(CStruct::layout).toList();
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
    for (CStruct struct : DECLARED.values()) {
      if (struct instanceof ParamsStruct params) {
        assertThat(params.tensors()).as(params.operator()).isBetween(1, Scratch.MAX_TENSORS);
      }
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
