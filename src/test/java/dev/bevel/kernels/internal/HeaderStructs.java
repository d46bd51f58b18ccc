package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The structs of Bevel's C headers as the C compiler lays them out: their fields are read from the
 * headers, and a program that is made of them prints the offsets.
 */
final class HeaderStructs {
  private static final Pattern COMMENT = Pattern.compile("/\\*.*?\\*/|//[^\n]*", Pattern.DOTALL);
  private static final Pattern STRUCT =
      Pattern.compile("typedef\\s+struct\\s*\\w*\\s*\\{([^{}]*)\\}\\s*(\\w+)\\s*;");

  /** The name that a declaration ends with, or that of a pointer to a function. */
  private static final Pattern FIELD =
      Pattern.compile("\\(\\s*\\*\\s*(\\w+)\\s*\\)|(\\w+)\\s*(?:\\[[^\\]]*\\]\\s*)*$");

  private static final String PRINTER =
      """
      #include <stddef.h>
      #include <stdio.h>
      #define STRUCT(type) printf("%s %zu\\n", #type, sizeof(type))
      #define FIELD(type, field) \\
        printf("%s.%s %zu %zu\\n", #type, #field, offsetof(type, field), sizeof(((type*)0)->field))
      """;

  /** Fields by struct. */
  private final Map<String, List<String>> structs = new TreeMap<>();

  private final Path root;
  private final List<Path> headers = new ArrayList<>();

  /** Reads the headers under a folder that programs include: not those of C++. */
  HeaderStructs(Path root) throws IOException {
    this.root = root.toAbsolutePath();
    for (String folder : List.of("native", "kernels")) {
      try (Stream<Path> files = Files.walk(this.root.resolve(folder), 4)) {
        files
            .filter(file -> file.toString().endsWith(".h"))
            .filter(file -> !this.root.relativize(file).startsWith("native/target"))
            .sorted()
            .forEach(headers::add);
      }
    }
    for (Path header : headers) {
      read(COMMENT.matcher(Files.readString(header)).replaceAll(" "));
    }
  }

  private void read(String text) {
    Matcher struct = STRUCT.matcher(text);
    while (struct.find()) {
      List<String> fields = new ArrayList<>();
      for (String declaration : struct.group(1).split(";")) {
        if (!declaration.isBlank()) {
          assertThat(declaration).as("one field a declaration").doesNotContain(",");
          Matcher field = FIELD.matcher(declaration.strip());
          assertThat(field.find()).as(declaration).isTrue();
          fields.add(field.group(1) == null ? field.group(2) : field.group(1));
        }
      }
      structs.put(struct.group(2), fields);
    }
  }

  /** The names of the structs. */
  List<String> names() {
    return List.copyOf(structs.keySet());
  }

  /**
   * For each struct {@code name size} and {@code name.field offset size}, in the order of the
   * names, and at the end {@code version} and the headers' version.
   *
   * @param compiler of C
   * @param folder for the program
   */
  List<String> compiled(String compiler, Path folder) throws IOException, InterruptedException {
    Path source = Files.writeString(folder.resolve("layouts.c"), program());
    Path program = folder.resolve("layouts");
    List<String> command =
        new ArrayList<>(
            List.of(compiler, "-DBEVEL_OWN_DLPACK", "-o", program.toString(), source.toString()));
    for (Path include : includes()) {
      command.add("-I" + include);
    }
    run(command);
    return run(List.of(program.toString())).lines().toList();
  }

  private String program() {
    StringBuilder text = new StringBuilder(PRINTER);
    for (Path header : headers) {
      text.append("#include \"").append(header).append("\"\n");
    }
    text.append("int main(void) {\n");
    structs.forEach(
        (name, fields) -> {
          text.append("  STRUCT(").append(name).append(");\n");
          for (String field : fields) {
            text.append("  FIELD(").append(name).append(", ").append(field).append(");\n");
          }
        });
    return text.append("  printf(\"version %d\\n\", BEVEL_VERSION_MAJOR * 10000 +")
        .append(" BEVEL_VERSION_MINOR * 100 + BEVEL_VERSION_PATCH);\n  return 0;\n}\n")
        .toString();
  }

  /** The folders of the headers, and those above them within the sources. */
  private TreeSet<Path> includes() {
    TreeSet<Path> folders = new TreeSet<>();
    for (Path header : headers) {
      Path inside = root.relativize(header);
      for (int names = 1; names < inside.getNameCount(); names++) {
        folders.add(root.resolve(inside.subpath(0, names)));
      }
    }
    return folders;
  }

  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s: %s", command, text).isZero();
    return text;
  }
}
