package dev.bevel.torch;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.loading.CacheFolder;
import dev.bevel.kernels.loading.CheckedFile;
import dev.bevel.kernels.loading.NativeContent;
import dev.bevel.kernels.loading.PrivatePath;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.bytedeco.javacpp.ClassProperties;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/**
 * The native files of LibTorch's presets and of those that they build upon, unpacked from the class
 * path into JavaCPP's cache. JavaCPP would unpack one and open it at once, while those that it
 * needs are not yet beside it, and the dynamic linker would look for them elsewhere.
 *
 * @param libraries those that JNI libraries need, by the name of the file
 * @param jni those that Java calls
 * @param absent what the presets would load but neither a jar nor a folder that they name has
 * @param systems what they would load from folders of the system, for no jar has it
 */
record PresetFiles(
    Map<String, Path> libraries, List<Path> jni, List<String> absent, List<String> systems) {
  /**
   * Unpacks all of them.
   *
   * @param presets the class that Java's functions of LibTorch are in
   * @param cache JavaCPP's
   * @throws BevelException if a jar is missing or a file cannot be unpacked
   */
  static PresetFiles unpack(Class<?> presets, CacheFolder cache) {
    Properties platform = Loader.loadProperties();
    ClassProperties all = Loader.loadProperties(presets, platform, true);
    List<Class<?>> classes = new ArrayList<>();
    if (all.getInheritedClasses() != null) {
      for (Class<?> inherited : all.getInheritedClasses()) {
        classes.add(inherited);
      }
    }
    classes.add(presets);
    PresetFiles files =
        new PresetFiles(
            new LinkedHashMap<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    Set<String> found = new HashSet<>();
    for (Class<?> one : classes) {
      files.add(one, Loader.loadProperties(one, platform, true), cache, found);
    }
    // A class looks in its own package for what those that it inherits from have in theirs.
    files.absent.removeIf(name -> found.contains(key(name)));
    files.systems.removeIf(name -> found.contains(key(name)));
    return files;
  }

  private void add(
      Class<?> presets, ClassProperties properties, CacheFolder cache, Set<String> foundNames) {
    Set<Path> systemFolders = systemFolders(properties);
    List<String> names = new ArrayList<>(properties.get("platform.preload"));
    names.addAll(properties.get("platform.link"));
    for (String name : names) {
      URL[] found = Loader.findLibrary(presets, properties, name, false);
      URL resource = ofClassPath(found, systemFolders);
      if (resource != null) {
        Path file = unpack(resource, cache);
        libraries.put(file.getFileName().toString(), file);
        foundNames.add(key(name));
      } else {
        (found.length == 0 ? absent : systems).add(name);
      }
    }
    String name = String.valueOf(properties.getProperty("platform.library"));
    URL resource = ofClassPath(Loader.findLibrary(presets, properties, name, false), systemFolders);
    if (resource != null) {
      jni.add(unpack(resource, cache));
    } else if (presets.getName().startsWith("org.bytedeco.pytorch.")) {
      throw new BevelException(
          Status.NOT_LOADED,
          String.format(
              Locale.ROOT,
              "LibTorch: lib%s.so is not on the class path: add org.bytedeco:pytorch, org.bytedeco:openblas and org.bytedeco:javacpp with the classifier %s",
              name,
              properties.getProperty("platform")));
    }
  }

  /** Under which JavaCPP remembers a library: {@code NAME#OTHER} is unpacked by the other name. */
  private static String key(String name) {
    return name.substring(name.indexOf('#') + 1);
  }

  /** Whether the jar is that of the CUDA build. */
  boolean cuda() {
    return libraries.containsKey("libtorch_cuda.so");
  }

  /** Where JavaCPP looks besides the class path; LD_LIBRARY_PATH is part of java.library.path. */
  private static Set<Path> systemFolders(ClassProperties properties) {
    List<String> folders = new ArrayList<>(properties.get("platform.linkpath"));
    folders.addAll(properties.get("platform.preloadpath"));
    for (String path : List.of("java.library.path", "sun.boot.library.path")) {
      folders.addAll(List.of(System.getProperty(path, "").split(File.pathSeparator)));
    }
    Set<Path> paths = new HashSet<>();
    folders.forEach(folder -> paths.add(Path.of(folder).toAbsolutePath()));
    return paths;
  }

  private static @Nullable URL ofClassPath(URL[] found, Set<Path> systemFolders) {
    for (URL url : found) {
      Path folder = url.getProtocol().equals("file") ? pathOf(url).getParent() : null;
      if (folder == null || !systemFolders.contains(folder)) {
        return url;
      }
    }
    return null;
  }

  private static Path unpack(URL resource, CacheFolder cache) {
    if (resource.getProtocol().equals("file")) {
      return pathOf(resource);
    }
    try {
      NativeContent content = NativeContent.of(withoutFragment(resource));
      Path file = Loader.cacheResource(resource).toPath();
      PrivatePath.close(cache.path(), file);
      if (!CheckedFile.holds(file, content)) { // damaged since it was unpacked
        Files.delete(file);
        file = Loader.cacheResource(resource).toPath();
        PrivatePath.close(cache.path(), file);
        if (!CheckedFile.holds(file, content)) {
          throw new IOException(file + " does not hold what its jar does");
        }
      }
      return file;
    } catch (IOException e) {
      throw new BevelException(
          Status.NOT_LOADED,
          String.format(
              Locale.ROOT,
              "LibTorch: cannot unpack %s into %s (-D%s=FOLDER names another): %s",
              resource,
              cache.path(),
              CacheFolder.PROPERTY,
              CacheFolder.reason(e)),
          e);
    }
  }

  /** JavaCPP appends the name that the file is to have. */
  private static URL withoutFragment(URL url) throws IOException {
    return URI.create(url.toString().split("#", 2)[0]).toURL();
  }

  private static Path pathOf(URL url) {
    try {
      return Path.of(new URI(url.toString().split("#", 2)[0]));
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
