package dev.bevel.kernels.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What other users could change is refused, each way in which they could. */
class PrivatePathTest {
  private static final int SOMEBODY_ELSE = 4711;

  @TempDir Path temporary;
  private Path parent;
  private Path folder;

  @BeforeEach
  void makeFolders() throws IOException {
    parent = Files.createDirectory(temporary.toRealPath().resolve("parent"));
    folder = Files.createDirectory(parent.resolve("folder"));
    permit(parent, "rwxr-xr-x");
    permit(folder, "rwx------");
  }

  @Test
  void anOwnFolderIsAccepted() throws IOException {
    assertThat(PrivatePath.folder(folder)).isEqualTo(folder);
    permit(folder, "rwxr-xr-x");
    assertThat(PrivatePath.folder(folder)).isEqualTo(folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwxrwx---", "rwxr-xrwx", "rwxrwxrwx", "rwx-w----"})
  void aFolderThatOthersWriteToIsRefused(String permissions) throws IOException {
    permit(folder, permissions);
    assertThatThrownBy(() -> PrivatePath.folder(folder))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining(folder + " (owner ")
        .hasMessageContaining("other users can write to it; delete it")
        .hasMessageContaining("chmod go-w " + folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwxrwxr-x", "rwxrwxrwx"})
  void aParentThatOthersWriteToIsRefused(String permissions) throws IOException {
    permit(parent, permissions);
    assertThatThrownBy(() -> PrivatePath.folder(folder))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining(parent + " (owner ")
        .hasMessageContaining("other users can exchange what lies in it");
  }

  @Test
  void aStickyParentIsNoHarm() throws IOException {
    Files.setAttribute(parent, "unix:mode", 01777);
    assertThat(PrivatePath.folder(folder)).isEqualTo(folder);
    assertThatThrownBy(() -> PrivatePath.folder(parent)).isInstanceOf(UnsafePathException.class);
  }

  @Test
  void linksOfOursAreFollowedAndWhatTheyLeadToIsChecked() throws IOException {
    Path link = Files.createSymbolicLink(temporary.toRealPath().resolve("link"), folder);
    assertThat(PrivatePath.folder(link)).isEqualTo(folder);
    Path relative =
        Files.createSymbolicLink(parent.resolve("relative"), Path.of("../parent/folder"));
    assertThat(PrivatePath.folder(relative)).isEqualTo(folder);
    permit(parent, "rwxrwxrwx");
    assertThatThrownBy(() -> PrivatePath.folder(link)).isInstanceOf(UnsafePathException.class);
    permit(parent, "rwxr-xr-x");
    Path loop = parent.resolve("loop");
    Files.createSymbolicLink(loop, loop);
    assertThatThrownBy(() -> PrivatePath.folder(loop)).isInstanceOf(FileSystemLoopException.class);
  }

  @Test
  void whatBelongsToAnotherUserIsRefused() throws IOException {
    assumeTrue(ThisProcess.user() == 0, "skipped: only root can give files away");
    Path link = Files.createSymbolicLink(parent.resolve("link"), folder);
    Files.setAttribute(link, "unix:uid", SOMEBODY_ELSE, java.nio.file.LinkOption.NOFOLLOW_LINKS);
    assertThatThrownBy(() -> PrivatePath.folder(link))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining(link + " (owner " + SOMEBODY_ELSE);
    Files.setAttribute(folder, "unix:uid", SOMEBODY_ELSE);
    assertThatThrownBy(() -> PrivatePath.folder(folder))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining("it must belong to root or to the user of this process");
    Files.setAttribute(folder, "unix:uid", 0);
    Files.setAttribute(parent, "unix:uid", SOMEBODY_ELSE);
    assertThatThrownBy(() -> PrivatePath.folder(folder))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining(parent + " (owner " + SOMEBODY_ELSE);
  }

  @Test
  void filesMustBeRegularAndOurs() throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    permit(file, "rw-r--r--");
    assertThat(PrivatePath.isOwnFile(file)).isTrue();
    permit(file, "rw-rw-r--");
    assertThat(PrivatePath.isOwnFile(file)).isFalse();
    permit(file, "rw-r--r--");
    assertThat(PrivatePath.isOwnFile(Files.createSymbolicLink(folder.resolve("link"), file)))
        .isFalse();
    if (ThisProcess.user() == 0) {
      Files.setAttribute(file, "unix:uid", SOMEBODY_ELSE);
      assertThat(PrivatePath.isOwnFile(file)).isFalse();
    }
  }

  @Test
  void whatAUmaskGaveToTheGroupIsTakenBackInAClosedFolderOnly() throws IOException {
    Path inner = Files.createDirectory(folder.resolve("inner"));
    Path file = Files.createFile(inner.resolve("file"));
    permit(inner, "rwxrwxr-x");
    permit(file, "rw-rw-r--");
    permit(folder, "rwxr-xr-x");
    PrivatePath.close(folder, file);
    assertThatThrownBy(() -> PrivatePath.isOwnFile(file)).isInstanceOf(UnsafePathException.class);
    permit(folder, "rwx------");
    PrivatePath.close(folder, file);
    assertThat(PrivatePath.isOwnFile(file)).isTrue();
  }

  private static void permit(Path path, String permissions) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }
}
