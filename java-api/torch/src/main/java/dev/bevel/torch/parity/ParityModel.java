package dev.bevel.torch.parity;

import dev.bevel.torch.model.Taps;
import dev.bevel.torch.nn.Module;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A detector as its fixture runs it. */
interface ParityModel extends AutoCloseable {
  /** The network, whose weights are to be filled. */
  Module network();

  /**
   * Makes the inputs; called once, before {@link #forward}.
   *
   * @param dtype of the run
   */
  void prepare(ScalarType dtype);

  /** Runs the network on the inputs. */
  void forward(Taps taps);

  @Override
  void close();
}
