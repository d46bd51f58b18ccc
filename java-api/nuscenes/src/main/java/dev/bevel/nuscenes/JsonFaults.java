package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What is wrong with a JSON text, in words for whoever wrote the file: the parser's own messages
 * also name the options, classes and inner locations of the library, which are for its programmers.
 */
public final class JsonFaults {
  /** Parentheses that speak of the library, with others in them or without. */
  private static final Pattern ASIDE =
      Pattern.compile(
          "\\s*\\((?:[^()]|\\([^()]*\\))*(?:Feature|Constraints|Source)(?:[^()]|\\([^()]*\\))*\\)");

  private static final Pattern ORIGIN = Pattern.compile(", from [`'][^`']*[`']");
  private static final Pattern ADVICE = Pattern.compile("[:;,]? enable [`'][^`']*[`'].*$");
  private static final Pattern LEFTOVER =
      Pattern.compile("[`']?\\b\\w*(?:Feature|Constraints)\\b[.\\w()]*[`']?");

  /** The parser's messages, and ours. */
  private static final Map<Pattern, String> OURS = new LinkedHashMap<>();

  static {
    our("Unexpected end-of-input.*", "it ends in its middle, as if cut off");
    our("Unexpected character \\('(.+?)' \\(code.*", "the character '$1' cannot stand there");
    our("Unexpected close marker '(.)'.*", "'$1' closes what is not open");
    our("Unrecognized token '(.*?)'.*", "'$1' is no value of JSON");
    our("Non-standard token '(.*?)'.*", "'$1' is no number of JSON");
    our("Invalid numeric value.*", "a number is not written as JSON writes numbers");
    our(".*CTRL-CHAR, code (\\d+).*", "the control character $1 cannot stand there");
    our("Invalid UTF-.*", "its bytes are no UTF-8");
    our("Number value length.*maximum allowed \\((\\d+).*", "a number has more than $1 digits");
    our(
        "\\w+(?: value)? length.*maximum allowed \\((\\d+).*",
        "a text has more than $1 characters");
    our("Document nesting depth.*allowed \\((\\d+).*", "it is nested more than $1 levels deep");
  }

  private static void our(String theirs, String ours) {
    OURS.put(Pattern.compile(theirs, Pattern.DOTALL), ours);
  }

  private static final int MAX_TEXT = 200;

  private JsonFaults() {}

  /** Where a text stops being JSON and why, to follow {@code "is not valid JSON"}. */
  public static String told(JsonProcessingException e) {
    return at(e.getLocation()) + ": " + words(e);
  }

  /** Why a text is not JSON. */
  public static String words(JsonProcessingException e) {
    String text = String.valueOf(e.getOriginalMessage());
    for (Map.Entry<Pattern, String> each : OURS.entrySet()) {
      Matcher matcher = each.getKey().matcher(text);
      if (matcher.matches()) {
        return Printable.of(matcher.replaceFirst(each.getValue()), MAX_TEXT);
      }
    }
    text = ORIGIN.matcher(text).replaceAll("");
    text = ADVICE.matcher(text).replaceAll("");
    text = ASIDE.matcher(text).replaceAll("");
    return Printable.of(LEFTOVER.matcher(text).replaceAll("what is allowed").strip(), MAX_TEXT);
  }

  /** A place in a file, in parentheses after a space; empty where it is not known. */
  public static String at(@Nullable JsonLocation location) {
    return location == null || location.getLineNr() < 1
        ? ""
        : String.format(
            Locale.ROOT, " (line %d, column %d)", location.getLineNr(), location.getColumnNr());
  }
}
