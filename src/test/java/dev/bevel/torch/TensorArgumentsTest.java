package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.BevGrid.Axis;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Interpolation;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.PointRange;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.kernels.WarpCoordinates;
import dev.bevel.testing.SmallConfig;
import dev.bevel.torch.autograd.Autograd;
import dev.bevel.torch.autograd.BevWarpFunction;
import dev.bevel.torch.autograd.Context;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.autograd.DeformConvFunction;
import dev.bevel.torch.autograd.Function;
import dev.bevel.torch.autograd.LiftSplatFunction;
import dev.bevel.torch.autograd.LiftSplatOptions;
import dev.bevel.torch.autograd.MsdaFunction;
import dev.bevel.torch.autograd.MultiViewSampleFunction;
import dev.bevel.torch.autograd.MultiViewSampleOptions;
import dev.bevel.torch.bevformer.AttentionSizes;
import dev.bevel.torch.bevformer.CustomMultiScaleDeformableAttention;
import dev.bevel.torch.bevformer.MultiScaleDeformableAttention3D;
import dev.bevel.torch.bevformer.SpatialCrossAttention;
import dev.bevel.torch.bevformer.TemporalSelfAttention;
import dev.bevel.torch.head.DepthLoss;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.head.TaskPrediction;
import dev.bevel.torch.model.BevResNet;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.CenterHeadNetwork;
import dev.bevel.torch.model.DepthNet;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.model.Detr3dCrossAttention;
import dev.bevel.torch.model.FpnForBevDet;
import dev.bevel.torch.model.FpnLss;
import dev.bevel.torch.model.FrustumSpec;
import dev.bevel.torch.model.KernelViewPooling;
import dev.bevel.torch.model.ResNet;
import dev.bevel.torch.model.SecondFpn;
import dev.bevel.torch.model.Taps;
import dev.bevel.torch.nn.BatchNorm;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.ConvModule;
import dev.bevel.torch.nn.ConvTranspose2d;
import dev.bevel.torch.nn.Convolution;
import dev.bevel.torch.nn.DeformConv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.LayerNorm;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.train.ConfigDocument;
import java.lang.foreign.Arena;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Every public method and constructor that takes tensors, found by reflection, refuses null, closed
 * and undefined ones and those whose elements it could not read (sparse, quantised, meta) by a
 * message that names it and the argument. A new class with such a method needs an instance here, or
 * the test fails.
 */
class TensorArgumentsTest {
  /** Carriers: whoever is given one checks its tensors. The checker is told its names. */
  private static final Set<Class<?>> EXEMPT = Set.of(TensorHold.class, Context.class);

  /** Which take tensors of any kind. */
  private static final Set<Class<?>> ANY_KIND =
      Set.of(Function.class, TensorScope.class, Autograd.class);

  private TensorScope scope;
  private Tensor good;
  private Tensor closed;
  private Initializer init;
  private final Map<Class<?>, Supplier<?>> instances = new HashMap<>();
  private final List<AutoCloseable> owned = new ArrayList<>();

  @BeforeEach
  void open() {
    scope = TensorScope.open();
    good = torch.ones(2, 2);
    closed = torch.ones(1);
    closed.close();
    while (!closed.isNull()) { // the scope holds it too
      closed.releaseReference();
    }
    init = Initializer.seeded(1);
    owned.add(init);
    functions();
    layers();
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : owned) {
      each.close();
    }
    scope.close();
  }

  private void functions() {
    ValueLevels levels = ValueLevels.of(1, 1);
    put(MsdaFunction.class, () -> new MsdaFunction(levels));
    put(DeformAttnFunction.class, () -> new DeformAttnFunction(levels, DeformAttnOptions.DEFAULT));
    put(
        DeformConvFunction.class,
        () -> new DeformConvFunction(DeformConvSettings.of(1, 1, 1), Determinism.STRICT));
    put(
        BevWarpFunction.class,
        () -> new BevWarpFunction(WarpCoordinates.NORMALIZED, Interpolation.BILINEAR));
    put(
        MultiViewSampleFunction.class,
        () -> new MultiViewSampleFunction(MultiViewSampleOptions.DEFAULT));
    put(LiftSplatFunction.class, () -> new LiftSplatFunction(plan(), LiftSplatOptions.DEFAULT));
    put(Function.class, () -> new MsdaFunction(levels));
    put(TensorScope.class, () -> scope);
    put(LossTerms.class, LossTerms::new);
    put(DepthLoss.class, () -> new DepthLoss(1));
  }

  private void layers() {
    Conv2d.Shape shape = Conv2d.Shape.same(4, 4, 3);
    put(Conv2d.class, () -> new Conv2d(shape, init));
    put(ConvModule.class, () -> new ConvModule(shape, init));
    put(
        ConvTranspose2d.class,
        () -> new ConvTranspose2d(4, 4, 2, init, Initializer.Weights.PYTORCH_DEFAULT));
    put(DeformConv2d.class, () -> DeformConv2d.plain(shape, 1, init));
    put(BatchNorm.class, () -> new BatchNorm(4));
    put(LayerNorm.class, () -> new LayerNorm(4));
    put(Linear.class, () -> new Linear(4, 4, init));
    put(NamedModules.class, NamedModules::new);
    put(Module.class, () -> new Linear(4, 4, init));
    put(BevResNet.class, () -> new BevResNet(4, List.of(4, 8), init));
    put(ResNet.class, () -> new ResNet(ResNet.Settings.bevTrunk(4, 4), init));
    put(SecondFpn.class, () -> new SecondFpn(List.of(4L), 4, List.of(1.0), init));
    put(FpnForBevDet.class, () -> new FpnForBevDet(List.of(4L), 4, init));
    put(FpnLss.class, () -> new FpnLss(4, 4, 4, init));
    put(DepthNet.class, () -> new DepthNet(8, 16, 4, 4, 0, init));
    put(CenterHeadNetwork.class, () -> new CenterHeadNetwork(4, 4, 4, List.of(1), init));
    put(
        Detr3dCrossAttention.class,
        () ->
            new Detr3dCrossAttention(
                new Detr3dCrossAttention.Settings(8, 1, 1, 0, new PointRange(-1, -1, -1, 1, 1, 1)),
                init));
    AttentionSizes sizes = new AttentionSizes(8, 2, 1, 2, 0);
    put(
        CustomMultiScaleDeformableAttention.class,
        () ->
            new CustomMultiScaleDeformableAttention(sizes, DeformAttnOptions.DEFAULT, true, init));
    put(
        MultiScaleDeformableAttention3D.class,
        () -> new MultiScaleDeformableAttention3D(sizes, Determinism.STRICT, init));
    put(SpatialCrossAttention.class, () -> new SpatialCrossAttention(sizes, init));
    put(TemporalSelfAttention.class, () -> new TemporalSelfAttention(sizes, init));
    ConfigDocument config = ConfigDocument.parse("small", SmallConfig.yaml(1, "none"));
    put(Detector.class, () -> Detector.create(config.detector(), 1));
    put(KernelViewPooling.class, () -> new KernelViewPooling(FrustumSpec.of(config.detector())));
  }

  private <T> void put(Class<T> type, Supplier<? extends T> instance) {
    instances.put(type, instance);
  }

  private LiftSplatPlan plan() {
    Axis axis = Axis.range(-2, 2, 1);
    LiftSplatPlan plan =
        LiftSplatPlan.build(
            LiftSplatGeometry.builder()
                .grid(BevGrid.of(axis, axis, Axis.range(-1, 1, 2)))
                .depth(2, 1, 1)
                .imageSize(4, 4)
                .featureSize(2, 2)
                .intrinsics(new double[] {1, 0, 2, 0, 1, 2, 0, 0, 1})
                .cameraToBev(new double[] {0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1})
                .build());
    owned.add(plan);
    return plan;
  }

  @Test
  void nullAndClosedTensorsAreNamed() throws Exception {
    int checked = 0;
    for (Class<?> type : publicClasses()) {
      for (Executable executable : executables(type)) {
        Parameter[] parameters = executable.getParameters();
        for (int i = 0; i < parameters.length; i++) {
          if (holdsTensors(parameters[i])) {
            check(type, executable, i);
            checked++;
          }
        }
      }
    }
    System.out.println("TensorArgumentsTest: " + checked + " parameters");
    assertThat(checked).isGreaterThan(60);
  }

  private static List<Class<?>> publicClasses() throws ClassNotFoundException {
    List<Class<?>> found = new ArrayList<>();
    for (JavaClass each :
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.bevel.torch")) {
      Class<?> type = Class.forName(each.getName(), false, each.getClass().getClassLoader());
      if (Modifier.isPublic(type.getModifiers())
          && !type.isInterface()
          && !type.isAnonymousClass()
          && !EXEMPT.contains(type)) {
        found.add(type);
      }
    }
    return found;
  }

  /** Records are carriers, except for the one that checks shapes and so reads its tensors. */
  private static List<Executable> executables(Class<?> type) {
    boolean carrier = type.isRecord() && type != TaskPrediction.class;
    Stream<Constructor<?>> constructors =
        carrier ? Stream.empty() : Arrays.stream(type.getConstructors());
    Stream<Method> methods =
        Arrays.stream(type.getDeclaredMethods())
            .filter(m -> Modifier.isPublic(m.getModifiers()) && !m.isSynthetic())
            .filter(m -> !m.getName().equals("equals"))
            .filter(m -> !Modifier.isAbstract(m.getModifiers()));
    return Stream.<Executable>concat(constructors, methods).toList();
  }

  private static boolean holdsTensors(Parameter parameter) {
    return parameter.getParameterizedType().getTypeName().contains(Tensor.class.getName())
        && (parameter.getType() == Tensor.class
            || parameter.getType() == Tensor[].class
            || parameter.getType() == List.class
            || parameter.getType() == Map.class);
  }

  private void check(Class<?> type, Executable executable, int index) throws Exception {
    Parameter parameter = executable.getParameters()[index];
    if (!parameter.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
      refused(type, executable, index, null, NullPointerException.class, "null");
    }
    refused(
        type, executable, index, holding(parameter, closed), IllegalStateException.class, "closed");
    Map<String, Tensor> kinds = new LinkedHashMap<>();
    kinds.put("undefined", new Tensor());
    if (!ANY_KIND.contains(type)) {
      kinds.put("Sparse", good.to_sparse());
      kinds.put("quantised", torch.quantize_per_tensor(good, 1, 0, torch.ScalarType.QInt8));
      TensorOptions meta = new TensorOptions(new org.bytedeco.pytorch.Device("meta"));
      kinds.put("meta", torch.empty(new long[] {2, 2}, meta, null));
    }
    for (Map.Entry<String, Tensor> kind : kinds.entrySet()) {
      Object value = holding(parameter, kind.getValue());
      refused(type, executable, index, value, IllegalArgumentException.class, kind.getKey());
    }
  }

  private void refused(
      Class<?> type,
      Executable executable,
      int index,
      @Nullable Object value,
      Class<? extends Exception> expected,
      String word)
      throws Exception {
    Parameter[] parameters = executable.getParameters();
    @Nullable Object[] arguments = new @Nullable Object[parameters.length];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = i == index ? value : argument(parameters[i]);
    }
    boolean fixed =
        executable instanceof Constructor || Modifier.isStatic(executable.getModifiers());
    Object target = fixed ? null : instance(type);
    String call = executable + ", argument " + parameters[index].getName() + " " + word;
    try {
      if (executable instanceof Constructor<?> constructor) {
        constructor.newInstance(arguments);
      } else {
        ((Method) executable).invoke(target, arguments);
      }
    } catch (InvocationTargetException e) {
      assertThat(e.getCause())
          .as(call)
          .isInstanceOf(expected)
          .message()
          .contains(parameters[index].getName())
          .contains(word)
          .containsAnyOf(
              type.getSimpleName(),
              target == null ? type.getSimpleName() : target.getClass().getSimpleName());
      return;
    }
    fail(call + " was accepted");
  }

  private Object instance(Class<?> type) {
    Supplier<?> supplier = instances.get(type);
    if (supplier == null) {
      return fail("TensorArgumentsTest needs an instance of " + type);
    }
    Object made = supplier.get();
    if (made instanceof Module module) {
      owned.add(module);
    }
    return made;
  }

  private Object holding(Parameter parameter, Tensor tensor) {
    if (parameter.getType() == Tensor[].class) {
      return new Tensor[] {tensor};
    }
    if (parameter.getType() == List.class) {
      return List.of(tensor);
    }
    if (parameter.getType() == Map.class) {
      return Map.of(parameter.getName(), tensor);
    }
    return tensor;
  }

  private Object argument(Parameter parameter) {
    Class<?> type = parameter.getType();
    if (holdsTensors(parameter)) {
      return holding(parameter, good);
    }
    if (type == int.class) {
      return 1;
    }
    if (type == long.class) {
      return 1L;
    }
    if (type == double.class) {
      return 1.0;
    }
    if (type == boolean.class) {
      return false;
    }
    if (type == String.class) {
      return "tensor";
    }
    if (type == int[].class) {
      return new int[] {1};
    }
    if (type == Map.class) {
      return Map.of();
    }
    if (type == Path.class) {
      return Path.of("never-written.safetensors");
    }
    if (type == Arena.class) {
      return Arena.ofAuto();
    }
    if (type == Taps.class) {
      return Taps.NONE;
    }
    if (type == ValueLevels.class) {
      return ValueLevels.of(1, 1);
    }
    if (type == Calibration.class) {
      double[] identity = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
      return new Calibration(
          1, 1, new double[] {1, 0, 1, 0, 1, 1, 0, 0, 1}, identity, identity, null);
    }
    if (type == Detr3dCrossAttention.Images.class) {
      return new Detr3dCrossAttention.Images(List.of(good), good, 1, 1);
    }
    if (type == Convolution.class) {
      return instance(Conv2d.class);
    }
    if (instances.containsKey(type)) {
      return instance(type);
    }
    return fail("TensorArgumentsTest needs a value of " + type + " for " + parameter);
  }
}
