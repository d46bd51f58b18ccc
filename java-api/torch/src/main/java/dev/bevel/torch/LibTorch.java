package dev.bevel.torch;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.loading.CacheFolder;
import dev.bevel.kernels.loading.DynamicLinker;
import dev.bevel.kernels.loading.ElfFile;
import dev.bevel.kernels.loading.JavaCppCache;
import dev.bevel.kernels.loading.LibrarySearch;
import dev.bevel.kernels.loading.MappedLibrary;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;

/**
 * Opens LibTorch's libraries so that they are those of the jars, whatever other LibTorch the
 * machine has.
 *
 * <p>The dynamic linker finds a library that another one needs by its name: among those that are
 * open, then in {@code LD_LIBRARY_PATH}, then beside the file that needs it, then in the system's
 * folders. So all files are unpacked first, then each is opened by its path after those that it
 * needs; the linker then never has to look. What was open before, and what is open in the end, is
 * checked.
 */
final class LibTorch {
  private final PresetFiles files;
  private final Map<Path, ElfFile> elves = new LinkedHashMap<>();
  private final Set<Path> opened = new LinkedHashSet<>();
  private final List<String> notes = new ArrayList<>();

  private LibTorch(PresetFiles files) throws IOException {
    this.files = files;
    for (Path file : files.libraries().values()) {
      elves.put(file, ElfFile.read(file));
    }
  }

  /** Loads it; a second call is of no use. */
  static TorchLibraries load() throws IOException {
    CacheFolder cache = JavaCppCache.choose(Loader.getVersion(), Loader::getCacheDir);
    PresetFiles files = PresetFiles.unpack(torch.class, cache);
    LibTorch libraries = new LibTorch(files);
    libraries.checkMapped();
    libraries.checkClassLoader();
    libraries.checkRuntimes();
    libraries.openAll();
    libraries.handOver();
    libraries.checkMapped();
    return new TorchLibraries(
        cache.path(),
        cache.why(),
        List.copyOf(libraries.opened),
        List.copyOf(new LinkedHashSet<>(libraries.notes)));
  }

  /** JavaCPP in another class loader of this process has its JNI library to itself. */
  private void checkClassLoader() {
    if (Loader.getLoadedLibraries().containsKey("jnitorch")) {
      return;
    }
    for (MappedLibrary mapped : MappedLibrary.all()) {
      if (mapped.answersTo("libjnitorch.so")) {
        throw new BevelException(
            Status.NOT_LOADED,
            String.format(
                Locale.ROOT,
                "LibTorch: another class loader of this process has loaded %s, and the JVM lets only one use it: put the jars of Bevel and of Bytedeco where one class loader, above the others, finds them",
                mapped.path()));
      }
    }
  }

  /**
   * Runtimes of compilers that no jar has, libstdc++ above all, come from where the linker finds
   * them. Of one without the versions that are needed it says little or nothing: a library without
   * any versions is taken at its word, and the process ends at the first function that is missing.
   */
  private void checkRuntimes() throws IOException {
    Map<String, Set<String>> needed = new TreeMap<>();
    List<ElfFile> all = new ArrayList<>(elves.values());
    for (Path jni : files.jni()) {
      all.add(ElfFile.read(jni));
    }
    for (ElfFile elf : all) {
      elf.versionsNeeded()
          .forEach(
              (name, versions) -> {
                if (!files.libraries().containsKey(name)) {
                  needed.computeIfAbsent(name, unseen -> new TreeSet<>()).addAll(versions);
                }
              });
    }
    needed.forEach(this::checkRuntime);
  }

  private void checkRuntime(String name, Set<String> versions) {
    LibrarySearch.Hit hit = LibrarySearch.find(name).stream().findFirst().orElse(null);
    if (hit == null || !hit.place().startsWith("LD_")) {
      return;
    }
    boolean isAnother =
        MappedLibrary.all().stream()
            .anyMatch(mapped -> mapped.answersTo(name) && !mapped.is(hit.path()));
    if (isAnother) {
      return; // and will be used
    }
    Set<String> missing = new TreeSet<>(versions);
    try {
      missing.removeAll(ElfFile.read(hit.path()).versionsDefined());
    } catch (IOException noLibrary) {
      return; // the linker refuses it, and says so, or passes it over
    }
    if (missing.isEmpty()) {
      notes.add(name + " is " + hit + ", which has the versions that LibTorch needs");
      return;
    }
    throw new BevelException(
        Status.NOT_LOADED,
        String.format(
            Locale.ROOT,
            "LibTorch: it needs %s with the versions %s, which the one that the linker finds, %s, has not: %s",
            name,
            String.join(", ", missing),
            hit,
            hit.remedy()));
  }

  private void openAll() throws IOException {
    Set<Path> required = new LinkedHashSet<>();
    for (Path jni : files.jni()) {
      for (String name : ElfFile.read(jni).needed()) {
        collect(name, required);
        checkRenamed(name, jni);
      }
    }
    required.forEach(file -> open(file, true));
    // What Java needs is open; of the rest some may want what this machine has not, such as CUDA.
    Set<Path> rest = new LinkedHashSet<>();
    files.libraries().keySet().forEach(name -> collect(name, rest));
    rest.removeAll(required);
    rest.forEach(file -> open(file, false));
  }

  /**
   * A file that JavaCPP has given another name than its own is not found among the open ones: there
   * must be none of that name where the linker looks next.
   */
  private void checkRenamed(String name, Path neededBy) {
    Path file = files.libraries().get(name);
    if (file == null || name.equals(elf(file).soname())) {
      return;
    }
    for (LibrarySearch.Hit hit : LibrarySearch.find(name)) {
      if (hit.place().equals("LD_LIBRARY_PATH") && !hit.is(file)) {
        throw new BevelException(
            Status.NOT_LOADED,
            String.format(
                Locale.ROOT,
                "LibTorch: the linker would take %s for what %s needs, in place of %s: %s",
                hit.path(),
                neededBy.getFileName(),
                file,
                hit.remedy()));
      }
    }
  }

  /** Adds a library after those that it needs. */
  private void collect(String name, Set<Path> order) {
    Path file = files.libraries().get(name);
    if (file == null || order.contains(file)) {
      return;
    }
    for (String needed : elf(file).needed()) {
      if (!needed.equals(name)) {
        collect(needed, order);
      }
    }
    order.add(file);
  }

  private void open(Path file, boolean required) {
    boolean there =
        MappedLibrary.all().stream().anyMatch(other -> !isOurs(other) && takesPlace(other, file));
    if (there) { // and can serve: checkMapped
      return;
    }
    String refused = DynamicLinker.open(file);
    if (refused == null) {
      opened.add(file);
    } else if (required) {
      throw DynamicLinker.failure("LibTorch", file, refused);
    } else {
      notes.add("not opened: " + file.getFileName() + ": " + refused);
    }
  }

  /**
   * Lets JavaCPP load its JNI libraries. What no jar has it would look for in {@code
   * LD_LIBRARY_PATH} and the system's folders: parts of another LibTorch, if there is one. It does
   * not where it takes a library for loaded, so it is told that those are.
   */
  private void handOver() {
    try {
      Loader.load(Pointer.class);
      String marker = Loader.getLoadedLibraries().get("jnijavacpp");
      if (marker != null && Path.of(marker).isAbsolute()) {
        URL url = Path.of(marker).toUri().toURL();
        for (String name : files.absent()) {
          Loader.loadLibrary(Loader.class, new URL[] {url}, name);
        }
        if (!files.cuda()) { // the presets look for CUDA's libraries even where LibTorch has none
          for (String name : files.systems()) {
            Loader.loadLibrary(Loader.class, new URL[] {url}, name);
          }
        }
      }
      Loader.load(torch.class);
    } catch (MalformedURLException e) {
      throw new IllegalStateException(e);
    } catch (LinkageError e) {
      throw new BevelException(
          Status.NOT_LOADED, "LibTorch: JavaCPP cannot load it: " + e.getMessage(), e);
    }
  }

  /** Fails if the process has a library that takes the place of one of ours and cannot serve. */
  private void checkMapped() {
    for (MappedLibrary mapped : MappedLibrary.all()) {
      if (isOurs(mapped)) {
        continue;
      }
      Path place =
          elves.keySet().stream().filter(file -> takesPlace(mapped, file)).findFirst().orElse(null);
      if (place == null && !isPartOfLibTorch(mapped)) {
        continue;
      }
      if (place != null && servesFor(mapped, place)) {
        notes.add(
            String.format(
                Locale.ROOT,
                "%s is the process's own %s, which has the versions that LibTorch needs",
                place.getFileName(),
                mapped.path()));
        continue;
      }
      throw new BevelException(
          Status.NOT_LOADED,
          String.format(
              Locale.ROOT,
              "LibTorch: this process has loaded %s, which is not Bevel's and does not go with it: %s",
              mapped.path(),
              remedy(mapped.path())));
    }
  }

  private boolean isOurs(MappedLibrary mapped) {
    return elves.keySet().stream().anyMatch(mapped::is)
        || files.jni().stream().anyMatch(mapped::is);
  }

  private boolean takesPlace(MappedLibrary mapped, Path file) {
    String soname = elf(file).soname();
    return mapped.answersTo(file.getFileName().toString())
        || (soname != null && mapped.answersTo(soname));
  }

  private static boolean isPartOfLibTorch(MappedLibrary mapped) {
    String name = mapped.path().getFileName().toString();
    return name.startsWith("libtorch") || name.startsWith("libc10");
  }

  /**
   * Whether a library that was open before ours can take its place: runtimes of compilers (OpenMP,
   * Fortran) state the versions of their functions, what needs them states which, and the linker
   * holds them to it. Two of one runtime in a process would be worse than a foreign one. Libraries
   * without versions can be anything.
   */
  private boolean servesFor(MappedLibrary other, Path file) {
    ElfFile its = other.elf();
    String name = file.getFileName().toString();
    List<Set<String>> wanted =
        elves.values().stream()
            .filter(elf -> elf.needed().contains(name))
            .map(elf -> elf.versionsNeeded().getOrDefault(name, Set.of()))
            .toList();
    return its != null
        && wanted.stream()
            .allMatch(
                versions -> !versions.isEmpty() && its.versionsDefined().containsAll(versions));
  }

  private static String remedy(Path foreign) {
    for (LibrarySearch.Hit hit : LibrarySearch.find(foreign.getFileName().toString())) {
      if (hit.place().startsWith("LD_") && hit.path().equals(foreign)) {
        return hit.remedy();
      }
    }
    return "start without what loads it, or call Torch.initialize() first thing in main";
  }

  private ElfFile elf(Path file) {
    return Objects.requireNonNull(elves.get(file));
  }
}
