package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.bevel.kernels.BevGrid.Axis;
import java.lang.foreign.Arena;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Every public method and constructor of the kernels' package that takes objects, found by
 * reflection, refuses null by a message that names its class and the argument.
 */
class NullArgumentsTest {
  /** The class, the argument, and what is wrong. */
  private static final String MESSAGE = "\\w+: \\w+ must (not be null|be given.*)";

  private final Map<Class<?>, Object> good = new HashMap<>();
  private final List<AutoCloseable> owned = new ArrayList<>();

  @BeforeEach
  void makeGoodArguments() {
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

  @AfterEach
  void close() throws Exception {
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

  @Test
  void nullIsNamed() throws Exception {
    int checked = 0;
    List<String> faults = new ArrayList<>();
    for (Class<?> type : publicClasses()) {
      for (Executable executable : executables(type)) {
        Parameter[] parameters = executable.getParameters();
        for (int i = 0; i < parameters.length; i++) {
          if (!parameters[i].getType().isPrimitive()
              && !parameters[i].getAnnotatedType().isAnnotationPresent(Nullable.class)) {
            fault(type, executable, i).ifPresent(faults::add);
            checked++;
          }
        }
      }
    }
    System.out.println("NullArgumentsTest: " + checked + " parameters");
    assertThat(faults).isEmpty();
    assertThat(checked).isGreaterThan(150);
  }

  private static List<Class<?>> publicClasses() throws ClassNotFoundException {
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

  private static List<Executable> executables(Class<?> type) {
    Stream<Constructor<?>> constructors =
        Modifier.isAbstract(type.getModifiers())
            ? Stream.empty()
            : Arrays.stream(type.getConstructors());
    return Stream.<Executable>concat(
            constructors,
            Arrays.stream(type.getDeclaredMethods())
                .filter(m -> Modifier.isPublic(m.getModifiers()) && !m.isSynthetic())
                .filter(m -> !Modifier.isAbstract(m.getModifiers()))
                .filter(m -> !m.getName().equals("equals")))
        .toList();
  }

  /** What is wrong with how null is refused, if anything. */
  private Optional<String> fault(Class<?> type, Executable executable, int index)
      throws ReflectiveOperationException {
    Parameter[] parameters = executable.getParameters();
    @Nullable Object[] arguments = new @Nullable Object[parameters.length];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = i == index ? null : argument(parameters[i].getType());
    }
    String call = executable + ", argument " + parameters[index].getName() + ": ";
    try {
      if (executable instanceof Constructor<?> constructor) {
        constructor.newInstance(arguments);
      } else {
        Object target = Modifier.isStatic(executable.getModifiers()) ? null : argument(type);
        ((Method) executable).invoke(target, arguments);
      }
      return Optional.of(call + "null was accepted");
    } catch (InvocationTargetException e) {
      Throwable cause = e.getCause();
      boolean good =
          (cause instanceof NullPointerException || cause instanceof BevelException)
              && cause.getMessage() != null
              && cause.getMessage().matches(MESSAGE);
      return good ? Optional.empty() : Optional.of(call + cause);
    }
  }

  private Object argument(Class<?> type) {
    if (type.isArray()) {
      Object array = Array.newInstance(type.getComponentType(), 1);
      Array.set(array, 0, argument(type.getComponentType()));
      return array;
    }
    if (type.isEnum()) {
      return type.getEnumConstants()[0];
    }
    Map<Class<?>, Object> ones =
        Map.of(
            int.class, 1, long.class, 1L, double.class, 1.0, float.class, 1f, boolean.class, true);
    if (ones.containsKey(type)) {
      return ones.get(type);
    }
    return good.values().stream()
        .filter(type::isInstance)
        .findFirst()
        .orElseGet(() -> fail("NullArgumentsTest needs an instance of " + type));
  }
}
