package dev.bevel.nuscenes.validation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Which findings of many are kept, and in what order. */
class FindingsTest {
  @Test
  void theFirstRecordsAreKeptInTheirOrder() {
    List<Integer> records = new ArrayList<>(IntStream.range(0, 1200).boxed().toList());
    Collections.shuffle(records, new Random(1));
    Findings findings = new Findings();
    for (int record : records) {
      findings.add(new Finding(Rule.FIELD, "scene", "record " + record, "name", "a", "b"));
      findings.add(new Finding(Rule.FIELD, "sample", "t", "list[" + record + "]", "a", "b"));
    }
    List<Finding> kept = findings.kept();
    assertThat(kept.stream().filter(f -> f.table().equals("scene")).map(Finding::token))
        .containsExactlyElementsOf(
            IntStream.range(0, Findings.KEPT).mapToObj(i -> "record " + i).toList());
    assertThat(kept.stream().filter(f -> f.table().equals("sample")).map(Finding::field))
        .containsExactlyElementsOf(
            IntStream.range(0, Findings.KEPT).mapToObj(i -> "list[" + i + "]").toList());
  }
}
