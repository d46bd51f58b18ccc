package dev.bevel.kernels.loading;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the dynamic linker's texts mean, and what helps. */
final class LinkerHint {
  private static final Pattern MISSING =
      Pattern.compile(
          "(?:^|: )([^ /:]+\\.so[^ :]*): cannot open shared object file: No such file"
              + "|Error loading shared library ([^ :]+): No such file");
  private static final Pattern NEEDS_GLIBC = Pattern.compile("version `GLIBC_([0-9.]+)' not found");
  private static final Pattern NEEDS_VERSION =
      Pattern.compile("([^ :]+): version `([^']+)' not found");

  /** The linker names the file that it did not like first. */
  private static final Pattern CULPRIT = Pattern.compile("^([^ :]+): ");

  private LinkerHint() {}

  /**
   * A sentence to add to the linker's; empty if it says all.
   *
   * @param glibc the version that runs; null on another C library
   * @param glibcNeeded the newest version that the library asks for; null if unknown
   * @param search what the linker finds for a name
   */
  static String of(
      Path library,
      String linkerText,
      @Nullable String glibc,
      @Nullable String glibcNeeded,
      Function<String, List<LibrarySearch.Hit>> search) {
    if (glibc == null) {
      return ". This Java runs on a C library other than glibc (Alpine has musl); the library is built for glibc"
          + (glibcNeeded == null ? "" : " " + glibcNeeded + " or later")
          + ": use a Java for glibc, for example an image based on Debian, Ubuntu or Fedora";
    }
    Matcher version = NEEDS_GLIBC.matcher(linkerText);
    if (version.find()) {
      return String.format(
          Locale.ROOT,
          ". The C library here is glibc %s, the library needs %s or later: use a newer system, or build Bevel here and name the folder with -Dbevel.library.path=FOLDER",
          glibc,
          glibcNeeded == null ? version.group(1) : glibcNeeded);
    }
    Optional<String> foreign = foreign(library, linkerText, search);
    if (foreign.isPresent()) {
      return foreign.get();
    }
    Matcher missing = MISSING.matcher(linkerText);
    if (missing.find()) {
      String name = missing.group(1) == null ? missing.group(2) : missing.group(1);
      return String.format(
          Locale.ROOT, ". It needs %s, which is not installed%s", name, packageOf(name));
    }
    return ofFile(library, linkerText);
  }

  private static String ofFile(Path library, String linkerText) {
    Optional<Path> mount = MountedFileSystem.withoutExecution(library.toAbsolutePath());
    if (mount.isPresent() || linkerText.contains("failed to map segment")) {
      return String.format(
          Locale.ROOT,
          ". The file system%s forbids execution (noexec): name a folder on another one with -D%s=FOLDER",
          mount.map(point -> " mounted at " + point).orElse(" of its folder"),
          CacheFolder.PROPERTY);
    }
    return "";
  }

  /** Where the text is about another file than the one that was opened. */
  private static Optional<String> foreign(
      Path library, String linkerText, Function<String, List<LibrarySearch.Hit>> search) {
    Matcher version = NEEDS_VERSION.matcher(linkerText);
    Matcher culprit = CULPRIT.matcher(linkerText);
    String file =
        version.find() ? version.group(1) : culprit.find() ? culprit.group(1) : library.toString();
    Path name = Path.of(file).getFileName();
    if (name == null || name.equals(library.getFileName()) || !name.toString().contains(".so")) {
      return Optional.empty();
    }
    return search.apply(name.toString()).stream()
        .filter(hit -> !file.startsWith("/") || hit.path().equals(Path.of(file)))
        .findFirst()
        .map(
            hit ->
                String.format(
                    Locale.ROOT,
                    ". It needs another %s than the linker finds, %s: %s",
                    name,
                    hit,
                    hit.remedy()));
  }

  private static String packageOf(String name) {
    if (name.startsWith("libgomp.")) {
      return ": apt-get install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora)";
    }
    if (name.startsWith("libstdc++.")) {
      return ": apt-get install libstdc++6 (Debian, Ubuntu), dnf install libstdc++ (Fedora)";
    }
    return "";
  }
}
