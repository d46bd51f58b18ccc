package dev.bevel.cli;

import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.report.TrainingHistory;
import java.util.function.Function;
import java.util.function.Predicate;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Numbers of the command line, and the ranges of options: what is out of one is refused while the
 * line is read, before anything is done. picocli's own words for what is no number are those of
 * Java's types.
 */
final class Numbers {
  private Numbers() {}

  /** For all options and parameters of a command and of those below it that name no range. */
  static void register(CommandLine command) {
    ITypeConverter<Integer> ints =
        parser(
            Integer::valueOf,
            number -> true,
            Counted.wholeNumber(Integer.MIN_VALUE, Integer.MAX_VALUE));
    ITypeConverter<Long> longs =
        parser(Long::valueOf, number -> true, Counted.wholeNumber(Long.MIN_VALUE, Long.MAX_VALUE));
    ITypeConverter<Double> doubles =
        parser(Double::valueOf, Double::isFinite, "a number, such as 0.25");
    command.registerConverter(int.class, ints);
    command.registerConverter(Integer.class, ints);
    command.registerConverter(long.class, longs);
    command.registerConverter(Long.class, longs);
    command.registerConverter(double.class, doubles);
    command.registerConverter(Double.class, doubles);
  }

  private static <N> ITypeConverter<N> parser(
      Function<String, N> parse, Predicate<N> allowed, String expected) {
    return text -> {
      try {
        N number = parse.apply(text.strip());
        if (allowed.test(number)) {
          return number;
        }
      } catch (NumberFormatException e) {
        // told below
      }
      throw new TypeConversionException("must be " + expected + ", got '" + text + "'");
    };
  }

  /** A range of an option. */
  abstract static class Range<N> implements ITypeConverter<N> {
    private final ITypeConverter<N> parser;

    private Range(Function<String, N> parse, Predicate<N> allowed, String expected) {
      parser = parser(parse, allowed, expected);
    }

    @Override
    public final N convert(String text) throws Exception {
      return parser.convert(text);
    }
  }

  private abstract static class Whole extends Range<Integer> {
    private Whole(int least, int most) {
      super(
          Integer::valueOf,
          number -> number >= least && number <= most,
          Counted.wholeNumber(least, most));
    }
  }

  private abstract static class LongWhole extends Range<Long> {
    private LongWhole(long least, long most) {
      super(
          Long::valueOf,
          number -> number >= least && number <= most,
          Counted.wholeNumber(least, most));
    }
  }

  /** A count, perhaps none. */
  static final class Natural extends Whole {
    Natural() {
      super(0, Integer.MAX_VALUE);
    }
  }

  /** A number of threads. */
  static final class Threads extends Whole {
    Threads() {
      super(1, 4096);
    }
  }

  /** A number of training steps. */
  static final class Steps extends LongWhole {
    Steps() {
      super(1, TrainingHistory.MAX_STEP);
    }
  }

  /** A score. */
  static final class Share extends Range<Double> {
    Share() {
      super(Double::valueOf, number -> number >= 0 && number <= 1, "a number from 0 to 1");
    }
  }

  /** A score that another one can exceed. */
  static final class ShareBelowOne extends Range<Double> {
    ShareBelowOne() {
      super(Double::valueOf, number -> number >= 0 && number < 1, "a number from 0 to below 1");
    }
  }
}
