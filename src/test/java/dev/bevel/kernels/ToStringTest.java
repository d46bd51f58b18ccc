package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is printed in a debugger or a log tells shapes and settings, and stays short. */
class ToStringTest {
  @Test
  void everyObjectTellsWhatItIs() throws Exception {
    List<String> faults = new ArrayList<>();
    int checked = 0;
    try (PublicObjects objects = new PublicObjects()) {
      for (Class<?> type : PublicObjects.classes()) {
        if (objects.find(type).isPresent()) {
          checked++;
          String text = objects.find(type).get().toString();
          if (text.contains("@") || text.length() > 900 || text.isBlank()) {
            faults.add(type + ": " + text);
          }
        }
      }
    }
    assertThat(faults).isEmpty();
    assertThat(checked).isGreaterThan(35);
  }

  @Test
  void shapesAndSettings() throws Exception {
    try (PublicObjects objects = new PublicObjects();
        Arena arena = Arena.ofConfined();
        Workspace workspace = Workspace.cpu()) {
      LiftSplatPlan plan = (LiftSplatPlan) objects.find(LiftSplatPlan.class).orElseThrow();
      assertThat(plan.toString())
          .startsWith("LiftSplatPlan[depth=[1, 1, 2, 2, 2], grid=BevGrid[x=Axis[")
          .endsWith("device=cpu]");
      TensorView view = TensorView.allocate(arena, DType.FLOAT32, 1, 1, 2, 2, 2);
      assertThat(new LiftSplatInputs(plan, view, view).toString())
          .startsWith("LiftSplatInputs[plan=LiftSplatPlan[depth=[1, 1, 2, 2, 2], ")
          .contains("depth=float32[1, 1, 2, 2, 2] on cpu, context=float32[1, 1, 2, 2, 2] on cpu")
          .contains("depthKind=LOGITS, contextLayout=CHANNELS_FIRST, outLayout=CHANNELS_FIRST]")
          .doesNotContain("prior", "null");
      assertThat(CallSettings.DEFAULT).hasToString("CallSettings[determinism=STRICT]");
      assertThat(CallSettings.DEFAULT.withThreads(3).withStream(16).withWorkspace(workspace))
          .hasToString(
              "CallSettings[stream=0x10, threads=3, workspace=Workspace[kind=growable, bytes=0],"
                  + " determinism=STRICT]");
      plan.close();
      assertThat(plan.toString()).endsWith("device=cpu, closed=true]");
    }
  }
}
