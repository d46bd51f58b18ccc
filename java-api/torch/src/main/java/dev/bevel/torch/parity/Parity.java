package dev.bevel.torch.parity;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.model.Taps;
import dev.bevel.torch.nn.Scopes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Compares Bevel's detectors with upstream's, tensor by tensor. */
public final class Parity {
  /** Tolerance of a float32 run, relative to a tap's standard deviation. */
  public static final double FLOAT_TOLERANCE = 1e-4;

  /** Tolerance of a float64 run. */
  public static final double DOUBLE_TOLERANCE = 1e-8;

  private static final double NANOS = 1e9;

  /** Detectors by the name of their fixture. A new detector adds its line here. */
  private static final Map<String, Function<DetectorFixture, ParityModel>> MODELS =
      Map.of("bevdet_v1_r50", BevDetParity::new);

  private Parity() {}

  /**
   * Builds the fixture's detector, fills its weights by the formula, runs it and compares all taps.
   *
   * @param doublePrecision run in float64
   * @throws FixtureException if there is no such detector, or the fixture does not fit it
   */
  public static ParityReport run(DetectorFixture fixture, boolean doublePrecision) {
    Function<DetectorFixture, ParityModel> maker = MODELS.get(fixture.name());
    if (maker == null) {
      throw new FixtureException(
          fixture.file()
              + ": no detector is known for the fixture '"
              + fixture.name()
              + "'; known: "
              + String.join(", ", MODELS.keySet().stream().sorted().toList()));
    }
    try (TensorScope scope = TensorScope.open();
        ParityModel model = maker.apply(fixture)) {
      List<ParityReport> report = new ArrayList<>();
      Scopes.withoutGradient(() -> report.add(run(fixture, model, doublePrecision)));
      return report.get(0);
    }
  }

  private static ParityReport run(
      DetectorFixture fixture, ParityModel model, boolean doublePrecision) {
    List<ExpectedTap> expected =
        fixture.tapNames().stream().map(name -> fixture.tap(name, doublePrecision)).toList();
    double upstreamSeconds = fixture.number("seconds", doublePrecision ? "float64" : "float32");
    long start = System.nanoTime();
    WeightFormula formula = fixture.weights();
    formula.fill(model.network());
    double fillSeconds = (System.nanoTime() - start) / NANOS;
    WeightCheck.require(fixture, formula, model.network());

    ScalarType dtype = doublePrecision ? ScalarType.Double : ScalarType.Float;
    model.network().to(dtype);
    model.network().eval();
    model.prepare(dtype);
    Collector collector = new Collector();
    start = System.nanoTime();
    model.forward(collector);
    double forwardSeconds = (System.nanoTime() - start) / NANOS;

    List<TapResult> results = new ArrayList<>();
    for (ExpectedTap tap : expected) {
      Tensor tensor = collector.tensors.get(tap.name());
      results.add(
          tensor == null
              ? new TapResult(tap.name(), "the detector has no such tap", Double.NaN)
              : tap.compare(tensor));
    }
    return new ParityReport(
        fixture.name(),
        doublePrecision,
        doublePrecision ? DOUBLE_TOLERANCE : FLOAT_TOLERANCE,
        results,
        fillSeconds,
        forwardSeconds,
        upstreamSeconds);
  }

  /** Keeps every tap until the comparison; the tensors belong to the scope of the run. */
  private static final class Collector implements Taps {
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    @Override
    public boolean wants(String name) {
      return true;
    }

    @Override
    public void accept(String name, Tensor tensor) {
      tensors.put(name, tensor);
    }
  }
}
