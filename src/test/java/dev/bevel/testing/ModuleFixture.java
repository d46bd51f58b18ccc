package dev.bevel.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A module that an upstream project was asked: inputs, its state, and what it gave. Tensors stand
 * as {@code {"shape": [..], "data": [..]}}.
 *
 * @param root the whole file
 */
public record ModuleFixture(JsonNode root) {
  /** Reads {@code module-fixtures/NAME.json}; skips the test where there is no test data. */
  public static ModuleFixture read(String name) throws IOException {
    return new ModuleFixture(
        new ObjectMapper()
            .readTree(TestData.require("module-fixtures/" + name + ".json").toFile()));
  }

  /** A tensor, float32. */
  public Tensor tensor(String name) {
    return tensor(root.required(name));
  }

  /** The tensors of an object by name, float32. */
  public Map<String, Tensor> tensors(String name) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    root.required(name)
        .properties()
        .forEach(each -> all.put(each.getKey(), tensor(each.getValue())));
    return all;
  }

  private static Tensor tensor(JsonNode node) {
    long[] shape = new long[node.required("shape").size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = node.get("shape").get(i).asLong();
    }
    JsonNode data = node.required("data");
    double[] values = new double[data.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = data.get(i).asDouble();
    }
    return Tensors.of(values, shape).to(ScalarType.Float);
  }
}
