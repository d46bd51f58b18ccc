package dev.bevel.kernels.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Entries of the cache: what is in them is what it should be, and they do not pile up. */
class CacheEntryTest {
  private static final String SHA256_OF_HELLO =
      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

  @TempDir Path temporary;
  private CacheFolder cache;
  private Path resource;

  @BeforeEach
  void prepare() throws IOException {
    cache = new CacheFolder(CacheFolder.prepare(temporary.resolve("cache").toString()), "a test");
    resource = Files.writeString(temporary.resolve("libx.so"), "hello");
  }

  @Test
  void aDamagedFileIsReplacedWhateverItsSizeAndDate() throws IOException {
    CacheEntry entry = CacheEntry.open(cache, "1.0.0-12345678");
    NativeContent content = NativeContent.of(url());
    assertThat(content.digest()).isEqualTo("sha256-" + SHA256_OF_HELLO);
    Path file = entry.put("libx.so", content);
    assertThat(file).hasContent("hello");
    FileTime date = Files.getLastModifiedTime(file);
    Files.writeString(file, "jello", StandardOpenOption.WRITE);
    Files.setLastModifiedTime(file, date);
    entry.put("libx.so", content);
    assertThat(file).hasContent("hello");
    Files.delete(file);
    Files.createSymbolicLink(file, resource);
    entry.put("libx.so", content);
    assertThat(file).isRegularFile().hasContent("hello");
    assertThat(Files.isSymbolicLink(file)).isFalse();
    assertThat(resource).hasContent("hello");
  }

  @Test
  void aKnownFileIsNotReadAgain() throws IOException {
    CacheEntry entry = CacheEntry.open(cache, "1.0.0-12345678");
    Path file = entry.put("libx.so", NativeContent.of(url()));
    // A content of that digest and size whose resource is gone: reading it would fail.
    Files.writeString(temporary.resolve("libx.so.sha256"), SHA256_OF_HELLO + " 5\n");
    Files.delete(resource);
    NativeContent stated = NativeContent.of(url());
    assertThat(entry.put("libx.so", stated)).isEqualTo(file);
    Files.delete(file);
    assertThatThrownBy(() -> entry.put("libx.so", stated)).isInstanceOf(IOException.class);
  }

  @Test
  void aResourceThatIsNotWhatItsDigestSaysIsRefused() throws IOException {
    Files.writeString(temporary.resolve("libx.so.sha256"), SHA256_OF_HELLO + " 5\n");
    Files.writeString(resource, "jello");
    CacheEntry entry = CacheEntry.open(cache, "1.0.0-12345678");
    NativeContent content = NativeContent.of(url());
    assertThatThrownBy(() -> entry.put("libx.so", content))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is damaged");
    try (var files = Files.list(entry.folder())) {
      assertThat(files.map(path -> path.getFileName().toString())).containsExactly(".used");
    }
  }

  @Test
  void entriesThatNobodyUsesAreDeleted() throws IOException {
    Instant longAgo = Instant.now().minus(CacheEntry.KEPT).minusSeconds(3600);
    Path abandoned = CacheEntry.open(cache, "0.9.0-aaaaaaaa").folder();
    // This process holds that one. Of those below nobody does, as if their processes had ended.
    List<Path> others =
        List.of(
            cache.path().resolve("0.8.0-bbbbbbbb"),
            cache.path().resolve("javacpp-1.5.12"),
            cache.path().resolve("0.7.0-cccccccc"),
            cache.path().resolve("something-else"));
    for (Path other : others) {
      Files.createDirectories(other.resolve("inner"));
      Files.writeString(other.resolve("inner/libx.so"), "old");
      Files.createFile(other.resolve(".used"));
    }
    for (Path old : List.of(abandoned, others.get(0), others.get(1), others.get(3))) {
      Files.setLastModifiedTime(old.resolve(".used"), FileTime.from(longAgo));
    }
    CacheEntry.open(cache, "1.0.0-12345678");
    assertThat(abandoned).as("in use by this process").exists();
    assertThat(others.get(0)).doesNotExist();
    assertThat(others.get(1)).doesNotExist();
    assertThat(others.get(2)).as("used lately").exists();
    assertThat(others.get(3)).as("none of ours").exists();
  }

  @Test
  void namesOfFileSystemsWithoutExecution() {
    List<String> table =
        List.of(
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
            "23 22 0:5 / /mnt/with\\040blank rw,noexec,nosuid - tmpfs tmpfs rw",
            "24 23 0:6 / /mnt/with\\040blank/inner rw - tmpfs tmpfs rw",
            "25 22 0:7 / /twice rw - tmpfs tmpfs rw",
            "26 22 0:8 / /twice rw,noexec - tmpfs tmpfs rw");
    assertThat(MountedFileSystem.withoutExecution(Path.of("/home/x"), table)).isEmpty();
    assertThat(MountedFileSystem.withoutExecution(Path.of("/mnt/with blank/a"), table))
        .contains(Path.of("/mnt/with blank"));
    assertThat(MountedFileSystem.withoutExecution(Path.of("/mnt/with blank/inner/a"), table))
        .isEmpty();
    assertThat(MountedFileSystem.withoutExecution(Path.of("/twice/a"), table))
        .contains(Path.of("/twice"));
  }

  private URL url() throws IOException {
    return resource.toUri().toURL();
  }
}
