package dev.bevel.bench.liftsplat;

import dev.bevel.bench.PermanentPointers;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Lift-splat composed of LibTorch's operators, as LSS writes it (Philion and Fidler, ECCV 2020):
 * the outer product of depth and context for every frustum point, index_select of the kept points,
 * index_add_ into a map of zeros. From probabilities and a channels-last context with the indices
 * made beforehand, to a channels-last map; allocating and freeing its intermediate tensors is part
 * of it. Backward is LibTorch's own: alone, over a graph made beforehand; after forward, over the
 * graph that forward made.
 */
@SuppressWarnings("try") // scopes are there to be closed
public final class LibTorchLiftSplat implements AutoCloseable {
  private final PermanentPointers tensors = new PermanentPointers();
  private final long cells;
  private final long channels;
  private final Tensor depth;
  private final Tensor context;
  private final Tensor kept;
  private final Tensor keptCells;
  private final Tensor depthLeaf;
  private final Tensor contextLeaf;
  private final Tensor gradOut;
  private final Tensor graph;

  /**
   * @param problem whose inputs it shares; must outlive this
   */
  public LibTorchLiftSplat(LiftSplatProblem problem) {
    LiftSplatShape shape = problem.shape();
    cells = shape.cells();
    channels = shape.channels();
    long[] depthShape = {problem.cameras(), shape.depthBins(), shape.height(), shape.width(), 1};
    long[] contextShape = {problem.cameras(), 1, shape.height(), shape.width(), channels};
    depth = tensors.over(problem.probabilities(), depthShape);
    context = tensors.over(problem.context().last(), contextShape);
    gradOut = tensors.over(problem.gradOut().last(), cells, channels);
    int[] cellOfPoint = problem.cells();
    long[] keptPoints =
        IntStream.range(0, cellOfPoint.length)
            .filter(point -> cellOfPoint[point] >= 0)
            .asLongStream()
            .toArray();
    kept = tensors.indices(keptPoints);
    keptCells =
        tensors.indices(Arrays.stream(keptPoints).map(point -> cellOfPoint[(int) point]).toArray());

    depthLeaf = tensors.over(problem.probabilities(), depthShape);
    contextLeaf = tensors.over(problem.context().last(), contextShape);
    depthLeaf.set_requires_grad(true);
    contextLeaf.set_requires_grad(true);
    try (TensorScope scope = TensorScope.open()) {
      Tensor made = compose(depthLeaf, contextLeaf);
      graph = tensors.own(() -> new Tensor(made)); // a second handle: the scope closes the first
    }
  }

  /** Runs forward and drops the result. */
  public void forward() {
    try (TensorScope scope = TensorScope.open()) {
      compose(depth, context);
    }
  }

  /** Runs backward and drops the gradients. */
  public void backward() {
    try (TensorScope scope = TensorScope.open()) {
      gradients(graph, true);
    }
  }

  /** Runs forward with a graph and backward over it, and drops what they gave. */
  public void forwardBackward() {
    try (TensorScope scope = TensorScope.open()) {
      gradients(compose(depthLeaf, contextLeaf), false);
    }
  }

  /** Some other work on LibTorch's threads: doubles a map. */
  public void elementwise() {
    try (TensorScope scope = TensorScope.open()) {
      gradOut.mul(new Scalar(2f));
    }
  }

  /** The map, [cells, C]. */
  float[] result() {
    try (TensorScope scope = TensorScope.open()) {
      return Tensors.toFloats(compose(depth, context));
    }
  }

  /** Gradients of depth [N, D, H, W] and context [N, H, W, C]. */
  float[][] gradientValues() {
    try (TensorScope scope = TensorScope.open()) {
      TensorVector gradients = gradients(graph, true);
      return new float[][] {Tensors.toFloats(gradients.get(0)), Tensors.toFloats(gradients.get(1))};
    }
  }

  /** The map and the gradients, from one forward and its backward. */
  float[][] forwardBackwardValues() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor map = compose(depthLeaf, contextLeaf);
      TensorVector gradients = gradients(map, false);
      return new float[][] {
        Tensors.toFloats(map.detach()),
        Tensors.toFloats(gradients.get(0)),
        Tensors.toFloats(gradients.get(1))
      };
    }
  }

  private Tensor compose(Tensor depthInput, Tensor contextInput) {
    Tensor outer = depthInput.mul(contextInput);
    Tensor rows = outer.view(-1, channels);
    Tensor points = rows.index_select(0, kept);
    rows.close();
    outer.close(); // freed as soon as C++ code would
    return torch.zeros(cells, channels).index_add_(0, keptCells, points);
  }

  private TensorVector gradients(Tensor map, boolean keepGraph) {
    return torch.grad(
        new TensorVector(map),
        new TensorVector(depthLeaf, contextLeaf),
        new TensorVector(gradOut),
        new BoolOptional(keepGraph),
        false,
        false);
  }

  @Override
  public void close() {
    tensors.close();
  }
}
