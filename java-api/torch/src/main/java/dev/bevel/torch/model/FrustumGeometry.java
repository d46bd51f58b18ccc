package dev.bevel.torch.model;

import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Where frustum points lie, by plain matrix algebra in float64. */
final class FrustumGeometry {
  private FrustumGeometry() {}

  /**
   * All frustum points in the BEV frame, float64 [B, N, D, H, W, 3] in metres: p = A⁻¹((u, v, d) −
   * a) with the image augmentation (A, a), then camera → BEV of K⁻¹·(p.x·p.z, p.y·p.z, p.z), then
   * the BEV augmentation. (u, v, d) are the float32 values that upstream stores.
   */
  static Tensor points(FrustumSpec spec, Calibration calibration) {
    return Scopes.tidy(
        () -> {
          long batch = calibration.batch();
          long cameras = calibration.cameras();
          Tensor augmentation = Tensors.of(calibration.imageAugmentation(), batch * cameras, 4, 4);
          Tensor toBev = Tensors.of(calibration.cameraToBev(), batch * cameras, 4, 4);
          Tensor intrinsics = Tensors.of(calibration.intrinsics(), batch * cameras, 3, 3);
          Tensor bevAugmentation = Tensors.of(calibration.bevAugmentation(), batch, 4, 4);

          Tensor p = spec.points().to(ScalarType.Double).view(1, -1, 3);
          p = transform(p.sub(translation(augmentation)), rotation(augmentation).inverse());
          Tensor depth = p.narrow(2, 2, 1);
          p = torch.cat(new TensorVector(p.narrow(2, 0, 2).mul(depth), depth), 2);
          p = transform(p, rotation(toBev).matmul(intrinsics.inverse())).add(translation(toBev));
          p = p.view(batch, -1, 3);
          p = transform(p, rotation(bevAugmentation)).add(translation(bevAugmentation));
          return p.view(batch, cameras, spec.depthBins(), spec.height(), spec.width(), 3);
        });
  }

  private static Tensor rotation(Tensor matrices) {
    return matrices.narrow(1, 0, 3).narrow(2, 0, 3);
  }

  private static Tensor translation(Tensor matrices) {
    return matrices.narrow(1, 0, 3).narrow(2, 3, 1).transpose(1, 2);
  }

  private static Tensor transform(Tensor rows, Tensor matrices) {
    return rows.matmul(matrices.transpose(1, 2));
  }
}
