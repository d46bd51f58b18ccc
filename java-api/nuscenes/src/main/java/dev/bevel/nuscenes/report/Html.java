package dev.bevel.nuscenes.report;

/**
 * Builds HTML, with SVG in it. All text and attribute values are escaped here and nowhere else, so
 * that no name in a data set or a file can become markup.
 */
final class Html {
  private final StringBuilder out = new StringBuilder();

  /**
   * Begins an element.
   *
   * @param attributes names and values by turns
   */
  Html open(String tag, String... attributes) {
    tag(tag, attributes);
    out.append('>');
    return this;
  }

  Html close(String tag) {
    out.append("</").append(tag).append('>');
    return this;
  }

  /** An element with text in it. */
  Html element(String tag, String text, String... attributes) {
    return open(tag, attributes).text(text).close(tag);
  }

  /** An element of HTML that has no content and no end, e.g. {@code img}. */
  Html single(String tag, String... attributes) {
    return open(tag, attributes);
  }

  /** An element of SVG without content. */
  Html shape(String tag, String... attributes) {
    tag(tag, attributes);
    out.append("/>");
    return this;
  }

  private void tag(String tag, String... attributes) {
    out.append('<').append(tag);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ').append(attributes[i]).append("=\"");
      escape(attributes[i + 1]);
      out.append('"');
    }
  }

  Html text(String text) {
    escape(text);
    return this;
  }

  /** The style sheet or the document type: text of our own that is markup. */
  Html markup(String own) {
    out.append(own);
    return this;
  }

  private void escape(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\'' -> out.append("&#39;");
        default -> out.append(isPrintable(c) ? c : '\ufffd');
      }
    }
  }

  /** Control characters are not allowed in HTML. */
  private static boolean isPrintable(char c) {
    return c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f) || c >= 0xa0;
  }

  @Override
  public String toString() {
    return out.toString();
  }
}
