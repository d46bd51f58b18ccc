package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Batch normalisation (Ioffe and Szegedy, ICML 2015) over dimension 1 of [N, C], [N, C, L] or [N,
 * C, H, W].
 *
 * <p>Training mode normalises with the mean and the biased variance of the batch and moves {@code
 * running_mean} and {@code running_var} (unbiased) towards them by {@code momentum}; evaluation
 * mode normalises with the running values. Parameters {@code weight}, {@code bias} [C]; buffers
 * {@code running_mean}, {@code running_var} [C], {@code num_batches_tracked} (int64 scalar).
 */
public final class BatchNorm extends Module implements Layer {
  /** ε and momentum of PyTorch's default. */
  public static final Settings DEFAULT = new Settings(1e-5, 0.1);

  /** ε and momentum of the necks of SECOND and everything built on it. */
  public static final Settings SECOND = new Settings(1e-3, 0.01);

  /**
   * Constants of a batch norm.
   *
   * @param epsilon added to the variance
   * @param momentum weight of the newest batch in the running values
   */
  public record Settings(double epsilon, double momentum) {}

  private final Settings settings;
  private final Tensor weight;
  private final Tensor bias;
  private final Tensor runningMean;
  private final Tensor runningVar;
  private final Tensor batches;
  private final TensorOptional weightOptional;
  private final TensorOptional biasOptional;
  private final TensorOptional meanOptional;
  private final TensorOptional varOptional;

  /** A batch norm over {@code channels} channels with PyTorch's default constants. */
  public BatchNorm(long channels) {
    this(channels, DEFAULT);
  }

  /**
   * A batch norm over {@code channels} channels: weight 1, bias 0, running mean 0, running variance
   * 1.
   */
  public BatchNorm(long channels, Settings settings) {
    this.settings = settings;
    weight = parameter("weight", torch.ones(channels));
    bias = parameter("bias", torch.zeros(channels));
    runningMean = buffer("running_mean", torch.zeros(channels));
    runningVar = buffer("running_var", torch.ones(channels));
    batches = buffer("num_batches_tracked", torch.zeros(new long[0]).to(ScalarType.Long));
    weightOptional = own(Scopes.own(new TensorOptional(weight)));
    biasOptional = own(Scopes.own(new TensorOptional(bias)));
    meanOptional = own(Scopes.own(new TensorOptional(runningMean)));
    varOptional = own(Scopes.own(new TensorOptional(runningVar)));
  }

  /** The scale [C]; owned by this module. */
  public Tensor weight() {
    requireOpen();
    return weight;
  }

  @Override
  public Tensor forward(Tensor input) {
    given("input", input);
    return call(() -> normalize(input));
  }

  private Tensor normalize(Tensor input) {
    if (isTraining()) {
      Scopes.withoutGradient(() -> batches.add_(new Scalar(1)));
    }
    return torch.batch_norm(
        input,
        weightOptional,
        biasOptional,
        meanOptional,
        varOptional,
        isTraining(),
        settings.momentum,
        settings.epsilon,
        true);
  }

  /**
   * weight/√(running_var + ε) [C]: the factor of the affine map that evaluation mode amounts to.
   */
  Tensor foldedScale() {
    requireOpen();
    return weight.div(runningVar.add(new Scalar(settings.epsilon)).sqrt_());
  }

  /** bias − running_mean·scale [C]: the offset of that affine map. */
  Tensor foldedOffset(Tensor scale) {
    return bias.sub(runningMean.mul(scale));
  }
}
