package dev.bevel.torch.parity;

import dev.bevel.torch.model.Taps;
import dev.bevel.torch.nn.Module;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A detector as its fixture runs it. */
interface ParityModel extends AutoCloseable {
  /** The network. */
  Module network();

  /** Its tensors, to be filled, by the names that the fixture's formula takes. */
  Map<String, Tensor> weights();

  /** The detector's name of a tap of the fixture. */
  String tap(String name);

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
