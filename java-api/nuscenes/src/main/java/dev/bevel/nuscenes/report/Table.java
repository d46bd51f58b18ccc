package dev.bevel.nuscenes.report;

import java.util.List;

/** A table with a head row and a head column, which scrolls by itself where it is too wide. */
final class Table {
  private Table() {}

  /**
   * Begins a table; {@link #row} adds to it.
   *
   * @param caption what it shows
   */
  static void open(Html html, String caption, List<String> columns) {
    html.open("div", "class", "scroll", "role", "region", "aria-label", caption, "tabindex", "0")
        .open("table")
        .element("caption", caption)
        .open("thead")
        .open("tr");
    columns.forEach(column -> html.element("th", column, "scope", "col"));
    html.close("tr").close("thead").open("tbody");
  }

  static void row(Html html, String head, List<String> cells) {
    html.open("tr").element("th", head, "scope", "row");
    cells.forEach(cell -> html.element("td", cell));
    html.close("tr");
  }

  static void close(Html html) {
    html.close("tbody").close("table").close("div");
  }
}
