package dev.bevel.testing;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Damages files: cuts, flips, chunks moved, magic overwritten, text and numbers that hurt. */
final class Mutator {
  private static final List<byte[]> TEXTS =
      List.of(
              "NaN",
              "-Infinity",
              "1e999",
              "-1",
              "0",
              "-0.0",
              "1e-400",
              "99999999999999999999999999",
              "9223372036854775808",
              "0.1e2147483647",
              "9".repeat(500),
              "null",
              "true",
              "\"\"",
              "\"\\ud800\"",
              "\"\\u0000\"",
              "\"" + "a".repeat(70_000) + "\"",
              "[]",
              "{}",
              "[",
              "]",
              "}",
              "\"",
              ",",
              ":",
              "\\",
              "/*",
              "\n",
              "\r\n",
              "\t",
              "\0",
              "\u00e9\u2028\ud83d\ude00",
              "WIDTH 65535\n",
              "DATA binary\n",
              "COUNT 9999\n",
              "#".repeat(5000))
          .stream()
          .map(text -> text.getBytes(StandardCharsets.UTF_8))
          .toList();

  private static final List<byte[]> MAGICS =
      List.of(
          new byte[] {(byte) 0xff, (byte) 0xd8, (byte) 0xff},
          new byte[] {(byte) 0x89, 'P', 'N', 'G'},
          new byte[] {'P', 'K', 3, 4},
          new byte[] {0x1f, (byte) 0x8b, 8},
          new byte[] {(byte) 0xef, (byte) 0xbb, (byte) 0xbf},
          new byte[] {(byte) 0xff, (byte) 0xfe},
          new byte[] {(byte) 0xfe, (byte) 0xff},
          new byte[] {0, 0, 0, 0, 0, 0, 0, 0});

  /** Little- and big-endian extremes: NaN, infinities, largest and smallest integers. */
  private static final int[] WORDS = {
    0x7fc00000,
    0x0000c07f,
    0x7f800000,
    0x0000807f,
    0xff800000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0,
    0x7f7fffff,
    1,
    0x0000ffff
  };

  private final List<byte[]> sources;

  Mutator(List<byte[]> sources) {
    this.sources = List.copyOf(sources);
  }

  List<byte[]> sources() {
    return sources;
  }

  /** One to three changes of one of the sources. */
  byte[] mutate(SplittableRandom random) {
    byte[] bytes = sources.get(random.nextInt(sources.size()));
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      bytes = change(bytes, random);
    }
    return bytes;
  }

  private byte[] change(byte[] bytes, SplittableRandom random) {
    if (bytes.length == 0) {
      return bytes;
    }
    int at = random.nextInt(bytes.length);
    int length = Math.min(bytes.length - at, 1 + random.nextInt(1 + random.nextInt(200)));
    return switch (random.nextInt(14)) {
      case 0 -> Arrays.copyOf(bytes, at);
      case 1 -> overwritten(bytes, at, randomBytes(random, 1));
      case 2 -> overwritten(bytes, at, randomBytes(random, length));
      case 3 -> overwritten(bytes, at, new byte[] {(byte) (bytes[at] ^ 1 << random.nextInt(8))});
      case 4 -> replaced(bytes, at, 0, randomBytes(random, length));
      case 5 -> replaced(bytes, at, 0, Arrays.copyOfRange(bytes, at, at + length));
      case 6 -> replaced(bytes, at, length, new byte[0]);
      case 7 -> overwritten(bytes, 0, pick(MAGICS, random));
      case 8 -> replaced(bytes, at, random.nextInt(2) * length, pick(TEXTS, random));
      case 9 -> number(bytes, at, pick(TEXTS, random));
      case 10 -> overwritten(bytes, at, word(WORDS[random.nextInt(WORDS.length)]));
      case 11 -> replaced(bytes, at, 0, nesting(random));
      case 12 -> replaced(bytes, bytes.length, 0, randomBytes(random, length));
      default -> spliced(bytes, at, random);
    };
  }

  /** The head of a file with the tail of another. */
  private byte[] spliced(byte[] bytes, int at, SplittableRandom random) {
    byte[] other = sources.get(random.nextInt(sources.size()));
    int from = random.nextInt(other.length);
    return replaced(bytes, at, bytes.length - at, Arrays.copyOfRange(other, from, other.length));
  }

  /** The first number in the text after a position becomes something else. */
  private static byte[] number(byte[] bytes, int at, byte[] text) {
    int start = at;
    while (start < bytes.length && !isDigit(bytes[start])) {
      start++;
    }
    int end = start;
    while (end < bytes.length && (isDigit(bytes[end]) || bytes[end] == '.')) {
      end++;
    }
    return replaced(bytes, start, end - start, text);
  }

  private static boolean isDigit(byte b) {
    return b >= '0' && b <= '9';
  }

  private static byte[] nesting(SplittableRandom random) {
    String open = random.nextBoolean() ? "[" : "{\"a\":";
    return open.repeat(1 + random.nextInt(20_000)).getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] word(int value) {
    return new byte[] {
      (byte) (value >> 24), (byte) (value >> 16), (byte) (value >> 8), (byte) value
    };
  }

  private static byte[] randomBytes(SplittableRandom random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private static byte[] pick(List<byte[]> list, SplittableRandom random) {
    return list.get(random.nextInt(list.size()));
  }

  private static byte[] overwritten(byte[] bytes, int at, byte[] with) {
    byte[] result = bytes.clone();
    System.arraycopy(with, 0, result, at, Math.min(with.length, bytes.length - at));
    return result;
  }

  private static byte[] replaced(byte[] bytes, int at, int length, byte[] with) {
    byte[] result = new byte[bytes.length - length + with.length];
    System.arraycopy(bytes, 0, result, 0, at);
    System.arraycopy(with, 0, result, at, with.length);
    System.arraycopy(bytes, at + length, result, at + with.length, bytes.length - at - length);
    return result;
  }
}
