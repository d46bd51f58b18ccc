package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.TableRecord.Sensor;
import dev.bevel.testing.Seed;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TokenTableTest {
  private final Random random = Seed.random(TokenTableTest.class);

  private static TokenTable<Sensor> table(List<String> tokens) {
    return new TokenTable<>(
        tokens.stream().map(token -> new Sensor(token, "of " + token, "")).toArray(Sensor[]::new),
        "table test");
  }

  /** 2ⁿ texts of 2n characters with one hash code. */
  private static List<String> colliding(int n) {
    List<String> texts = List.of("");
    for (int i = 0; i < n; i++) {
      texts = texts.stream().flatMap(text -> Stream.of(text + "Aa", text + "BB")).toList();
    }
    assertThat(texts.stream().map(String::hashCode).distinct()).hasSize(1);
    return texts;
  }

  private List<String> tokens(int count) {
    return Stream.generate(
            () ->
                HexFormat.of().toHexDigits(random.nextLong())
                    + HexFormat.of().toHexDigits(random.nextLong()))
        .limit(count)
        .toList();
  }

  @Test
  void isTheSameAsALinkedHashMap() {
    List<List<String>> cases =
        List.of(
            List.of(),
            List.of("one"),
            tokens(3),
            tokens(1000),
            IntStream.range(0, 1000).mapToObj(i -> "sample-" + i).toList(),
            colliding(10));
    for (List<String> tokens : cases) {
      Map<String, Sensor> expected = new LinkedHashMap<>();
      tokens.forEach(token -> expected.put(token, new Sensor(token, "of " + token, "")));
      TokenTable<Sensor> table = table(tokens);
      assertThat(table).isEqualTo(expected).hasSameHashCodeAs(expected);
      assertThat(table.size()).isEqualTo(expected.size());
      assertThat(List.copyOf(table.keySet())).isEqualTo(tokens);
      assertThat(List.copyOf(table.values())).isEqualTo(List.copyOf(expected.values()));
      assertThat(List.copyOf(table.entrySet())).isEqualTo(List.copyOf(expected.entrySet()));
      for (String token : tokens) {
        // Not the same string, an equal one.
        assertThat(table.get(String.valueOf(token.toCharArray()))).isEqualTo(expected.get(token));
      }
      for (String absent : List.of("", "AaAaAaAaAaAaAaAaAaAaAa", "nowhere")) {
        assertThat(table.get(absent)).isNull();
        assertThat(table.containsKey(absent)).isFalse();
      }
      Object number = 7;
      assertThat(table.containsKey(number)).isFalse();
    }
  }

  @Test
  void twoRecordsOfOneTokenAreRefused() {
    List<String> doubled = new ArrayList<>(colliding(8));
    doubled.add(doubled.get(200)); // the 200th does not find a place in the table itself
    assertThatThrownBy(() -> table(doubled))
        .isInstanceOf(NuScenesException.class)
        .hasMessage("table test holds two records with token " + doubled.get(200));
    assertThatThrownBy(() -> table(List.of("one", "two", "one"))).hasMessageContaining("token one");
  }

  @Test
  void cannotBeChanged() {
    TokenTable<Sensor> table = table(List.of("one", "two"));
    assertThatThrownBy(() -> table.remove("one")).isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> table.values().clear())
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> table.put("three", new Sensor("three", "", "")))
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void aPoolGivesOneCopyToAllThreads() {
    List<String> tokens = Stream.concat(tokens(20_000).stream(), Stream.of("", "é", "1")).toList();
    TokenPool pool = new TokenPool();
    List<String[]> copies =
        IntStream.range(0, 4)
            .parallel()
            .mapToObj(thread -> tokens.stream().map(pool::get).toArray(String[]::new))
            .toList();
    for (int i = 0; i < tokens.size(); i++) {
      assertThat(copies.getFirst()[i]).isEqualTo(tokens.get(i));
      for (String[] other : copies) {
        assertThat(other[i]).isSameAs(copies.getFirst()[i]);
      }
    }
  }

  @Test
  void aPoolGivesEqualCopiesOfTokensThatCollide() {
    TokenPool pool = new TokenPool();
    List<String> tokens = colliding(12);
    for (int round = 0; round < 2; round++) {
      assertThat(tokens.stream().map(pool::get)).isEqualTo(tokens);
    }
  }
}
