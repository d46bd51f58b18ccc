import java.util.List;
import java.util.Map;

/**
 * A planted fault. In a file a mutant begins with {@code === name}; then {@code tier: cuda|cpu},
 * {@code kind:}, {@code file:}, {@code why:}, where wanted {@code also:} (further test programs),
 * {@code --- old} and the text, which must be in the file exactly once (however its white space is
 * broken), and {@code --- new} and what takes its place.
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
}
