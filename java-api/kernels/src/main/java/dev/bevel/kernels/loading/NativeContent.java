package dev.bevel.kernels.loading;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.JarURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import org.jspecify.annotations.Nullable;

/**
 * What a file of the class path holds, without reading it: its size, and its digest from the small
 * file {@code NAME.sha256} that the build lays beside it ({@code SHA256 SIZE}), or the checksum
 * that its jar keeps of it.
 *
 * <p>The checksum tells damage, not intent: that nobody else can write to the cache is {@link
 * PrivatePath}'s concern.
 *
 * @param origin the file of the class path
 * @param size in bytes
 * @param digest kind and value, e.g. {@code sha256-5891b5b522d5df08}…
 */
public record NativeContent(URL origin, long size, String digest) {
  private static final String SHA256 = "sha256-";
  private static final String CRC32 = "crc32-";

  /** Of a file of the class path. */
  public static NativeContent of(URL resource) throws IOException {
    NativeContent stated = stated(resource);
    if (stated != null) {
      return stated;
    }
    URLConnection connection = resource.openConnection();
    if (connection instanceof JarURLConnection jar && jar.getJarEntry().getCrc() != -1) {
      return new NativeContent(
          resource,
          jar.getJarEntry().getSize(),
          CRC32 + Long.toHexString(jar.getJarEntry().getCrc()));
    }
    MessageDigest sha256 = sha256();
    try (InputStream in = connection.getInputStream()) {
      long size = copy(in, OutputStream.nullOutputStream(), sha256);
      return new NativeContent(resource, size, text(sha256));
    }
  }

  private static @Nullable NativeContent stated(URL resource) throws IOException {
    try (InputStream in = URI.create(resource + ".sha256").toURL().openStream()) {
      String text = new String(in.readNBytes(200), StandardCharsets.US_ASCII).strip();
      if (!text.matches("[0-9a-f]{64} [0-9]{1,18}")) {
        throw new IOException(
            resource + ".sha256 must hold a digest and a size, got '" + text + "'");
      }
      return new NativeContent(
          resource, Long.parseLong(text.substring(65)), SHA256 + text.substring(0, 64));
    } catch (FileNotFoundException none) {
      return null;
    }
  }

  /** Enough of the digest for a folder's name. */
  public String shortDigest() {
    String value = digest.substring(digest.indexOf('-') + 1);
    return value.substring(0, Math.min(16, value.length()));
  }

  /** Whether a file holds this; reads all of it. */
  boolean isHeldBy(Path file) throws IOException {
    if (Files.size(file) != size) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file)) {
      if (digest.startsWith(CRC32)) {
        CheckedInputStream checked = new CheckedInputStream(in, new CRC32());
        checked.transferTo(OutputStream.nullOutputStream());
        return digest.equals(CRC32 + Long.toHexString(checked.getChecksum().getValue()));
      }
      MessageDigest sha256 = sha256();
      copy(in, OutputStream.nullOutputStream(), sha256);
      return digest.equals(text(sha256));
    }
  }

  private static long copy(InputStream in, OutputStream out, MessageDigest sha256)
      throws IOException {
    byte[] buffer = new byte[1 << 16];
    long size = 0;
    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
      sha256.update(buffer, 0, n);
      out.write(buffer, 0, n);
      size += n;
    }
    return size;
  }

  private static String text(MessageDigest sha256) {
    return SHA256 + HexFormat.of().formatHex(sha256.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
