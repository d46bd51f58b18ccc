package dev.bevel.bench.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.validation.Allowance;
import dev.bevel.nuscenes.validation.DataSetValidator;
import dev.bevel.nuscenes.validation.FileScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyntheticDataSetTest {
  private static final SyntheticSize TWO_SCENES = SyntheticSize.trainval(2 / 850.0);

  @TempDir Path folder;

  private static List<Path> files(Path root) throws IOException {
    try (Stream<Path> walk = Files.walk(root)) {
      return walk.filter(Files::isRegularFile).map(root::relativize).sorted().toList();
    }
  }

  @Test
  void fullSizesAreThePublishedCounts() {
    SyntheticSize all = SyntheticSize.trainval(1);
    assertThat(all).isEqualTo(new SyntheticSize(850, 34_149, 2_631_083, 1_166_187, 64_386, 68));
    assertThat(SyntheticSize.val(1).samples()).isEqualTo(6_019);
    assertThat(SyntheticSize.val(1).annotations()).isEqualTo(187_528);
    assertThat(SyntheticSize.trainval(0.25).scenes()).isEqualTo(213);
    assertThat(SyntheticSize.trainval(1e-9).scenes()).isEqualTo(1);
    int samples = IntStream.range(0, 850).map(i -> all.ofScene(all.samples(), i)).sum();
    assertThat(samples).isEqualTo(34_149);
    for (double fraction : new double[] {0, -1, 1.001, Double.NaN}) {
      assertThatThrownBy(() -> SyntheticSize.val(fraction)).hasMessageContaining("at most 1");
    }
  }

  @Test
  void partsAddUpToTheTotal() {
    assertThat(SyntheticSize.apportion(10, new double[] {1, 1, 1, 1})).containsExactly(3, 2, 3, 2);
    assertThat(SyntheticSize.apportion(78, new double[] {12, 20, 13})).containsExactly(21, 34, 23);
    assertThat(SyntheticSize.apportion(0, new double[] {1, 2})).containsExactly(0, 0);
  }

  @Test
  void oneSeedGivesOneSetOfBytes() throws IOException {
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    Path other = folder.resolve("other");
    for (Path root : List.of(first, second, other)) {
      SyntheticDataSet.writeWithSubmission(
          root, TWO_SCENES, root == other ? 8 : 7, root.resolve("results.json"));
    }
    assertThat(files(first)).hasSize(15).isEqualTo(files(second)).isEqualTo(files(other));
    for (Path file : files(first)) {
      assertThat(first.resolve(file)).hasSameBinaryContentAs(second.resolve(file));
    }
    for (String file : List.of("v1.0-synthetic/sample_annotation.json", "results.json")) {
      assertThat(Files.mismatch(first.resolve(file), other.resolve(file))).isNotNegative();
    }
  }

  /**
   * References, chains, key frames, mountings, motions and visibility; sensor files there are none.
   */
  @Test
  void theIndependentValidatorAcceptsTheTables() throws InterruptedException {
    SyntheticDataSet.write(folder, TWO_SCENES, 7);
    var report =
        DataSetValidator.of(folder)
            .files(FileScope.MAPS)
            .allowing(Set.of(Allowance.MISSING_FILES))
            .validate();
    assertThat(report.findings()).isEmpty();
    assertThat(report.isAccepted()).isTrue();
  }

  @Test
  void theTablesLoadAndLookLikeRealOnes() throws IOException {
    SyntheticDataSet.write(folder, TWO_SCENES, 7);
    NuScenes set = NuScenes.load(folder);
    assertThat(set.scenes()).hasSize(TWO_SCENES.scenes());
    assertThat(set.samples()).hasSize(TWO_SCENES.samples());
    assertThat(set.tables().sampleData()).hasSize(TWO_SCENES.sampleData());
    assertThat(set.tables().egoPoses()).hasSize(TWO_SCENES.sampleData());
    assertThat(set.tables().annotations()).hasSize(TWO_SCENES.annotations());
    assertThat(set.tables().instances()).hasSize(TWO_SCENES.instances());
    assertThat(set.tables().calibratedSensors()).hasSize(24);
    assertThat(Splits.scenes(set, SyntheticDataSet.SPLIT)).hasSize(2);
    int known = 0;
    for (Sample sample : set.samples()) {
      assertThat(set.keyFrames(sample)).hasSize(12);
      for (SampleAnnotation annotation : set.annotations(sample)) {
        known += Double.isFinite(set.globalBox(annotation).speed()) ? 1 : 0;
      }
    }
    assertThat(known).isGreaterThan(TWO_SCENES.annotations() * 95 / 100);
    assertThat(set.detectionClass(set.tables().annotations().values().iterator().next()))
        .isNotNull();
    String poses = Files.readString(folder.resolve("v1.0-synthetic/ego_pose.json"));
    String number = "-?\\d+\\.\\d+(E-\\d+)?";
    assertThat(poses)
        .matches(
            "(?s)\\[\n\\{\n\"token\": \"[0-9a-f]{32}\",\n\"timestamp\": \\d{16},\n"
                + String.format(
                    Locale.ROOT,
                    "\"rotation\": \\[\n(%s,\n){3}%s\n\\],\n\"translation\": \\[\n(%s,\n){2}0\\.0\n\\]\n",
                    number,
                    number,
                    number)
                + "\\},\n\\{.*\\}\n\\]");
  }

  @Test
  void aSetThatIsThereIsNotOverwritten() throws IOException {
    Files.createDirectories(folder.resolve("v1.0-synthetic/notes"));
    assertThatThrownBy(() -> SyntheticDataSet.write(folder, TWO_SCENES, 7))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("v1.0-synthetic is there already");
    assertThat(files(folder)).isEmpty();
    assertThat(folder.resolve("v1.0-synthetic/notes")).isDirectory();
  }
}
