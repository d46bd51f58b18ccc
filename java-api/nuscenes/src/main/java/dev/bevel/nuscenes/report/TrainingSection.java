package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.Counted;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What was trained on what, and how the losses went. */
final class TrainingSection {
  private TrainingSection() {}

  static void write(Html html, RunFolder run, RunStages stages) {
    html.open("section", "id", "training").element("h2", "Training");
    run.training()
        .ifPresentOrElse(
            training -> writeRun(html, training),
            () -> html.element("p", "run.json says nothing of a training.", "class", "absent"));
    if (Files.exists(run.history())) {
      TrainingHistory history = TrainingHistory.read(run.history());
      RunStages.write(html, stages.ofHistory(history));
      writeHistory(html, history);
    } else {
      html.element(
          "p", "There is no history.csv, so there are no curves of a training.", "class", "absent");
    }
    html.close("section");
  }

  private static void writeRun(Html html, RunFolder.Training training) {
    html.open("dl");
    entry(html, "Configuration", training.config());
    entry(html, "Data", training.data() + ", " + training.version());
    entry(html, "Split", Optional.ofNullable(training.split()).orElse("all samples there are"));
    entry(html, "Steps", Long.toString(training.steps()));
    entry(html, "Seed", Long.toString(training.seed()));
    html.close("dl");
  }

  static void entry(Html html, String name, String value) {
    html.open("div").element("dt", name).element("dd", value).close("div");
  }

  private static void writeHistory(Html html, TrainingHistory history) {
    if (history.rows().isEmpty()) {
      html.element("p", "history.csv has no steps yet.", "class", "absent");
      return;
    }
    double[] last = history.rows().getLast();
    double seconds = last[1];
    html.element(
        "p",
        String.format(
            Locale.ROOT,
            "%s in %s, the last with a loss of %s.",
            Counted.of((long) last[0], "step"),
            duration(seconds),
            Figures.fixed(last[3], 4)));
    double[] steps = Smoothing.means(history.column("step"));
    html.open("div", "class", "charts");
    LineChart losses = new LineChart("Loss and its terms by step", "step", "loss", 320);
    losses.curve("loss", steps, Smoothing.means(history.column("loss")));
    if (history.terms().size() > 1) {
      for (String term : history.terms()) {
        losses.curve(term, steps, Smoothing.means(history.column(term)));
      }
    }
    losses.writeTo(html);
    double[] rates = Smoothing.means(history.column("learning_rate"));
    new LineChart("Learning rate by step", "step", "learning rate", 320)
        .axes(Axis.around(List.of(steps), true), Axis.around(List.of(rates), true))
        .curve("learning rate", steps, rates)
        .writeTo(html);
    html.close("div");
    if (history.rows().size() > Smoothing.POINTS) {
      html.element(
          "p",
          String.format(
              Locale.ROOT,
              "Each of the %d points of a curve is the mean of about %s.",
              Smoothing.POINTS,
              Counted.of(Math.round(history.rows().size() / (double) Smoothing.POINTS), "step")),
          "class",
          "note");
    }
    writeEnds(html, history);
  }

  private static String duration(double seconds) {
    if (!Double.isFinite(seconds) || seconds < 120) {
      return Figures.fixed(seconds, 1) + " s";
    }
    return seconds < 7200
        ? Figures.fixed(seconds / 60, 1) + " min"
        : Figures.fixed(seconds / 3600, 1) + " h";
  }

  /** The curves' ends in figures, for those who cannot see them. */
  private static void writeEnds(Html html, TrainingHistory history) {
    Table.open(
        html, "Losses at the beginning and at the end", List.of("", "first step", "last step"));
    for (String column :
        history
            .columns()
            .subList(TrainingHistory.FIRST_COLUMNS.indexOf("loss"), history.columns().size())) {
      double[] values = history.column(column);
      Table.row(
          html,
          column,
          List.of(Figures.fixed(values[0], 4), Figures.fixed(values[values.length - 1], 4)));
    }
    Table.close(html);
  }
}
