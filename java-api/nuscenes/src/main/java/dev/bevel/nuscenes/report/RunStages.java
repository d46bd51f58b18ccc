package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.PathFaults;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Whether the parts of a run are of one stage of it: a training goes on after its detections were
 * evaluated, detections are found anew, and each command replaces its own files only. What is of
 * another stage is told.
 */
final class RunStages {
  private final Optional<RunFolder.Training> training;
  private final Optional<RunFolder.Detector> detector;
  private final Optional<RunFolder.Evaluation> evaluation;
  private final boolean resultsChanged;

  private RunStages(RunFolder run) {
    training = run.training();
    detector = run.detector();
    evaluation = run.evaluation();
    resultsChanged =
        evaluation
            .filter(known -> known.sha256() != null && PathFaults.asFile(known.results()) == null)
            .filter(known -> !RunFolder.sha256(known.results()).equals(known.sha256()))
            .isPresent();
  }

  static RunStages of(RunFolder run) {
    return new RunStages(run);
  }

  /** Whether the submission is another one than that which was evaluated. */
  boolean isResultsChanged() {
    return resultsChanged;
  }

  /** What a reader of the figures must know: which checkpoint they are of, and what is newer. */
  List<String> ofFigures() {
    List<String> notes = new ArrayList<>();
    if (evaluation.isEmpty()) {
      return notes;
    }
    Optional<RunFolder.Detector> evaluated =
        detector.filter(known -> known.sha256().equals(evaluation.get().sha256()));
    notes.add(
        evaluated
            .map(
                known ->
                    String.format(
                        Locale.ROOT,
                        "The detections are of %s after step %d, seed %d.",
                        known.config(),
                        known.steps(),
                        known.seed()))
            .orElse("Which checkpoint found the detections is not known."));
    if (resultsChanged) {
      notes.add(
          String.format(
              Locale.ROOT,
              "%s has changed since: the figures are of what was there before. bevel eval makes"
                  + " them anew.",
              evaluation.get().results()));
    }
    if (evaluated.isPresent() && training.isPresent()) {
      another(evaluated.get(), training.get()).ifPresent(notes::add);
    }
    return notes;
  }

  private static Optional<String> another(
      RunFolder.Detector evaluated, RunFolder.Training training) {
    if (!evaluated.config().equals(training.config()) || evaluated.seed() != training.seed()) {
      return Optional.of(
          String.format(
              Locale.ROOT,
              "That is another training than the one above, %s with seed %d. bevel detect and bevel"
                  + " eval make the figures of that.",
              training.config(),
              training.seed()));
    }
    return evaluated.steps() == training.steps()
        ? Optional.empty()
        : Optional.of(
            String.format(
                Locale.ROOT,
                "The training above is at step %d. bevel detect and bevel eval make the figures of"
                    + " that.",
                training.steps()));
  }

  /** Where the history is not that of the training's steps from its beginning. */
  List<String> ofHistory(TrainingHistory history) {
    List<String> notes = new ArrayList<>();
    if (history.rows().isEmpty()) {
      return notes;
    }
    long first = (long) history.rows().getFirst()[0];
    long last = (long) history.rows().getLast()[0];
    if (first > 1) {
      notes.add(
          String.format(
              Locale.ROOT,
              "history.csv begins with step %d: the steps before were taken elsewhere.",
              first));
    }
    if (training.isPresent() && training.get().steps() != last) {
      notes.add(
          String.format(
              Locale.ROOT,
              "history.csv ends with step %d, the checkpoint that run.json tells of is of step %d:"
                  + " the training goes on, or was ended before it could save.",
              last,
              training.get().steps()));
    }
    return notes;
  }

  /** Notes as paragraphs. */
  static void write(Html html, List<String> notes) {
    notes.forEach(note -> html.element("p", note, "class", "note"));
  }
}
