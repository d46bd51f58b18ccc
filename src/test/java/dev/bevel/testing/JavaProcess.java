package dev.bevel.testing;

import java.util.ArrayList;
import java.util.List;

/** Another JVM like this one. */
public final class JavaProcess {
  private JavaProcess() {}

  /** The command that runs a main class on this class path, with this JVM's Bevel library. */
  public static List<String> command(Class<?> main, List<String> flags, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    for (String property : List.of("bevel.library.path", "bevel.cache")) {
      if (System.getProperty(property) != null) {
        command.add("-D" + property + "=" + System.getProperty(property));
      }
    }
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(arguments);
    return command;
  }
}
