package dev.bevel.torch.model;

import dev.bevel.torch.nn.Scopes;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** From the depth network's output to the BEV map. Owns the pooling. */
final class LiftView implements AutoCloseable {
  /**
   * What comes out.
   *
   * @param depthLogits [B·N, D, H, W]
   * @param pooled the BEV map [B, C·Z, Y, X] and the depth distributions [B, N, D, H, W]
   */
  record Lifted(Tensor depthLogits, ViewPooling.Pooled pooled) {
    Tensor bev() {
      return pooled.bev();
    }

    /** The detector's output with these and the head's maps. */
    DetectorOutput with(List<Map<String, Tensor>> tasks) {
      return new DetectorOutput(tasks, depthLogits, pooled.probabilities(), pooled.bev());
    }
  }

  private final FrustumSpec spec;
  private final ViewPooling pooling;

  LiftView(FrustumSpec spec, ViewPooling pooling) {
    this.spec = spec;
    this.pooling = pooling;
  }

  /**
   * Splits logits and context, and pools.
   *
   * @param logitsAndContext [B·N, D + C, H, W]
   */
  Lifted lift(Tensor logitsAndContext, Calibration calibration, Taps taps) {
    long bins = spec.depthBins();
    taps.accept("view.logits_and_context", logitsAndContext);
    Tensor logits = logitsAndContext.narrow(1, 0, bins);
    Tensor context = logitsAndContext.narrow(1, bins, logitsAndContext.size(1) - bins);
    if (taps.wants("view.geometry_xyz")) {
      taps.accept("view.geometry_xyz", geometry(calibration, logits.scalar_type()));
    }
    ViewPooling.Pooled pooled = pooling.pool(calibration, logits, context);
    taps.accept("view.bev", pooled.bev());
    taps.accept("view.depth_softmax", pooled.probabilities().flatten(0, 1));
    return new Lifted(logits, pooled);
  }

  /** Frustum points in the BEV frame, [B, N, D, H, W, 3] metres. */
  private Tensor geometry(Calibration calibration, torch.ScalarType dtype) {
    return Scopes.tidy(() -> FrustumGeometry.points(spec, calibration).to(dtype));
  }

  @Override
  public void close() {
    pooling.close();
  }
}
