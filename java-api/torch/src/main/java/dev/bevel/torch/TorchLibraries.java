package dev.bevel.torch;

import dev.bevel.kernels.loading.LibrarySearch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Where LibTorch's native libraries were loaded from.
 *
 * @param folder JavaCPP's cache, into which they were unpacked
 * @param why it is that folder, for people
 * @param files the libraries that were opened, in the order of their needs
 * @param notes what else is worth knowing: libraries of the process that are used in place of the
 *     jars', libraries of the jars that this machine cannot use
 */
public record TorchLibraries(Path folder, String why, List<Path> files, List<String> notes) {
  /** Of another LibTorch, BLAS or Bevel; those of compilers' runtimes every system has. */
  private static final List<String> OF_INTEREST =
      List.of("libtorch", "libc10", "libopenblas", "libbevel");

  /** Copies the lists. */
  public TorchLibraries {
    files = List.copyOf(files);
    notes = List.copyOf(notes);
  }

  /**
   * Other libraries of the same names that the dynamic linker would find, each with what leads to
   * it. They are not used; a program that does without Bevel's loader might get them.
   *
   * @return empty on most machines
   */
  public List<String> inTheWay() {
    Set<String> names = new LinkedHashSet<>(List.of("libbevel.so", "libbevel.so.0"));
    files.forEach(file -> names.add(file.getFileName().toString()));
    List<String> found = new ArrayList<>();
    for (String name : names) {
      for (LibrarySearch.Hit hit : LibrarySearch.find(name)) {
        boolean told =
            hit.place().startsWith("LD_") || OF_INTEREST.stream().anyMatch(name::startsWith);
        if (told && files.stream().noneMatch(hit::is)) {
          found.add(hit.toString());
        }
      }
    }
    return found;
  }
}
