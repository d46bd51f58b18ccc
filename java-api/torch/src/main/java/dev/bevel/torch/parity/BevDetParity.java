package dev.bevel.torch.parity;

import dev.bevel.kernels.BevGrid;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.model.DetectorConfig;
import dev.bevel.torch.model.FrustumSpec;
import dev.bevel.torch.model.KernelViewPooling;
import dev.bevel.torch.model.Taps;
import dev.bevel.torch.nn.Module;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * BEVDet-R50, first version, in the LiDAR frame: inputs image, rots, trans, intrins, post_rots,
 * post_trans.
 */
final class BevDetParity implements ParityModel {
  private static final int CAMERAS = 6;

  private final DetectorFixture fixture;
  private final Calibration calibration;
  private final Detector detector;
  private @Nullable Tensor images;

  BevDetParity(DetectorFixture fixture) {
    this.fixture = fixture;
    DetectorConfig config;
    try {
      config = DetectorConfig.load("bevdet-r50");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    calibration =
        new Calibration(
            1,
            CAMERAS,
            fixture.numbers(CAMERAS * 9, "inputs", "intrins"),
            homogeneous(fixture, "rots", "trans"),
            homogeneous(fixture, "post_rots", "post_trans"),
            null);
    FrustumSpec spec = FrustumSpec.of(config);
    detector = Detector.create(config, 0, KernelViewPooling.withCells(spec, borderCells(spec)));
  }

  /** The cells of the points so near a cell's border that rounding decides, by flat index. */
  private Map<Long, Integer> borderCells(FrustumSpec spec) {
    long points = (long) CAMERAS * spec.depthBins() * spec.height() * spec.width();
    BevGrid grid = spec.grid();
    long cells = (long) grid.x().cells() * grid.y().cells() * grid.z().cells();
    Map<Long, Integer> result = new LinkedHashMap<>();
    for (long[] row : fixture.rows(2, "frustum_cells", "border_points")) {
      if (row[0] < 0 || row[0] >= points || row[1] < -1 || row[1] >= cells) {
        throw new FixtureException(
            "%s: frustum_cells.border_points must be of points below %d and cells from -1 to %d, got %s"
                .formatted(fixture.file(), points, cells - 1, Arrays.toString(row)));
      }
      result.put(row[0], (int) row[1]);
    }
    return result;
  }

  /** Rotations [N,3,3] and translations [N,3] of the fixture as [N,4,4]. */
  private static double[] homogeneous(
      DetectorFixture fixture, String rotation, String translation) {
    double[] r = fixture.numbers(CAMERAS * 9, "inputs", rotation);
    double[] t = fixture.numbers(CAMERAS * 3, "inputs", translation);
    double[] matrices = new double[CAMERAS * 16];
    for (int n = 0; n < CAMERAS; n++) {
      for (int row = 0; row < 3; row++) {
        System.arraycopy(r, n * 9 + row * 3, matrices, n * 16 + row * 4, 3);
        matrices[n * 16 + row * 4 + 3] = t[n * 3 + row];
      }
      matrices[n * 16 + 15] = 1;
    }
    return matrices;
  }

  @Override
  public Module network() {
    return detector;
  }

  @Override
  public void prepare(ScalarType dtype) {
    long[] shape = {
      CAMERAS, 3, detector.config().image().height(), detector.config().image().width()
    };
    fixture.requireShape(shape, "inputs", "image", "shape");
    Tensor flat = WeightFormula.input(fixture.text("inputs", "image", "key"), shape);
    images = flat.to(dtype).unsqueeze(0);
  }

  @Override
  public void forward(Taps taps) {
    detector.forward(Objects.requireNonNull(images, "prepare first"), calibration, taps);
  }

  @Override
  public void close() {
    detector.close();
  }
}
