package dev.bevel.torch.model;

import dev.bevel.kernels.BevGrid;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Constants of the grid and the frustum that upstream's checkpoints carry. The detectors take their
 * geometry from the configuration; these tensors are there so that checkpoints load and are written
 * whole.
 */
final class GridConstants {
  private GridConstants() {}

  /**
   * BEVDet's first version: {@code dx} cell sizes, {@code bx} centres of the first cells, {@code
   * nx} counts, {@code frustum} [D,H,W,3].
   */
  static NamedModules bevDet(FrustumSpec spec) {
    NamedModules names = new NamedModules();
    names.addBuffer("dx", cellSizes(spec.grid()));
    names.addBuffer("bx", firstCentres(spec.grid()));
    names.addBuffer("nx", counts(spec.grid()).to(ScalarType.Float));
    names.addBuffer("frustum", spec.points());
    return names;
  }

  /**
   * BEVDepth: {@code voxel_size}, {@code voxel_coord}, {@code voxel_num} (int64), {@code frustum}
   * [D,H,W,4] with a last 1.
   */
  static NamedModules bevDepth(FrustumSpec spec) {
    NamedModules names = new NamedModules();
    names.addBuffer("voxel_size", cellSizes(spec.grid()));
    names.addBuffer("voxel_coord", firstCentres(spec.grid()));
    names.addBuffer("voxel_num", counts(spec.grid()).to(ScalarType.Long));
    Tensor points = spec.points();
    Tensor ones = torch.ones(spec.depthBins(), spec.height(), spec.width(), 1);
    names.addBuffer("frustum", torch.cat(new TensorVector(points, ones), -1));
    return names;
  }

  private static List<BevGrid.Axis> axes(BevGrid grid) {
    return List.of(grid.x(), grid.y(), grid.z());
  }

  private static Tensor cellSizes(BevGrid grid) {
    return floats(axes(grid).stream().mapToDouble(BevGrid.Axis::cellSize).toArray());
  }

  private static Tensor firstCentres(BevGrid grid) {
    return floats(
        axes(grid).stream().mapToDouble(axis -> axis.lower() + axis.cellSize() / 2).toArray());
  }

  private static Tensor counts(BevGrid grid) {
    return Tensors.of(axes(grid).stream().mapToDouble(BevGrid.Axis::cells).toArray(), 3);
  }

  private static Tensor floats(double[] values) {
    return Tensors.of(values, values.length).to(ScalarType.Float);
  }
}
