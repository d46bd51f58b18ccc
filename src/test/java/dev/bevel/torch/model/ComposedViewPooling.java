package dev.bevel.torch.model;

import dev.bevel.kernels.BevGrid;
import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The splat composed of LibTorch operations (outer product, index_select, index_add): the reference
 * of the kernels.
 */
final class ComposedViewPooling implements ViewPooling {
  private final FrustumSpec spec;
  private final Map<Long, Integer> cellOverrides;

  ComposedViewPooling(FrustumSpec spec) {
    this(spec, Map.of());
  }

  ComposedViewPooling(FrustumSpec spec, Map<Long, Integer> cellOverrides) {
    this.spec = spec;
    this.cellOverrides = cellOverrides;
  }

  @Override
  public Pooled pool(Calibration calibration, Tensor depthLogits, Tensor context) {
    BevGrid grid = spec.grid();
    long batch = calibration.batch();
    long channels = context.size(1);
    long cellCount = (long) grid.x().cells() * grid.y().cells() * grid.z().cells();
    long[] cells = cells(calibration);
    cellOverrides.forEach((point, cell) -> cells[Math.toIntExact(point)] = cell);

    Tensor probabilities = depthLogits.softmax(1);
    Tensor frustum = probabilities.unsqueeze(1).mul(context.unsqueeze(2)); // [BN, C, D, H, W]
    Tensor points = frustum.permute(0, 2, 3, 4, 1).reshape(-1, channels);
    long perElement = cells.length / batch;
    int kept = 0;
    double[] targets = new double[cells.length];
    double[] sources = new double[cells.length];
    for (int i = 0; i < cells.length; i++) {
      if (cells[i] >= 0) {
        targets[kept] = cells[i] + (i / perElement) * cellCount;
        sources[kept++] = i;
      }
    }
    Tensor source = index(sources, kept);
    Tensor target = index(targets, kept);
    Tensor zeros =
        torch.zeros(
            new long[] {batch * cellCount, channels}, new TensorOptions(context.scalar_type()));
    Tensor map = zeros.index_add(0, target, points.index_select(0, source));
    Tensor bev =
        map.view(batch, grid.z().cells(), grid.y().cells(), grid.x().cells(), channels)
            .permute(0, 1, 4, 2, 3)
            .reshape(batch, grid.z().cells() * channels, grid.y().cells(), grid.x().cells());
    return new Pooled(bev, probabilities.unflatten(0, batch, calibration.cameras()));
  }

  private static Tensor index(double[] values, int count) {
    return Tensors.of(Arrays.copyOf(values, count), count).to(ScalarType.Long);
  }

  /** Cell of each frustum point, truncated toward zero, or −1. */
  long[] cells(Calibration calibration) {
    double[] points = Tensors.toDoubles(FrustumGeometry.points(spec, calibration));
    List<BevGrid.Axis> axes = List.of(spec.grid().x(), spec.grid().y(), spec.grid().z());
    long[] cells = new long[points.length / 3];
    for (int i = 0; i < cells.length; i++) {
      long[] index = new long[3];
      boolean inside = true;
      for (int a = 0; a < 3; a++) {
        BevGrid.Axis axis = axes.get(a);
        double position = (points[3 * i + a] - axis.lower()) / axis.cellSize();
        index[a] = (long) position;
        inside &= index[a] >= 0 && index[a] < axis.cells();
      }
      cells[i] =
          inside
              ? (index[2] * axes.get(1).cells() + index[1]) * axes.get(0).cells() + index[0]
              : -1;
    }
    return cells;
  }

  @Override
  public void close() {}
}
