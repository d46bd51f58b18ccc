package dev.bevel.kernels;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.bevel.kernels.BevGrid.Axis;
import java.lang.foreign.Arena;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The public classes of the kernels' package, and an object of each. */
final class PublicObjects implements AutoCloseable {
  private final Map<Class<?>, Object> good = new HashMap<>();
  private final List<AutoCloseable> owned = new ArrayList<>();

  PublicObjects() {
    Arena arena = Arena.ofConfined();
    owned.add(arena);
    TensorView view = TensorView.allocate(arena, DType.FLOAT32, 1, 1, 1, 1);
    ValueLevels levels = ValueLevels.of(1, 1);
    Axis axis = Axis.range(-2, 2, 1);
    LiftSplatGeometry geometry = geometry().build();
    LiftSplatPlan plan = LiftSplatPlan.build(geometry);
    Workspace workspace = Workspace.cpu();
    owned.add(plan);
    owned.add(workspace);
    MsdaInputs msda = new MsdaInputs(view, levels, view, view);
    DeformAttnInputs attention = new DeformAttnInputs(view, levels, view, view, view);
    DeformConvSettings settings = DeformConvSettings.of(1, 1, 1);
    DeformConvInputs convolution = new DeformConvInputs(view, view, view, view, settings);
    MultiViewSampleInputs views =
        MultiViewSampleInputs.located(List.of(view), Layout.CHANNELS_FIRST, view, view);
    WarpPositions positions = WarpPositions.grid(view, WarpCoordinates.NORMALIZED);
    PointRange range = new PointRange(-1, -1, -1, 1, 1, 1);
    PillarGrid pillars = new PillarGrid(1, 1, 1, range);
    PointSamplingInputs.Images images = new PointSamplingInputs.Images(view, 4, 4);
    BevPoolIntervals intervals = new BevPoolIntervals(view, view, view, view, view);
    put(arena, view, levels, levels.levels().getFirst(), axis, geometry, plan, workspace);
    put(
        msda,
        attention,
        settings,
        convolution,
        views,
        positions,
        range,
        pillars,
        images,
        intervals);
    put(WarpMatrix.IDENTITY, view.device(), plan.info(), new LiftSplatPlan.Size(1, 1), geometry());
    put(BevGrid.of(axis, axis, axis), CallSettings.DEFAULT);
    put(
        new BevPoolInputs(view, intervals),
        new BevWarpInputs(view, positions),
        new LiftSplatInputs(plan, view, view),
        PointSamplingInputs.of(pillars, images));
    put(
        MultiViewSampleOutputs.of(view),
        LiftSplatOutputs.of(view),
        PointSamplingOutputs.of(view, view));
    put(
        MsdaGradients.none().withValue(view),
        DeformAttnGradients.none().withValue(view),
        DeformConvGradients.none().withInput(view),
        MultiViewSampleGradients.none().withWeights(view),
        BevWarpGradients.none().withInput(view),
        BevPoolGradients.none().withFeature(view),
        LiftSplatGradients.none().withContext(view));
    ByteBuffer bytes = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
    put("name", (Runnable) () -> {}, List.of(view), view.segment(), bytes);
    put(bytes.asFloatBuffer(), bytes.asDoubleBuffer(), bytes.asIntBuffer());
    put(bytes.asLongBuffer(), bytes.asShortBuffer());
  }

  /** One of a type, if there is any. */
  Optional<Object> find(Class<?> type) {
    return good.values().stream().filter(type::isInstance).findFirst();
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable each : owned.reversed()) {
      each.close();
    }
  }

  private static LiftSplatGeometry.Builder geometry() {
    Axis axis = Axis.range(-2, 2, 1);
    return LiftSplatGeometry.builder()
        .grid(BevGrid.of(axis, axis, Axis.range(-1, 1, 2)))
        .depth(2, 1, 1)
        .imageSize(4, 4)
        .featureSize(2, 2)
        .intrinsics(new double[] {1, 0, 2, 0, 1, 2, 0, 0, 1})
        .cameraToBev(new double[] {0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1});
  }

  private void put(Object... objects) {
    for (Object each : objects) {
      good.put(each.getClass(), each);
    }
  }

  /** The public classes of the package that have instances or static methods. */
  static List<Class<?>> classes() throws ClassNotFoundException {
    List<Class<?>> found = new ArrayList<>();
    for (JavaClass each :
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.bevel.kernels")) {
      if (each.getPackageName().equals("dev.bevel.kernels")) {
        Class<?> type = Class.forName(each.getName());
        if (Modifier.isPublic(type.getModifiers())
            && !type.isInterface()
            && !type.isEnum()
            && !Throwable.class.isAssignableFrom(type)) {
          found.add(type);
        }
      }
    }
    return found;
  }
}
