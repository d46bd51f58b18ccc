package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whoever wrote a file reads what is wrong with it, not what its parser calls that. */
class JsonFaultsTest {
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(20)
                  .maxNumberLength(10)
                  .maxNameLength(20)
                  .maxNestingDepth(5)
                  .build())
          .build();

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\": 1 | cut off",
        "[1, 2 | cut off",
        "[\"abc | cut off",
        "{\"a\": tru} | 'tru' is no value of JSON",
        "[nonsense] | 'nonsense' is no value of JSON",
        "{a: 1} | the character 'a' cannot stand there",
        "{\"a\" 1} | the character '1' cannot stand there",
        "[1 2] | the character '2' cannot stand there",
        "[1} | '}' closes what is not open",
        "[NaN] | 'NaN' is no number of JSON",
        "[01] | not written as JSON writes numbers",
        "[\"a\tb\"] | the control character 9 cannot stand there",
        "[[[[[[[1]]]]]]] | nested more than 5 levels deep",
        "[12345678901234567890] | a number has more than 10 digits",
        "[\"123456789012345678901234567890\"] | a text has more than 20 characters",
        "[\"\u00fc\ud83d\"] | no UTF-8",
      })
  void theWordsAreOurs(String json, String words) throws IOException {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    if (words.contains("UTF-8")) {
      bytes = json.getBytes(StandardCharsets.ISO_8859_1);
    }
    try (JsonParser parser = JSON.createParser(bytes)) {
      while (parser.nextToken() != null) {
        parser.getText();
      }
      fail("%s is sound", json);
    } catch (JsonProcessingException e) {
      assertThat(JsonFaults.words(e))
          .contains(words)
          .doesNotContain("expecting", "token", "CTRL", "(code", "maximum allowed", "Constraints")
          .hasSizeLessThan(201);
    }
  }
}
