package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.NamedModules;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every tensor of the upstream networks has its counterpart of the same name, shape, kind and
 * dtype.
 */
class StateDictTest {
  private static final Map<ScalarType, String> DTYPES =
      Map.of(ScalarType.Float, "float32", ScalarType.Long, "int64");

  private record Entry(String shape, String kind, String dtype) {}

  /**
   * BEVDet's first version stores its grid constants as parameters that are not trained; here they
   * are buffers.
   */
  private static final Set<String> CONSTANTS_STORED_AS_PARAMETERS =
      Set.of(
          "img_view_transformer.dx",
          "img_view_transformer.bx",
          "img_view_transformer.nx",
          "img_view_transformer.frustum");

  @Test
  void bevDet() throws IOException {
    compare("bevdet-r50", "bevdet_v1_r50", CONSTANTS_STORED_AS_PARAMETERS, 722);
  }

  @Test
  void bevDetDev2() throws IOException {
    compare("bevdet-dev2-r50-cbgs", "bevdet_dev2_r50_cbgs", Set.of(), 478);
  }

  @Test
  void bevDepth() throws IOException {
    compare("bevdepth-r50-256x704", "bevdepth_megvii_r50_1key", Set.of(), 861);
  }

  /** The image backbone of BEVFormer and of DETR3D, with the conv_offsets of its DCN stages. */
  @ParameterizedTest
  @ValueSource(strings = {"bevformer_base_img_backbone", "detr3d_r101_img_backbone"})
  void deformableResNet101(String list) throws IOException {
    Map<String, Entry> expected = read(list);
    assertThat(expected).hasSize(676);
    try (TensorScope scope = TensorScope.open();
        Initializer init = Initializer.seeded(1);
        ResNet network = new ResNet(ResNet.Settings.deformable101(), init)) {
      assertThat(TensorScope.current()).isSameAs(scope);
      NamedModules root = new NamedModules();
      root.add("img_backbone", network);
      compare(root, expected, Set.of());
    }
  }

  private static void compare(String config, String list, Set<String> otherKind, int count)
      throws IOException {
    Map<String, Entry> expected = read(list);
    assertThat(expected).hasSize(count);
    assertThat(expected.keySet()).containsAll(otherKind);
    DetectorConfig detectorConfig = DetectorConfig.load(config);
    try (TensorScope scope = TensorScope.open();
        Detector detector =
            Detector.create(
                detectorConfig, 1, new ComposedViewPooling(FrustumSpec.of(detectorConfig)))) {
      assertThat(TensorScope.current()).isSameAs(scope);
      compare(detector, expected, otherKind);
    }
  }

  private static void compare(Module module, Map<String, Entry> expected, Set<String> otherKind) {
    Map<String, Entry> actual = new LinkedHashMap<>();
    module.namedParameters().forEach((name, tensor) -> actual.put(name, entry(tensor, "param")));
    module.namedBuffers().forEach((name, tensor) -> actual.put(name, entry(tensor, "buffer")));
    assertThat(actual.keySet()).containsExactlyInAnyOrderElementsOf(expected.keySet());
    expected.forEach(
        (name, wanted) ->
            assertThat(actual.get(name))
                .as(name)
                .isEqualTo(
                    new Entry(
                        wanted.shape,
                        otherKind.contains(name) ? "buffer" : wanted.kind,
                        wanted.dtype)));
  }

  private static Entry entry(Tensor tensor, String kind) {
    return new Entry(
        Arrays.toString(tensor.shape()),
        kind,
        Objects.requireNonNull(DTYPES.get(tensor.scalar_type().intern())));
  }

  private static Map<String, Entry> read(String list) throws IOException {
    Map<String, Entry> entries = new LinkedHashMap<>();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(
                    StateDictTest.class.getResourceAsStream("/state-dicts/" + list + ".txt")),
                StandardCharsets.UTF_8))) {
      List<String> lines =
          reader.lines().filter(line -> !line.startsWith("#") && !line.isBlank()).toList();
      for (String line : lines) {
        String[] fields = line.split("\t", -1);
        entries.put(fields[0], new Entry(fields[1], fields[2], fields[3]));
      }
    }
    return entries;
  }
}
