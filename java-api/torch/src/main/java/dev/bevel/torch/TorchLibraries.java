package dev.bevel.torch;

import java.nio.file.Path;
import java.util.List;

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
  /** Copies the lists. */
  public TorchLibraries {
    files = List.copyOf(files);
    notes = List.copyOf(notes);
  }
}
