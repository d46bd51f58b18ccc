package dev.bevel;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Programs outside are compiled against {@code dev.bevel.kernels}, so that it only grows: what
 * {@code src/test/resources/public-api/dev.bevel.kernels.txt} lists is there, as it is listed. With
 * {@code -Dbevel.test.api.write=true} the list is written anew, which is right where something was
 * added.
 */
class PublicApiTest {
  private static final String PACKAGE = "dev.bevel.kernels";

  /** Records that only Bevel makes: their constructors grow with them. */
  private static final Set<String> RESULTS =
      Set.of("Capabilities", "LiftSplatPlanInfo", "LiftSplatPlan$Size");

  @Test
  void nothingThatProgramsAreCompiledAgainstIsGone() throws Exception {
    Path list =
        Path.of(System.getProperty("bevel.root", "."))
            .resolve("src/test/resources/public-api/" + PACKAGE + ".txt");
    TreeSet<String> there = signatures();
    if (Boolean.getBoolean("bevel.test.api.write")) {
      write(list, there);
    }
    TreeSet<String> gone = new TreeSet<>(Files.readAllLines(list));
    assertThat(gone).hasSizeGreaterThan(300);
    gone.removeAll(there);
    assertThat(gone).as("gone or changed").isEmpty();
  }

  private static void write(Path list, TreeSet<String> signatures) throws IOException {
    Files.createDirectories(list.getParent());
    Files.write(list, signatures);
  }

  /** A line for each public class, constructor, method and field. */
  private TreeSet<String> signatures() throws ClassNotFoundException {
    TreeSet<String> lines = new TreeSet<>();
    for (JavaClass each :
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(PACKAGE)) {
      if (each.getPackageName().equals(PACKAGE)) {
        Class<?> type = Class.forName(each.getName(), false, getClass().getClassLoader());
        if (Modifier.isPublic(type.getModifiers())) {
          lines.addAll(signatures(type));
        }
      }
    }
    return lines;
  }

  private static TreeSet<String> signatures(Class<?> type) {
    TreeSet<String> lines = new TreeSet<>();
    Stream<String> above =
        Stream.concat(Stream.ofNullable(type.getSuperclass()), Arrays.stream(type.getInterfaces()))
            .map(Class::getName);
    lines.add(type.getName() + " is " + above.sorted().collect(Collectors.joining(", ")));
    if (!RESULTS.contains(type.getName().substring(PACKAGE.length() + 1))) {
      for (Constructor<?> each : type.getConstructors()) {
        lines.add(type.getName() + " new" + parameters(each));
      }
    }
    for (Method each : type.getDeclaredMethods()) {
      if (Modifier.isPublic(each.getModifiers()) && !each.isSynthetic()) {
        String kind = Modifier.isStatic(each.getModifiers()) ? " static " : " ";
        lines.add(
            type.getName()
                + kind
                + each.getReturnType().getTypeName()
                + " "
                + each.getName()
                + parameters(each));
      }
    }
    for (Field each : type.getFields()) {
      if (each.getDeclaringClass() == type) {
        lines.add(type.getName() + " " + each.getType().getTypeName() + " " + each.getName());
      }
    }
    return lines;
  }

  private static String parameters(Executable executable) {
    return Arrays.stream(executable.getParameterTypes())
        .map(Class::getTypeName)
        .collect(Collectors.joining(", ", "(", ")"));
  }
}
