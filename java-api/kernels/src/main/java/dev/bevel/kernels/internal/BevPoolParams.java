package dev.bevel.kernels.internal;

/** The structs of {@code bev_pool.h}. */
public final class BevPoolParams {
  /** {@code bevel_bev_pool_forward_params}. */
  public static final Forward FORWARD = new Forward();

  /** {@code bevel_bev_pool_backward_params}. */
  public static final Backward BACKWARD = new Backward();

  private BevPoolParams() {}

  /** What both passes read, one after the other in the structs of both. */
  public static final class InputFields {
    public final TensorField depth;
    public final TensorField feature;
    public final TensorField ranksDepth;
    public final TensorField ranksFeature;
    public final TensorField ranksBev;
    public final TensorField intervalStarts;
    public final TensorField intervalLengths;

    InputFields(CStruct of) {
      depth = of.read("depth");
      feature = of.read("feature");
      ranksDepth = of.read("ranks_depth");
      ranksFeature = of.read("ranks_feature");
      ranksBev = of.read("ranks_bev");
      intervalStarts = of.read("interval_starts");
      intervalLengths = of.read("interval_lengths");
    }
  }

  /** The forward pass. */
  public static final class Forward extends ParamsStruct {
    public final InputFields inputs = new InputFields(this);
    public final TensorField out = written("out");

    private Forward() {
      super("bev_pool_forward");
      threads();
    }
  }

  /** The backward pass. */
  public static final class Backward extends ParamsStruct {
    public final TensorField gradOut = read("grad_out");
    public final InputFields inputs = new InputFields(this);
    public final TensorField gradDepth = written("grad_depth");
    public final TensorField gradFeature = written("grad_feature");

    private Backward() {
      super("bev_pool_backward");
      workspaceField();
      threads();
    }
  }
}
