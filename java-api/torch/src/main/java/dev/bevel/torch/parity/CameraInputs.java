package dev.bevel.torch.parity;

import dev.bevel.kernels.BevGrid;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.FrustumSpec;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What a camera detector's fixture gives it: images, calibration, cells of the points on borders.
 * Matrices have the names of BEVDet ({@code rots}, {@code trans}, {@code intrins}, {@code
 * post_rots}, {@code post_trans}) or of BEVDepth ({@code sensor2ego_mats}, {@code intrin_mats},
 * {@code ida_mats}, {@code bda_mat}; plural or singular, with or without {@code _mat}).
 */
final class CameraInputs {
  private static final int CAMERAS = 6;
  private static final int MATRIX3 = 9;
  private static final int MATRIX4 = 16;
  private static final String INPUTS = "inputs";

  private static final List<String> IMAGES = List.of("image", "images", "imgs", "sweep_imgs");
  private static final List<String> INTRINSICS =
      List.of("intrins", "intrin_mats", "intrin_mat", "intrin");
  private static final List<String> CAMERA_TO_BEV =
      List.of("sensor2ego_mats", "sensor2ego_mat", "sensor2ego", "sensor2keyego");
  private static final List<String> IMAGE_AUGMENTATION = List.of("ida_mats", "ida_mat", "ida");
  private static final List<String> BEV_AUGMENTATION = List.of("bda_mat", "bda_mats", "bda");

  private final DetectorFixture fixture;

  CameraInputs(DetectorFixture fixture) {
    this.fixture = fixture;
  }

  /** The images [6, 3, height, width], float32, by the fixture's formula. */
  Tensor images(int height, int width) {
    String name = one(IMAGES, "the images");
    long[] expected = {CAMERAS, 3, height, width};
    long[] actual = fixture.shape(INPUTS, name, "shape");
    if (!Arrays.equals(ExpectedTap.withoutOnes(actual), ExpectedTap.withoutOnes(expected))) {
      throw fixture.invalid(
          new String[] {INPUTS, name, "shape"}, Arrays.toString(expected), Arrays.toString(actual));
    }
    return WeightFormula.input(fixture.text(INPUTS, name, "key"), expected);
  }

  /** Where the cameras look. */
  Calibration calibration() {
    return new Calibration(
        1,
        CAMERAS,
        intrinsics(),
        homogeneous(CAMERA_TO_BEV, "rots", "trans", "the cameras' poses"),
        homogeneous(IMAGE_AUGMENTATION, "post_rots", "post_trans", "the image augmentation"),
        bevAugmentation());
  }

  private double[] intrinsics() {
    return corners(one(INTRINSICS, "the intrinsics"), CAMERAS);
  }

  private double @Nullable [] bevAugmentation() {
    String name = any(BEV_AUGMENTATION);
    if (name == null) {
      return null;
    }
    double[] values = fixture.numbers(INPUTS, name);
    if (values.length == MATRIX4) {
      return values;
    }
    double[] rotation = fixture.numbers(MATRIX3, INPUTS, name);
    return embed(rotation, new double[3], 1);
  }

  /** Matrices [n, 3, 3], or the upper left 3×3 of matrices [n, 4, 4]. */
  private double[] corners(String name, int count) {
    double[] values = fixture.numbers(INPUTS, name);
    if (values.length != count * MATRIX4) {
      return fixture.numbers(count * MATRIX3, INPUTS, name);
    }
    double[] corners = new double[count * MATRIX3];
    for (int row = 0; row < 3 * count; row++) {
      System.arraycopy(values, row / 3 * MATRIX4 + row % 3 * 4, corners, row * 3, 3);
    }
    return corners;
  }

  /** Matrices [6, 4, 4], or rotations [6, 3, 3] and translations [6, 3] made such. */
  private double[] homogeneous(
      List<String> names, String rotation, String translation, String what) {
    if (fixture.has(INPUTS, rotation)) {
      return embed(
          fixture.numbers(CAMERAS * MATRIX3, INPUTS, rotation),
          fixture.numbers(CAMERAS * 3, INPUTS, translation),
          CAMERAS);
    }
    return fixture.numbers(CAMERAS * MATRIX4, INPUTS, one(names, what));
  }

  private static double[] embed(double[] rotations, double[] translations, int count) {
    double[] matrices = new double[count * MATRIX4];
    for (int n = 0; n < count; n++) {
      for (int row = 0; row < 3; row++) {
        System.arraycopy(rotations, n * MATRIX3 + row * 3, matrices, n * MATRIX4 + row * 4, 3);
        matrices[n * MATRIX4 + row * 4 + 3] = translations[n * 3 + row];
      }
      matrices[n * MATRIX4 + MATRIX4 - 1] = 1;
    }
    return matrices;
  }

  /**
   * The cells of the points so near a cell's border that rounding decides, by flat index; none if
   * the fixture lists none.
   */
  Map<Long, Integer> borderCells(FrustumSpec spec) {
    long points = (long) CAMERAS * spec.depthBins() * spec.height() * spec.width();
    BevGrid grid = spec.grid();
    long cells = (long) grid.x().cells() * grid.y().cells() * grid.z().cells();
    Map<Long, Integer> result = new LinkedHashMap<>();
    String[] path = {"frustum_cells", "border_points"};
    if (!fixture.has(path)) {
      path = new String[] {"border_points"};
    }
    if (!fixture.has(path)) {
      return result;
    }
    for (long[] row : fixture.rows(2, path)) {
      if (row[0] < 0 || row[0] >= points || row[1] < -1 || row[1] >= cells) {
        throw new FixtureException(
            String.format(
                Locale.ROOT,
                "%s: %s must be of points below %d and cells from -1 to %d, got %s",
                fixture.file(),
                String.join(".", path),
                points,
                cells - 1,
                Arrays.toString(row)));
      }
      result.put(row[0], (int) row[1]);
    }
    return result;
  }

  private String one(List<String> names, String what) {
    String name = any(names);
    if (name == null) {
      throw new FixtureException(
          String.format(
              Locale.ROOT,
              "%s: not a fixture of this detector, inputs must have %s under one of the names %s",
              fixture.file(),
              what,
              String.join(", ", names)));
    }
    return name;
  }

  private @Nullable String any(List<String> names) {
    return names.stream().filter(name -> fixture.has(INPUTS, name)).findFirst().orElse(null);
  }
}
