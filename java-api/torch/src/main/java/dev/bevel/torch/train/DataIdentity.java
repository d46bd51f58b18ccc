package dev.bevel.torch.train;

import dev.bevel.nuscenes.CameraSample;
import dev.bevel.nuscenes.DetectionSample;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * What a training is on, so that nobody goes on with it on something else unawares: the samples in
 * their order, each with token, scene, time, the cameras' image sizes and the number of boxes. Not
 * the folder they are in, which may be moved, and not the files' contents.
 *
 * @param stamp one line: number of samples, and a SHA-256 sum
 */
public record DataIdentity(String stamp) {
  /** Of the samples that are trained on, in their order. */
  public static DataIdentity of(List<DetectionSample> samples) {
    MessageDigest sum = sha256();
    for (DetectionSample sample : samples) {
      sum.update(bytes(sample));
    }
    return new DataIdentity(
        samples.size() + " samples, sha256 " + HexFormat.of().formatHex(sum.digest()));
  }

  private static byte[] bytes(DetectionSample sample) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      text(out, sample.token());
      text(out, sample.sceneName());
      out.writeLong(sample.timestamp());
      out.writeInt(sample.cameras().size());
      for (CameraSample camera : sample.cameras()) {
        text(out, camera.channel());
        out.writeInt(camera.width());
        out.writeInt(camera.height());
      }
      out.writeInt(sample.boxes().size());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // memory
    }
    return bytes.toByteArray();
  }

  /** With its length, so that no two lists of texts are the same bytes. */
  private static void text(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
