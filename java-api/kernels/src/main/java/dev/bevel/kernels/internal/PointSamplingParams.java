package dev.bevel.kernels.internal;

/** The structs of {@code point_sampling.h}. */
public final class PointSamplingParams extends ParamsStruct {
  /** {@code bevel_point_sampling_params}. */
  public static final PointSamplingParams STRUCT = new PointSamplingParams();

  public final TensorField lidarToImage = read("lidar_to_image");
  public final TensorField points = read("points");
  public final PillarGridStruct grid = struct("grid", PillarGridStruct::new);
  public final Int32 imageHeight = int32("image_height");
  public final Int32 imageWidth = int32("image_width");
  public final Int32 visibleOfFirstElement = int32("visible_of_first_element");

  {
    reserved();
  }

  public final TensorField reference = written("reference");
  public final TensorField mask = writtenMask("mask");
  public final TensorField visible = writtenMask("visible");
  public final TensorField meanFactor = written("mean_factor");

  private PointSamplingParams() {
    super("point_sampling");
    threads();
  }

  /** {@code bevel_pillar_grid}. */
  public static final class PillarGridStruct extends CStruct {
    public final Int32 rows = int32("rows");
    public final Int32 columns = int32("columns");
    public final Int32 anchors = int32("anchors");

    {
      reserved();
    }

    public final Numbers range = float64s("range", 6);

    PillarGridStruct(long start) {
      super("bevel_pillar_grid", start);
    }
  }
}
