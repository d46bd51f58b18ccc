package dev.bevel.nuscenes.simulator;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Which scenes one learns from and which one is tested on: every fourth scene is of {@value #VAL},
 * of two or three scenes the last; the others are of {@value #TRAIN}.
 */
final class SceneSplit {
  static final String TRAIN = "sim_train";
  static final String VAL = "sim_val";

  private static final int PERIOD = 4;
  private static final int VAL_POSITION = 2;

  private SceneSplit() {}

  private static boolean isVal(int index, int scenes) {
    return scenes <= VAL_POSITION + 1
        ? scenes > 1 && index == scenes - 1
        : index % PERIOD == VAL_POSITION;
  }

  /** Writes {@code splits.json}. */
  static void write(Path folder, List<String> scenes) throws IOException {
    List<String> train = new ArrayList<>();
    List<String> val = new ArrayList<>();
    for (int i = 0; i < scenes.size(); i++) {
      (isVal(i, scenes.size()) ? val : train).add(scenes.get(i));
    }
    try (JsonGenerator json =
        new JsonFactory()
            .createGenerator(folder.resolve("splits.json").toFile(), JsonEncoding.UTF8)) {
      json.writeStartObject();
      write(json, TRAIN, train);
      write(json, VAL, val);
      json.writeEndObject();
    }
  }

  private static void write(JsonGenerator json, String split, List<String> scenes)
      throws IOException {
    if (scenes.isEmpty()) {
      return; // of one scene nothing is left for the other split
    }
    json.writeFieldName(split);
    json.writeArray(scenes.toArray(String[]::new), 0, scenes.size());
  }
}
