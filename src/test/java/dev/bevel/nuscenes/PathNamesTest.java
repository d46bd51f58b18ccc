package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.testing.Seed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Names from data sets as paths. */
class PathNamesTest {
  private static final String WHAT = "table sample: a token";

  @TempDir Path root;

  @ParameterizedTest
  @ValueSource(
      strings = {"83b4d0f8a1c9e2", "sample-0", "a", "...", "..x", ".hidden", "straße", "a b", "写真"})
  void namesOfOneElementStandInTheFolder(String name) {
    assertThat(PathNames.child(root, name, WHAT)).isEqualTo(root.resolve(name)).hasParentRaw(root);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "../../x",
        "a/b",
        "a/",
        "./a",
        "a\\b",
        "C:x",
        "a\0b",
        "a\nb",
        "a\u001b[2Jb",
        "a\u0085b",
        "a\ud800b"
      })
  void allOtherNamesAreRefused(String name) {
    assertThatThrownBy(() -> PathNames.child(root, name, WHAT))
        .isInstanceOf(NuScenesException.class)
        .hasMessageStartingWith(WHAT + " ")
        .message()
        .doesNotContainPattern("\\p{Cntrl}");
  }

  @Test
  void longNamesAreRefusedByTheirBytesAndQuotedShort() {
    assertThat(PathNames.child(root, "x".repeat(255), WHAT)).hasParentRaw(root);
    for (String name : List.of("x".repeat(256), "ä".repeat(128), "x".repeat(1 << 20))) {
      assertThatThrownBy(() -> PathNames.child(root, name, WHAT))
          .hasMessageContaining("at most 255 bytes")
          .message()
          .hasSizeLessThan(250);
    }
  }

  /** "." and ".." vanish or climb when paths are normalised. */
  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", "data", "./data/../data", "/data"})
  void fileNamesOfTablesStayInsideWhateverTheFolder(String folder) {
    Path top = Path.of(folder);
    for (String name : List.of("samples/a.jpg", "samples/../b.jpg", "./c.jpg")) {
      Path file = PathNames.inside(top, name, WHAT);
      assertThat(file).as(name).isEqualTo(top.resolve(Path.of(name).normalize()));
      assertThat(file.toAbsolutePath().normalize()).startsWithRaw(top.toAbsolutePath().normalize());
    }
    for (String name :
        List.of("../a.jpg", "samples/../../b.jpg", "/etc/passwd", "", ".", "..", "a\0b", "a\rb")) {
      assertThatThrownBy(() -> PathNames.inside(top, name, WHAT))
          .as(name)
          .isInstanceOf(NuScenesException.class)
          .hasMessageStartingWith(WHAT + " ");
    }
  }

  /** Whatever letters a hostile name is made of, it is refused or stays where it belongs. */
  @Test
  void noNameLeavesTheFolder() {
    Random random = Seed.random(PathNamesTest.class);
    List<String> parts = List.of("..", ".", "/", "\\", "a", ":", "\0", "\n", "é", "~", "%2e", "*");
    for (int i = 0; i < 20_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int n = random.nextInt(8); n > 0; n--) {
        text.append(parts.get(random.nextInt(parts.size())));
      }
      String name = text.toString();
      try {
        assertThat(PathNames.child(root, name, WHAT).normalize()).hasParentRaw(root);
      } catch (NuScenesException refused) {
        assertThat(refused).hasMessageStartingWith(WHAT);
      }
      try {
        assertThat(PathNames.inside(root, name, WHAT)).startsWithRaw(root).isNotEqualTo(root);
      } catch (NuScenesException refused) {
        assertThat(refused).hasMessageStartingWith(WHAT);
      }
    }
  }

  /** A folder's owner may keep a part of it elsewhere. */
  @Test
  void linksInTheFolderAreFollowed() throws IOException {
    Path elsewhere = Files.createDirectory(root.resolve("elsewhere"));
    Files.writeString(elsewhere.resolve("a.jpg"), "x");
    Path data = Files.createDirectory(root.resolve("data"));
    Files.createSymbolicLink(data.resolve("samples"), elsewhere);
    assertThat(PathNames.inside(data, "samples/a.jpg", WHAT)).hasContent("x");
  }
}
