package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.Operators.Operator;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Scratch memory from an allocator of the caller. */
class WorkspaceTest {
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

  private TensorView bytes(long size) {
    return TensorView.allocate(arena, DType.UINT8, size);
  }

  private TensorView gradient(Operator operator) {
    TensorView view =
        TensorView.allocate(arena, operator.first().dtype(), operator.first().shape());
    view.segment().fill((byte) 0x55);
    return view;
  }

  /** A result that backward can start from. */
  private static TensorView gradOut(Operator operator) {
    TensorView out = operator.allocateOut().get();
    operator.forward().run(out, CallSettings.DEFAULT);
    return out;
  }

  private static CallSettings with(LongFunction<TensorView> allocator) {
    return CallSettings.DEFAULT.withThreads(1).withWorkspace(Workspace.from(allocator));
  }

  @Test
  void aCallAsksForWhatItNeedsOnce() {
    for (Operator each : operators) {
      TensorView gradOut = gradOut(each);
      TensorView expected = gradient(each);
      each.backward().run(gradOut, expected, CallSettings.DEFAULT);
      List<Long> asked = new ArrayList<>();
      CallSettings settings =
          with(
              size -> {
                asked.add(size);
                return bytes(size);
              });
      TensorView actual = gradient(each);
      each.backward().run(gradOut, actual, settings);
      each.backward().run(gradOut, actual, settings);
      assertThat(actual.toFloatArray()).as(each.name()).isEqualTo(expected.toFloatArray());
      long needed = Math.max(64, each.backwardBytes().of(gradOut, actual, settings));
      assertThat(asked).as(each.name()).containsExactly(needed, needed);
    }
  }

  @Test
  void whatIsNoScratchMemoryIsRefusedAndNothingIsWritten() {
    Map<String, LongFunction<@Nullable TensorView>> faults = new LinkedHashMap<>();
    faults.put("the workspace's allocator returned null", size -> null);
    faults.put(
        "the workspace's memory must be compact uint8",
        size -> TensorView.allocate(arena, DType.INT32, size));
    faults.put(
        "aligned to 64 bytes",
        size -> {
          MemorySegment shifted = arena.allocate(size + 64, 64).asSlice(16, size);
          return TensorView.of(shifted, DType.UINT8, size);
        });
    faults.put("workspace must have ", size -> bytes(size - 1));
    faults.put(
        "of the allocator's own",
        size -> {
          throw new IllegalStateException("of the allocator's own");
        });
    for (Operator each : operators) {
      TensorView gradOut = gradOut(each);
      for (Map.Entry<String, LongFunction<@Nullable TensorView>> fault : faults.entrySet()) {
        TensorView untouched = gradient(each);
        assertThatThrownBy(
                () -> each.backward().run(gradOut, untouched, withFaulty(fault.getValue())))
            .as("%s, %s", each.name(), fault.getKey())
            .hasMessageContaining(fault.getKey());
        byte[] memory = untouched.segment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        byte[] before = new byte[memory.length];
        Arrays.fill(before, (byte) 0x55);
        assertThat(memory).as(each.name()).isEqualTo(before);
      }
      TensorView gradient = gradient(each);
      each.backward().run(gradOut, gradient, CallSettings.DEFAULT);
      assertThat(gradient.toFloatArray())
          .as(each.name())
          .isNotEqualTo(gradient(each).toFloatArray());
    }
  }

  @SuppressWarnings("NullAway") // an allocator that breaks its contract
  private static CallSettings withFaulty(LongFunction<@Nullable TensorView> allocator) {
    return with(allocator::apply);
  }

  /** The arguments of a call lie in memory of its thread: a call within would overwrite them. */
  @Test
  void anAllocatorThatCallsAnOperatorIsRefused() {
    Operator each = operators.getFirst();
    TensorView gradOut = gradOut(each);
    CallSettings settings =
        with(
            size -> {
              each.forward().run(each.allocateOut().get(), CallSettings.DEFAULT);
              return bytes(size);
            });
    assertThatThrownBy(() -> each.backward().run(gradOut, gradient(each), settings))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(each.name() + "_backward is being called on this thread")
        .hasMessageContaining("must call no operator");
    each.backward().run(gradOut, gradient(each), CallSettings.DEFAULT);
  }

  /** A buffer that cannot be freed is told once, and the thread goes on. */
  @Test
  void anOwnerThatFailsToLetGoSpoilsNoLaterCall() {
    anOwnerThrows(
        () -> {
          throw new IllegalStateException("the buffer cannot be freed");
        });
    anOwnerThrows(
        () -> {
          throw new AssertionError("the buffer cannot be freed");
        });
  }

  private void anOwnerThrows(Runnable end) {
    Operator each = operators.getFirst();
    TensorView gradOut = gradOut(each);
    TensorView expected = gradient(each);
    each.backward().run(gradOut, expected, CallSettings.DEFAULT);
    SharedResource owner = new SharedResource("the buffer", end);
    TensorView owned = gradOut.ownedBy(owner);
    CallSettings settings =
        with(
            size -> {
              owner.close(); // the call is the last to use it
              return bytes(size);
            });
    assertThatThrownBy(() -> each.backward().run(owned, gradient(each), settings))
        .hasMessageContaining("the buffer cannot be freed");
    TensorView again = gradient(each);
    each.backward().run(gradOut, again, CallSettings.DEFAULT);
    assertThat(again.toFloatArray()).isEqualTo(expected.toFloatArray());
  }

  @Test
  void itHoldsNothingAndSaysWhatItIs() {
    Workspace workspace = Workspace.from(this::bytes);
    assertThat(workspace.byteSize()).isZero();
    assertThat(workspace).hasToString("Workspace[kind=allocated, bytes=0]");
    workspace.close();
    Operator each = operators.getFirst();
    CallSettings settings = CallSettings.DEFAULT.withWorkspace(workspace);
    assertThatThrownBy(() -> each.backward().run(gradOut(each), gradient(each), settings))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the workspace is closed");
  }
}
