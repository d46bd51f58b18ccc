package dev.bevel.torch.train;

import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.model.ConfigNode;
import dev.bevel.torch.model.DetectorConfig;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A YAML document of a detector and its training, with its text, which checkpoints carry along.
 *
 * @param text the document
 * @param detector what it says of the model
 * @param training what it says of the training
 */
public record ConfigDocument(String text, DetectorConfig detector, TrainingConfig training) {
  private static final int MAX_BYTES = 1 << 20;

  /**
   * The configuration with a name of {@link DetectorConfig#NAMES}, or else in the file at that
   * path.
   *
   * @throws ConfigException if it is neither, or cannot be used
   */
  public static ConfigDocument load(String nameOrFile) throws IOException {
    if (DetectorConfig.NAMES.contains(nameOrFile)) {
      String resource = nameOrFile + ".yaml";
      try (@Nullable InputStream in = DetectorConfig.class.getResourceAsStream(resource)) {
        if (in == null) {
          throw new IllegalStateException("resource " + resource + " is missing");
        }
        return parse(nameOrFile, new String(in.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    Path file = Path.of(nameOrFile);
    if (!Files.isRegularFile(file)) {
      throw new ConfigException(
          "unknown configuration '%s': it is none of %s, and there is no such file"
              .formatted(nameOrFile, String.join(", ", DetectorConfig.NAMES)));
    }
    if (Files.size(file) > MAX_BYTES) {
      throw new ConfigException(
          "%s: larger than %d bytes, not a configuration".formatted(file, MAX_BYTES));
    }
    return parse(nameOrFile, new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
  }

  /**
   * A document's text.
   *
   * @param source names it in messages
   * @throws ConfigException if it cannot be used
   */
  public static ConfigDocument parse(String source, String text) throws IOException {
    ConfigNode root =
        ConfigNode.read(source, new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    TrainingConfig training = TrainingConfig.read(root);
    return new ConfigDocument(text, DetectorConfig.read(root), training);
  }
}
