package dev.bevel.torch.train;

import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.model.ConfigNode;
import dev.bevel.torch.model.DetectorConfig;
import java.io.IOException;
import java.util.List;

/**
 * A YAML document of a detector and its training, with its text, which checkpoints carry along.
 *
 * @param text the document
 * @param detector what it says of the model
 * @param training what it says of the training
 */
public record ConfigDocument(String text, DetectorConfig detector, TrainingConfig training) {
  /**
   * The configuration with a name of {@link DetectorConfig#NAMES}, or else in the file at that
   * path.
   *
   * @throws ConfigException if it is neither, or cannot be used
   */
  public static ConfigDocument load(String nameOrFile) throws IOException {
    return parse(nameOrFile, DetectorConfig.text(nameOrFile));
  }

  /**
   * A document's text.
   *
   * @param source names it in messages
   * @throws ConfigException if it cannot be used
   */
  public static ConfigDocument parse(String source, String text) {
    ConfigNode root = ConfigNode.parse(source, text);
    TrainingConfig training = TrainingConfig.read(root);
    return new ConfigDocument(text, DetectorConfig.read(root), training);
  }

  /** Whether another document says the same, perhaps with other comments or in another order. */
  boolean saysTheSameAs(ConfigDocument other) {
    return detector.equals(other.detector) && training.equals(other.training);
  }

  /**
   * Where this document says something else than another one, an entry for each.
   *
   * @param before the other
   */
  List<String> differencesFrom(ConfigDocument before) {
    return ConfigNode.parse("configuration", text)
        .differencesFrom(ConfigNode.parse("configuration", before.text));
  }
}
