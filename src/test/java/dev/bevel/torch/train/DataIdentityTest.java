package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.TinyNuScenes;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataIdentityTest {
  @TempDir private Path folder;

  private List<DetectionSample> samples(String name) {
    Path root = folder.resolve(name);
    new TinyNuScenes(root).write();
    NuScenes set = NuScenes.load(root);
    return set.samples().stream().map(sample -> DetectionSample.of(set, sample)).toList();
  }

  private static DetectionSample changed(DetectionSample s, String token, String scene, int boxes) {
    return new DetectionSample(
        token,
        scene,
        s.timestamp(),
        s.cameras(),
        s.lidar(),
        s.lidarToEgo(),
        s.egoToGlobal(),
        s.boxes().subList(0, boxes));
  }

  @Test
  void theFolderDoesNotMatterAllElseDoes() {
    List<DetectionSample> samples = samples("a");
    DataIdentity identity = DataIdentity.of(samples);
    assertThat(DataIdentity.of(samples("b"))).isEqualTo(identity);
    assertThat(identity.stamp()).matches("3 samples, sha256 [0-9a-f]{64}");

    DetectionSample first = samples.getFirst();
    List<DetectionSample> rest = samples.subList(1, 3);
    int boxes = first.boxes().size();
    List<List<DetectionSample>> others = new ArrayList<>();
    others.add(rest);
    others.add(samples.reversed());
    for (DetectionSample other :
        List.of(
            changed(first, first.token() + "x", first.sceneName(), boxes),
            changed(first, first.token(), first.sceneName() + "x", boxes),
            changed(first, first.token() + first.sceneName(), "", boxes),
            changed(first, first.token(), first.sceneName(), boxes - 1))) {
      List<DetectionSample> all = new ArrayList<>(List.of(other));
      all.addAll(rest);
      others.add(all);
    }
    Set<DataIdentity> different = new HashSet<>(Set.of(identity));
    others.forEach(other -> assertThat(different.add(DataIdentity.of(other))).isTrue());
  }

  /** As many samples as the largest public set has, and longer tokens: no time to speak of. */
  @Test
  void manySamplesTakeLinearTime() {
    DetectionSample one = samples("a").getFirst();
    List<DetectionSample> many = Collections.nCopies(30_000, one);
    long start = System.nanoTime();
    assertThat(DataIdentity.of(many).stamp()).startsWith("30000 samples");
    assertThat((System.nanoTime() - start) * 1e-9).isLessThan(20);
  }
}
