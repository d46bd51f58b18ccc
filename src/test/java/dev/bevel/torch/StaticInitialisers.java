package dev.bevel.torch;

import dev.bevel.bench.OperatorComparison;
import dev.bevel.javacpp.JavaCpp;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.Workspace;
import dev.bevel.torch.io.SafeTensors;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Modifier;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Initialises every class of Bevel, then calls entry points twice, in a process without native
 * files; prints what does not fail as it should. Run by {@link StaticInitialisersTest}.
 */
final class StaticInitialisers {
  private StaticInitialisers() {}

  private interface Call {
    void run() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    int classes = 0;
    for (String name : classNames()) {
      try {
        ClassLoader loader = StaticInitialisers.class.getClassLoader();
        if (!extendsGenerated(Class.forName(name, false, loader))) {
          Class.forName(name, true, loader);
          classes++;
        }
      } catch (LinkageError e) {
        System.out.println("WRONG: " + name + ": " + e + ", " + e.getCause());
      }
    }
    System.out.println(classes + " classes initialised");
    callTwice();
  }

  /**
   * JavaCPP's classes load their library when they are initialised. Those of Bevel that extend one
   * are not public, and made only after what they extend has been loaded.
   */
  private static boolean extendsGenerated(Class<?> one) {
    for (Class<?> c = one.getSuperclass(); c != null; c = c.getSuperclass()) {
      if (c.getName().startsWith("org.bytedeco.") || c.getName().contains(".javacpp.abi.")) {
        return !Modifier.isPublic(one.getModifiers());
      }
    }
    return false;
  }

  private static List<String> classNames() throws Exception {
    List<String> names = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(":")) {
      Path root = Path.of(entry);
      // Generated classes load their library when they are initialised: JavaCpp.initialize() is to
      // be called before.
      if (Files.isDirectory(root) && !root.toString().contains("test-classes")) {
        add(root, names);
      } else if (root.getFileName().toString().matches("bevel-.*\\.jar")) {
        try (FileSystem jar = FileSystems.newFileSystem(root)) {
          add(jar.getPath("/"), names);
        }
      }
    }
    return names;
  }

  private static void add(Path root, List<String> names) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      files
          .map(file -> root.relativize(file).toString())
          .filter(file -> file.startsWith("dev/bevel/") && file.endsWith(".class"))
          .filter(file -> !file.startsWith("dev/bevel/javacpp/abi/"))
          .filter(file -> !file.startsWith("dev/bevel/bench/PeerLibrary")) // g++'s, for benchmarks
          .filter(file -> !file.endsWith("-info.class") && !file.contains("/jmh/"))
          .forEach(f -> names.add(f.substring(0, f.length() - 6).replace('/', '.')));
    }
  }

  private static void callTwice() {
    Map<String, Call> calls = new LinkedHashMap<>();
    calls.put("Bevel.load", Bevel::load);
    calls.put("Bevel.threads", Bevel::threads);
    calls.put("Workspace", () -> Workspace.cpu().close());
    calls.put("JavaCpp.initialize", JavaCpp::initialize);
    calls.put("Torch.initialize", Torch::initialize);
    calls.put("TorchInfo.current", TorchInfo::current);
    calls.put("TensorScope.open", TensorScope::open);
    calls.put("Tensors.of", () -> Tensors.of(new float[1], 1));
    calls.put("Initializer.seeded", () -> Initializer.seeded(1));
    calls.put("SafeTensors.read", () -> SafeTensors.read(Path.of("none")));
    calls.put("OperatorComparison", () -> new OperatorComparison("a", "b", "c"));
    calls.put(
        "Pointers.pointer",
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(8);
            dev.bevel.javacpp.Pointers.pointer(memory);
          }
        });
    calls.forEach(
        (name, call) -> {
          String first = outcome(call);
          String second = outcome(call);
          boolean right = first.equals(second) && !first.contains("Error");
          System.out.println((right ? "" : "WRONG: ") + name + ": " + first + " | " + second);
        });
  }

  private static String outcome(Call call) {
    try {
      call.run();
      return "works";
    } catch (Throwable e) {
      return e.getClass().getSimpleName() + " " + e.getMessage();
    }
  }
}
