import java.util.List;
import java.util.Map;

/**
 * A planted fault. In a file a mutant begins with {@code === name}; then {@code tier: cuda|cpu},
 * {@code kind:}, {@code file:}, {@code why:}, where wanted {@code also:} (further test programs),
 * {@code --- old} and the text, which must be in the file exactly once (however its white space is
 * broken), and {@code --- new} and what takes its place. A test is a program or program:FILTER,
 * GoogleTest's.
 */
record Mutant(
    String operator,
    String name,
    Map<String, String> fields,
    String oldText,
    String newText,
    List<String> tests) {
  String id() {
    return operator + "/" + name;
  }

  String tier() {
    return fields.get("tier");
  }

  /** The program of a test, which may name the tests in it that count: program:FILTER. */
  static String program(String test) {
    return test.replaceFirst(":.*", "");
  }

  /** GoogleTest's filter of a test. */
  static String filter(String test) {
    return test.contains(":") ? test.substring(test.indexOf(':') + 1) : "*";
  }
}
