package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.io.SafeTensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** Weights that are finite and of which no box can come: an error, not an empty street. */
@SuppressWarnings("try") // scopes are there to be closed
class OverflowingWeightsTest extends CommandTestCase {
  @Test
  void detectFailsAndNamesTheMap() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path good = checkpoint();
    out = folder.resolve("detected");
    Map<String, double[]> biases =
        Map.of(
            "dim", new double[] {200, -200, 3e38},
            "reg", new double[] {1e30, -1e4},
            "height", new double[] {-1e30, 1e4});
    for (Map.Entry<String, double[]> each : biases.entrySet()) {
      for (double bias : each.getValue()) {
        String what = each.getKey() + " bias " + bias;
        assertThat(detect(changed(good, each.getKey(), bias), "--overwrite")).as(what).isEqualTo(1);
        assertThat(error)
            .as(what)
            .contains("bevel: sample ")
            .contains("candidates of task 0 [")
            .contains("are no boxes: the head's " + each.getKey() + " decodes to ")
            .contains("with these weights the network overflows");
      }
    }
    assertThat(detect(changed(good, "heatmap", 3), "--overwrite")).as(error).isZero();
  }

  /** A checkpoint whose last biases of one map have a value, and that is sure of every cell. */
  private Path changed(Path checkpoint, String map, double bias) throws IOException {
    Path file = folder.resolve("changed.safetensors");
    try (TensorScope scope = TensorScope.open()) {
      SafeTensors.Contents contents = SafeTensors.read(checkpoint);
      Map<String, Tensor> tensors = new LinkedHashMap<>(contents.tensors());
      int count = fill(tensors, "heatmap", 3) + fill(tensors, map, bias);
      assertThat(count).isGreaterThanOrEqualTo(2);
      SafeTensors.write(file, tensors, contents.metadata());
    }
    return file;
  }

  private static int fill(Map<String, Tensor> tensors, String map, double value) {
    int count = 0;
    for (Map.Entry<String, Tensor> each : tensors.entrySet()) {
      if (each.getKey().endsWith("." + map + ".1.bias")
          && !each.getKey().startsWith("optimizer.")) {
        each.setValue(each.getValue().clone().fill_(new Scalar(value)));
        count++;
      }
    }
    return count;
  }
}
