package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.draw.SamplePictures;
import dev.bevel.nuscenes.evaluation.DetectionMatch;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The samples that the detector does best and worst on, with pictures. */
final class SampleSection {
  /** Samples of each kind. */
  private static final int COUNT = 3;

  private static final int CAMERAS_WIDTH = 1400;
  private static final int BEV_WIDTH = 1000;

  private final NuScenes nuScenes;
  private final Submission submission;
  private final Map<Integer, String> tokens = new HashMap<>();
  private final List<SampleScore> scores;
  private final double threshold;

  SampleSection(
      NuScenes nuScenes, EvaluationSet set, Submission submission, List<DetectionMatch> matches) {
    this.nuScenes = nuScenes;
    this.submission = submission;
    set.tokens().forEach(token -> tokens.put(set.index(token).orElseThrow(), token));
    threshold = SampleScore.bestThreshold(matches);
    scores = SampleScore.of(set.samples(), matches, threshold);
  }

  void write(Html html) {
    html.element(
        "p",
        """
        Samples are ranked by F1, the harmonic mean of precision and recall over all classes, of \
        detections with a score of at least %s, matched at 2 m as the benchmark does. The threshold \
        is the one at which the F1 of the whole split is best. Of equals, those with more objects \
        come first."""
            .formatted(Figures.fixed(threshold, 3)),
        "class",
        "note");
    int most = Math.min(COUNT, scores.size() / 2 + scores.size() % 2);
    List<SampleScore> best = scores.subList(0, most);
    List<SampleScore> worst =
        scores.subList(most, scores.size()).stream()
            .sorted(
                Comparator.comparingDouble((SampleScore score) -> score.f1())
                    .thenComparing(Comparator.comparingInt(SampleScore::truths).reversed()))
            .limit(COUNT)
            .toList();
    writeList(html, "Best samples", best);
    writeList(html, "Worst samples", worst);
  }

  private void writeList(Html html, String title, List<SampleScore> list) {
    html.element("h3", title);
    if (list.isEmpty()) {
      html.element("p", "There are no further samples.", "class", "absent");
    }
    list.forEach(score -> writeSample(html, score));
  }

  private void writeSample(Html html, SampleScore score) {
    Sample sample = nuScenes.sample(Optional.ofNullable(tokens.get(score.sample())).orElseThrow());
    String scene = nuScenes.scene(sample).name();
    html.open("article")
        .element("h4", scene + ", sample " + sample.token())
        .element(
            "p",
            "F1 %s: %d of %d objects found by %d detections."
                .formatted(
                    Figures.fixed(score.f1(), 3),
                    score.found(),
                    score.truths(),
                    score.detections()));
    Optional<Path> missing = missingImage(sample);
    if (missing.isPresent()) {
      html.element(
          "p", "No pictures: image " + missing.get() + " does not exist.", "class", "absent");
    } else {
      writePictures(html, sample, scene);
    }
    html.close("article");
  }

  private Optional<Path> missingImage(Sample sample) {
    return DetectionSample.of(nuScenes, sample).cameras().stream()
        .map(camera -> camera.image())
        .filter(image -> !Files.exists(image))
        .findFirst();
  }

  private void writePictures(Html html, Sample sample, String scene) {
    List<EvaluationBox> boxes =
        submission.boxes().stream()
            .filter(box -> sample.token().equals(tokens.get(box.sample())))
            .toList();
    SamplePictures pictures = new SamplePictures(nuScenes, sample).withDetections(boxes, threshold);
    String of = " of sample " + sample.token() + " of " + scene;
    Jpeg.write(
        html,
        pictures.cameras(),
        CAMERAS_WIDTH,
        "The camera images" + of + " with ground truth (thin) and detections (bold)");
    Jpeg.write(
        html,
        pictures.bev(),
        BEV_WIDTH,
        "View from above" + of + ": LiDAR points, ground truth (filled), detections (outlined)");
    pictures.missing().forEach(what -> html.element("p", what + ".", "class", "note"));
  }
}
