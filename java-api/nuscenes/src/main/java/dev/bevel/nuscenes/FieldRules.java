package dev.bevel.nuscenes;

/**
 * What the fields of the tables may hold, and how that is told: reader and validator, which share
 * no code that reads, ask here, so that they refuse the same values in the same words.
 */
public final class FieldRules {
  /** A place, no farther off than anything on Earth: what is computed from it stays finite. */
  public static final String POSITION = "an array of 3 finite numbers, metres within ±1e9";

  /** A unit quaternion. */
  public static final String ROTATION =
      "an array of 4 finite numbers, a quaternion (w, x, y, z) of norm 1 ± 0.001";

  /** The size of a box. */
  public static final String SIZE =
      "an array of 3 finite numbers, width, length and height, above 0 and at most 1e9 metres";

  /** A camera matrix. */
  public static final String INTRINSIC =
      "[] or a 3×3 matrix [[fx, s, cx], [0, fy, cy], [0, 0, 1]] of pixels within ±1e9, fx and fy at"
          + " least 0.001";

  /** A count. */
  public static final String COUNT = "a whole number from 0 to 2147483647";

  /** A time. */
  public static final String TIME = "a time in whole microseconds, from 0 to 9007199254740991";

  private static final double MOST = 1e9;
  private static final double NORM_TOLERANCE = 1e-3;
  private static final double LEAST_FOCAL_LENGTH = 1e-3;
  private static final long MOST_TIME = (1L << 53) - 1;

  private FieldRules() {}

  /** Whether numbers are what {@link #POSITION} says. */
  public static boolean isPosition(double[] numbers) {
    return numbers.length == 3 && isWithin(numbers);
  }

  /** Whether numbers are what {@link #ROTATION} says. */
  public static boolean isRotation(double[] numbers) {
    double squares = 0;
    for (double number : numbers) {
      squares += number * number;
    }
    return numbers.length == 4 && Math.abs(Math.sqrt(squares) - 1) <= NORM_TOLERANCE;
  }

  /** Whether numbers are what {@link #SIZE} says. */
  public static boolean isSize(double[] numbers) {
    return numbers.length == 3
        && isWithin(numbers)
        && numbers[0] > 0
        && numbers[1] > 0
        && numbers[2] > 0;
  }

  /**
   * Whether a matrix is what {@link #INTRINSIC} says.
   *
   * @param k row-major, 9 numbers
   */
  public static boolean isIntrinsic(double[] k) {
    return k.length == 9
        && isWithin(k)
        && k[0] >= LEAST_FOCAL_LENGTH
        && k[4] >= LEAST_FOCAL_LENGTH
        && k[3] == 0
        && k[6] == 0
        && k[7] == 0
        && k[8] == 1;
  }

  /** Whether a number is what {@link #COUNT} says. */
  public static boolean isCount(long number) {
    return number >= 0 && number <= Integer.MAX_VALUE;
  }

  /** Whether a number is what {@link #TIME} says. */
  public static boolean isTime(long number) {
    return number >= 0 && number <= MOST_TIME;
  }

  /** False for NaN too. */
  private static boolean isWithin(double[] numbers) {
    for (double number : numbers) {
      if (!(Math.abs(number) <= MOST)) {
        return false;
      }
    }
    return true;
  }
}
