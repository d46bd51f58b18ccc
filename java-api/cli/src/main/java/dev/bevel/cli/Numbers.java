package dev.bevel.cli;

import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.TypeConversionException;

/** Numbers of the command line; picocli's own words for what is none are those of Java's types. */
final class Numbers {
  private Numbers() {}

  /** For all options and parameters of a command and of those below it. */
  static void register(CommandLine command) {
    register(
        command,
        int.class,
        Integer.class,
        Integer::valueOf,
        whole(Integer.MIN_VALUE, Integer.MAX_VALUE));
    register(command, long.class, Long.class, Long::valueOf, whole(Long.MIN_VALUE, Long.MAX_VALUE));
    register(command, double.class, Double.class, Double::valueOf, "a number, such as 0.25");
  }

  private static String whole(long least, long most) {
    return String.format(Locale.ROOT, "a whole number from %d to %d", least, most);
  }

  private static <N> void register(
      CommandLine command,
      Class<N> primitive,
      Class<N> boxed,
      Function<String, N> parse,
      String expected) {
    CommandLine.ITypeConverter<N> converter =
        text -> {
          try {
            return parse.apply(text.strip());
          } catch (NumberFormatException e) {
            throw new TypeConversionException("must be " + expected + ", got '" + text + "'");
          }
        };
    command.registerConverter(primitive, converter);
    command.registerConverter(boxed, converter);
  }
}
