package dev.bevel.torch.parity;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.model.Taps;
import dev.bevel.torch.nn.Scopes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Compares Bevel's detectors with upstream's, tensor by tensor. */
public final class Parity {
  /** Tolerance of a float32 run, relative to a tap's standard deviation. */
  public static final double FLOAT_TOLERANCE = 1e-4;

  /** Tolerance of a float64 run. */
  public static final double DOUBLE_TOLERANCE = 1e-8;

  private static final double NANOS = 1e9;

  /** Taps that are a detector's result, e.g. {@code head.task0.heatmap}. */
  private static final Pattern HEAD_OUTPUT = Pattern.compile("head\\.task\\d+\\..+");

  /** Detectors by what the name of their fixture begins with. A new detector adds its line here. */
  private static final Map<String, Function<DetectorFixture, ParityModel>> MODELS =
      Map.of(
          "bevdet_v1_r50",
          CameraDetectorParity::bevDet,
          "bevdepth_megvii_r50",
          CameraDetectorParity::bevDepth);

  private Parity() {}

  /**
   * Builds the fixture's detector, fills its weights by the formula, runs it and compares all taps.
   *
   * @param doublePrecision run in float64
   * @throws FixtureException if there is no such detector, or the fixture does not fit it
   */
  public static ParityReport run(DetectorFixture fixture, boolean doublePrecision) {
    Function<DetectorFixture, ParityModel> maker = maker(fixture);
    try (TensorScope scope = TensorScope.open();
        ParityModel model = maker.apply(fixture)) {
      List<ParityReport> report = new ArrayList<>();
      Scopes.withoutGradient(() -> report.add(run(fixture, model, doublePrecision)));
      return report.get(0);
    }
  }

  private static Function<DetectorFixture, ParityModel> maker(DetectorFixture fixture) {
    String name = fixture.name();
    for (Map.Entry<String, Function<DetectorFixture, ParityModel>> model : MODELS.entrySet()) {
      if (name.equals(model.getKey()) || name.startsWith(model.getKey() + "_")) {
        return model.getValue();
      }
    }
    throw new FixtureException(
        fixture.file()
            + ": no detector is known for the fixture '"
            + name
            + "'; known: "
            + String.join(", ", MODELS.keySet().stream().sorted().toList()));
  }

  private static ParityReport run(
      DetectorFixture fixture, ParityModel model, boolean doublePrecision) {
    List<ExpectedTap> expected =
        fixture.tapNames().stream().map(name -> fixture.tap(name, doublePrecision)).toList();
    double upstreamSeconds = fixture.number("seconds", doublePrecision ? "float64" : "float32");
    long start = System.nanoTime();
    WeightFormula formula = fixture.weights();
    formula.fill(model.weights());
    double fillSeconds = (System.nanoTime() - start) / NANOS;
    WeightCheck.require(fixture, formula, model.weights());

    ScalarType dtype = doublePrecision ? ScalarType.Double : ScalarType.Float;
    model.network().to(dtype);
    model.network().eval();
    model.prepare(dtype);
    List<TapResult> results;
    List<String> headOutputs;
    double forwardSeconds;
    try (Collector collector = new Collector(expected.stream().map(t -> model.tap(t.name())))) {
      start = System.nanoTime();
      model.forward(collector);
      forwardSeconds = (System.nanoTime() - start) / NANOS;
      results = expected.stream().map(tap -> collector.compare(tap, model)).toList();
      headOutputs = collector.headOutputsNotWanted();
    }
    return new ParityReport(
        fixture.name(),
        doublePrecision,
        doublePrecision ? DOUBLE_TOLERANCE : FLOAT_TOLERANCE,
        results,
        headOutputs,
        fillSeconds,
        forwardSeconds,
        upstreamSeconds);
  }

  /** Keeps the taps that are asked for until it is closed. */
  private static final class Collector implements Taps, AutoCloseable {
    private final Set<String> wanted;
    private final Set<String> offered = new LinkedHashSet<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    Collector(Stream<String> names) {
      wanted = names.collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public boolean wants(String name) {
      return wanted.contains(name);
    }

    @Override
    public void accept(String name, Tensor tensor) {
      offered.add(name);
      if (wants(name)) {
        tensors.put(name, tensor.<Tensor>retainReference());
      }
    }

    TapResult compare(ExpectedTap tap, ParityModel model) {
      Tensor tensor = tensors.get(model.tap(tap.name()));
      return tensor == null ? TapResult.notCompared(tap.name()) : tap.compare(tensor);
    }

    /** Head outputs of the detector that no tap of the fixture stands for. */
    List<String> headOutputsNotWanted() {
      return offered.stream()
          .filter(name -> HEAD_OUTPUT.matcher(name).matches() && !wanted.contains(name))
          .toList();
    }

    @Override
    public void close() {
      tensors.values().forEach(Tensor::releaseReference);
    }
  }
}
