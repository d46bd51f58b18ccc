package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaConstructorCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.bevel.kernels.Operators.Operator;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the calls of all operators have in common. */
class CallShapeTest {
  private static final LiftSplatScene SCENE =
      new LiftSplatScene(
          7, new int[] {1, 2, 6, 4, 8, 3}, LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y));

  private final Arena arena = Arena.ofConfined();
  private @Nullable LiftSplatPlan plan;
  private List<Operator> operators = List.of();

  @BeforeEach
  void makeInputs() {
    LiftSplatPlan built = LiftSplatPlan.build(SCENE.withMatrices());
    plan = built;
    operators = Operators.all(arena, built);
  }

  @AfterEach
  void close() {
    if (plan != null) {
      plan.close();
    }
    arena.close();
  }

  private static void refused(Runnable call, String message) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            BevelException.class, e -> assertThat(e.status()).isEqualTo(Status.INVALID_ARGUMENT))
        .hasMessageContaining(message);
  }

  private TensorView like(TensorView view) {
    return TensorView.allocate(arena, view.dtype(), view.shape());
  }

  /** Both passes in memory that the operator itself makes, the second time in a workspace. */
  @Test
  void bothPassesRunInWhatIsAllocatedForThem() {
    for (Operator each : operators) {
      TensorView out = each.allocateOut().get();
      assertThat(out.shape()).as(each.name()).isEqualTo(each.outShape());
      each.forward().run(out, CallSettings.DEFAULT);
      assertThat(out.toFloatArray()).as(each.name()).doesNotContain(Float.NaN);
      TensorView gradient = like(each.first());
      each.backward().run(out, gradient, CallSettings.DEFAULT);
      long bytes = each.backwardBytes().of(out, gradient, CallSettings.DEFAULT);
      TensorView again = like(each.first());
      TensorView memory = TensorView.allocate(arena, DType.UINT8, Math.max(bytes, 1));
      CallSettings settings = CallSettings.DEFAULT.withWorkspace(Workspace.of(memory));
      each.backward().run(out, again, settings.withThreads(1));
      assertThat(again.toFloatArray()).as(each.name()).isEqualTo(gradient.toFloatArray());
      assertThat(gradient.toFloatArray()).as(each.name()).matches(CallShapeTest::hasOneThatIsNot0);
    }
  }

  private static boolean hasOneThatIsNot0(float[] values) {
    for (float value : values) {
      if (value != 0) {
        return true;
      }
    }
    return false;
  }

  /** Refused by Java: the tensor of the gradient that came is of no legal kind at all. */
  @Test
  @SuppressWarnings("NullAway") // null asks for no gradient
  void aBackwardPassThatIsAskedForNothingIsRefused() {
    for (Operator each : operators) {
      TensorView gradOut = TensorView.ofAddress(0, DType.INT64, Device.cuda(3), 0);
      String message = each.name() + "_backward: no gradient is asked for";
      refused(() -> each.backward().run(gradOut, null, CallSettings.DEFAULT), message);
      refused(() -> each.backwardBytes().of(gradOut, null, CallSettings.DEFAULT), message);
    }
  }

  @Test
  void aWrongOutIsNamed() {
    for (Operator each : operators) {
      String forward = each.name() + "_forward: out ";
      long[] shape = each.outShape();
      // The last size, the channels of channels-last maps and the columns of others, is never free.
      shape[shape.length - 1]++;
      TensorView wide = TensorView.allocate(arena, DType.FLOAT32, shape);
      refused(() -> each.forward().run(wide, CallSettings.DEFAULT), forward);
      TensorView scalar = TensorView.allocate(arena, DType.FLOAT32);
      refused(() -> each.forward().run(scalar, CallSettings.DEFAULT), forward);
      TensorView whole = TensorView.allocate(arena, DType.INT64, each.outShape());
      refused(() -> each.forward().run(whole, CallSettings.DEFAULT), forward);
      TensorView elsewhere =
          TensorView.ofAddress(4096, DType.FLOAT32, Device.cuda(0), each.outShape());
      assertThatThrownBy(() -> each.forward().run(elsewhere, CallSettings.DEFAULT))
          .as(each.name())
          .isInstanceOf(BevelException.class)
          .hasMessageContaining(forward);
      TensorView readOnly = each.allocateOut().get().asReadOnly();
      refused(() -> each.forward().run(readOnly, CallSettings.DEFAULT), forward);
      refused(() -> each.forward().run(each.first(), CallSettings.DEFAULT), "_forward: ");
    }
  }

  /** C's own names of arguments are not Java's: gradOut is grad_out there. */
  @Test
  void messagesUseJavasNames() {
    for (Operator each : operators) {
      TensorView out = each.allocateOut().get();
      TensorView wrong = TensorView.allocate(arena, DType.FLOAT32, 1, 1);
      for (Runnable call :
          List.<Runnable>of(
              () -> each.backward().run(wrong, like(each.first()), CallSettings.DEFAULT),
              () -> each.backward().run(out, wrong, CallSettings.DEFAULT))) {
        assertThatThrownBy(call::run)
            .as(each.name())
            .isInstanceOf(BevelException.class)
            .message()
            .startsWith(each.name() + "_backward: grad")
            .doesNotContain("grad_");
      }
    }
  }

  @Test
  void callsAllocateNothingOnTheJavaHeap() {
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    CallSettings settings = CallSettings.DEFAULT.withThreads(1);
    for (Operator each : operators) {
      TensorView out = each.allocateOut().get();
      long perCall = Long.MAX_VALUE;
      // The JIT compiler removes what does not escape; it gets some rounds to do so.
      for (int round = 0; round < 40 && perCall > 0; round++) {
        long before = bean.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 2_000; i++) {
          each.forward().run(out, settings);
        }
        perCall = (bean.getCurrentThreadAllocatedBytes() - before) / 2_000;
      }
      assertThat(perCall).as("bytes a call of %s", each.name()).isZero();
    }
  }

  @Test
  void tensorsForOutAreMadeOnTheCpuOnly() {
    TensorView value = TensorView.ofAddress(4096, DType.FLOAT32, Device.cuda(0), 1, 6, 2, 4);
    MsdaInputs onCuda =
        new MsdaInputs(
            value,
            ValueLevels.of(2, 3),
            TensorView.ofAddress(4096, DType.FLOAT32, Device.cuda(0), 1, 5, 2, 1, 3, 2),
            TensorView.ofAddress(4096, DType.FLOAT32, Device.cuda(0), 1, 5, 2, 1, 3));
    assertThat(Msda.outShape(onCuda)).containsExactly(1, 5, 8);
    assertThatThrownBy(() -> Msda.allocateOut(onCuda))
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("the inputs are on cuda:0: make one of [1, 5, 8] there");
    refused(
        () ->
            Msda.backward(
                onCuda, value, MsdaGradients.none().withValue(value), CallSettings.DEFAULT),
        "msda_backward: a call on CUDA needs a workspace");
  }

  /** Masks are bytes, 0 or not; LibTorch and others call them bool. */
  @Test
  void masksMayBeOfBytesOrOfBooleans() {
    int queries = 4;
    TensorView value = Operators.all(arena, open()).get(1).first();
    DeformAttnInputs all =
        new DeformAttnInputs(
            value,
            ValueLevels.of(2, 3),
            floats(1, 2, queries, 1, 2),
            floats(1, 1, queries, 2, 1, 3, 2),
            floats(1, 1, queries, 2, 1, 3));
    byte[] seen = {1, 0, 1, 1, 0, 0, 1, 0};
    float[] previous = null;
    for (DType dtype : List.of(DType.UINT8, DType.BOOL)) {
      TensorView visible = TensorView.allocate(arena, dtype, 1, 2, queries);
      visible.asByteBuffer().put(seen);
      DeformAttnInputs inputs = all.withVisible(visible);
      TensorView out = DeformAttn.allocateOut(inputs);
      DeformAttn.forward(inputs, out);
      float[] result = out.toFloatArray();
      assertThat(result).isEqualTo(previous == null ? result : previous);
      previous = result;

      PillarGrid grid = new PillarGrid(2, 3, 2, new PointRange(-9, -9, -2, 9, 9, 2));
      TensorView matrices =
          TensorView.copyOf(
              arena, new float[] {4, 0, 5, 0, 0, 4, 5, 0, 0, 0, 1, 3, 0, 0, 0, 1}, 1, 1, 4, 4);
      PointSamplingInputs pillars =
          PointSamplingInputs.of(grid, new PointSamplingInputs.Images(matrices, 9, 9));
      TensorView mask = TensorView.allocate(arena, dtype, 1, 1, 6, 2);
      PointSamplingOutputs asBytes = PointSampling.allocateOut(pillars);
      PointSampling.forward(pillars, asBytes.withMask(mask));
      TensorView same = TensorView.allocate(arena, dtype, 1, 1, 6);
      PointSampling.forward(pillars, PointSamplingOutputs.of(asBytes.reference(), same));
      assertThat(same.segment().mismatch(asBytes.visible().segment())).isEqualTo(-1);
    }
    TensorView words = TensorView.allocate(arena, DType.INT32, 1, 2, queries);
    refused(
        () -> DeformAttn.forward(all.withVisible(words), DeformAttn.allocateOut(all)),
        "deform_attn_forward: visible must be uint8");
  }

  private LiftSplatPlan open() {
    if (plan == null) {
      throw new AssertionError("makeInputs comes first");
    }
    return plan;
  }

  private TensorView floats(long... shape) {
    TensorView view = TensorView.allocate(arena, DType.FLOAT32, shape);
    for (long i = 0; i < view.elementCount(); i++) {
      view.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 5 / 5f);
    }
    return view;
  }

  /** As the package says: nothing else is thrown. */
  @Test
  void onlyDocumentedExceptionsAreMade() {
    Set<String> allowed =
        Set.of(
            "dev.bevel.kernels.BevelException",
            "java.lang.NullPointerException",
            "java.lang.IllegalStateException",
            "java.lang.WrongThreadException",
            "java.lang.AssertionError",
            "java.lang.MatchException"); // of a switch that knows all of an enum's constants
    Set<String> others = new TreeSet<>();
    for (JavaClass each :
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.bevel.kernels")) {
      if (each.getPackageName().endsWith(".loading")) {
        continue; // turns what it throws into BevelException itself
      }
      for (JavaConstructorCall call : each.getConstructorCallsFromSelf()) {
        if (call.getTargetOwner().isAssignableTo(Throwable.class)
            && !allowed.contains(call.getTargetOwner().getName())
            && !call.getOriginOwner().isAssignableTo(Throwable.class)) {
          others.add(call.getDescription());
        }
      }
    }
    assertThat(others).isEmpty();
  }
}
