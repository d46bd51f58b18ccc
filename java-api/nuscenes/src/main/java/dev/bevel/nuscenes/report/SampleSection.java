package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleData;
import dev.bevel.nuscenes.draw.SamplePictures;
import dev.bevel.nuscenes.evaluation.DetectionMatch;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
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
        String.format(
            Locale.ROOT,
            """
        Samples are ranked by F1, the harmonic mean of precision and recall over all classes, of \
        detections with a score of at least %s, matched at 2 m as the benchmark does. The threshold \
        is the one at which the F1 of the whole split is best. Of equals, those with more objects \
        come first.""",
            Figures.fixed(threshold, 3)),
        "class",
        "note");
    List<SampleScore> shown = scores.stream().filter(this::hasImages).toList();
    if (shown.size() < scores.size()) {
      html.element(
          "p",
          String.format(
              Locale.ROOT,
              "The images of %d of %s are there; of the others there are no pictures.",
              shown.size(),
              Counted.of(scores.size(), "sample")),
          "class",
          "absent");
    }
    List<SampleScore> ranked = shown.isEmpty() ? scores : shown;
    int most = Math.min(COUNT, (ranked.size() + 1) / 2);
    writeList(html, "Best samples", ranked.subList(0, most));
    writeList(
        html,
        "Worst samples",
        ranked.subList(most, ranked.size()).stream()
            .sorted(SampleScore.WORST_FIRST)
            .limit(COUNT)
            .toList());
  }

  private boolean hasImages(SampleScore score) {
    Map<String, SampleData> files = nuScenes.keyFrames(sample(score));
    return DetectionSample.CAMERA_ORDER.stream()
        .allMatch(
            channel -> {
              SampleData file = files.get(channel);
              return file != null && Files.exists(nuScenes.path(file));
            });
  }

  private Sample sample(SampleScore score) {
    return nuScenes.sample(Optional.ofNullable(tokens.get(score.sample())).orElseThrow());
  }

  private void writeList(Html html, String title, List<SampleScore> list) {
    html.element("h3", title);
    if (list.isEmpty()) {
      html.element("p", "There are no further samples.", "class", "absent");
    }
    list.forEach(score -> writeSample(html, score));
  }

  private void writeSample(Html html, SampleScore score) {
    Sample sample = sample(score);
    String scene = nuScenes.scene(sample).name();
    html.open("article")
        .element("h4", scene + ", sample " + sample.token())
        .element(
            "p",
            String.format(
                Locale.ROOT,
                "F1 %s: %d of %s found by %s.",
                Figures.fixed(score.f1(), 3),
                score.found(),
                Counted.of(score.truths(), "object"),
                Counted.of(score.detections(), "detection")));
    if (hasImages(score)) {
      writePictures(html, sample, scene);
    }
    html.close("article");
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
