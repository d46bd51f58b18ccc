package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.draw.BevPicture;
import dev.bevel.nuscenes.draw.SceneTracks;
import dev.bevel.nuscenes.draw.SceneTracks.Place;
import dev.bevel.testing.TestData;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.joml.Vector3d;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SceneTracksTest {
  @TempDir Path root;

  private static void assertAt(Place place, double x, double y) {
    assertThat(place.x()).isCloseTo(x, within(1e-6));
    assertThat(place.y()).isCloseTo(y, within(1e-6));
  }

  @Test
  void pastAndFutureMeetInThePresent() {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    DetectionSample sample = DetectionSample.of(set, set.sample("sample-1"));
    SceneTracks tracks = SceneTracks.of(set, set.sample("sample-1"));
    assertThat(tracks.objects()).hasSize(3);
    SceneTracks.Track car = tracks.objects().getFirst();
    assertThat(car.detectionClass()).contains(DetectionClass.CAR);
    assertThat(tracks.objects().get(1).detectionClass()).isEqualTo(Optional.empty());
    Box3d box = sample.boxes().getFirst().box();
    assertThat(car.past()).hasSize(2);
    assertThat(car.future()).hasSize(2);
    assertAt(car.past().getLast(), box.x(), box.y());
    assertAt(car.future().getFirst(), box.x(), box.y());
    assertAt(car.future().getLast(), box.x() + box.vx() / 2, box.y() + box.vy() / 2);
    assertAt(car.past().getFirst(), box.x() - box.vx() / 2, box.y() - box.vy() / 2);
    assertAt(tracks.ego().past().getLast(), 0, 0);
    Vector3d back = sample.egoToGlobal().inverse().transform(100, 50, 0);
    assertAt(tracks.ego().past().getFirst(), back.x, back.y);
    // The first key frame has no past, the last no future.
    assertThat(SceneTracks.of(set, set.sample("sample-0")).ego().past()).hasSize(1);
    assertThat(SceneTracks.of(set, set.sample("sample-2")).ego().future()).hasSize(1);
  }

  @Test
  void placesFarBeyondThePictureDoNotHoldItUp() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.record("sample_annotation", 0).put("translation", List.of(9e8, -9e8, 0.0));
    tiny.record("sample_annotation", 2).put("size", List.of(1e9, 1e9, 1e9));
    NuScenes set = NuScenes.load(tiny.write().root);
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> {
          for (int s = 0; s < 3; s++) {
            var record = set.sample("sample-" + s);
            new BevPicture(DetectionSample.of(set, record))
                .withTracks(SceneTracks.of(set, record))
                .draw();
          }
        });
  }

  @Test
  void realTracksAreDrawn() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-mini-val"));
    var record = set.sample("3950bd41f74548429c0f7700ff3d8269");
    SceneTracks tracks = SceneTracks.of(set, record);
    DetectionSample sample = DetectionSample.of(set, record);
    assertThat(tracks.objects()).hasSize(sample.boxes().size());
    assertThat(tracks.ego().past().size() + tracks.ego().future().size())
        .isEqualTo(set.scene(record).sampleCount() + 1);
    BufferedImage without = new BevPicture(sample).draw();
    BufferedImage with = new BevPicture(sample).withTracks(tracks).draw();
    // A key frame to come, 15 m ahead or more: there is nothing else on the ego car's way.
    Place ahead = tracks.ego().future().stream().filter(p -> p.x() > 15).findFirst().orElseThrow();
    int x = (int) (700 - ahead.y() * 1400 / 108);
    int y = (int) (700 - ahead.x() * 1400 / 108);
    assertThat(with.getRGB(x + 2, y)).isNotEqualTo(without.getRGB(x + 2, y));
  }
}
