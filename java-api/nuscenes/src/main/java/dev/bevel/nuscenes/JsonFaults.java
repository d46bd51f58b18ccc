package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.Locale;
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

  private JsonFaults() {}

  /** Where a text stops being JSON and why, to follow {@code "is not valid JSON"}. */
  public static String told(JsonProcessingException e) {
    return at(e.getLocation()) + ": " + words(e);
  }

  /** Why a text is not JSON. */
  public static String words(JsonProcessingException e) {
    String text = String.valueOf(e.getOriginalMessage());
    text = ORIGIN.matcher(text).replaceAll("");
    text = ADVICE.matcher(text).replaceAll("");
    text = ASIDE.matcher(text).replaceAll("");
    return LEFTOVER.matcher(text).replaceAll("what is allowed").strip();
  }

  /** A place in a file, in parentheses after a space; empty where it is not known. */
  public static String at(@Nullable JsonLocation location) {
    return location == null || location.getLineNr() < 1
        ? ""
        : String.format(
            Locale.ROOT, " (line %d, column %d)", location.getLineNr(), location.getColumnNr());
  }
}
