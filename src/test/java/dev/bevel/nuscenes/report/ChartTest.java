package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.testing.Seed;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ChartTest {
  private static String chart(double[] x, double[] y) {
    Html html = new Html();
    new LineChart("t", "x", "y", 320).curve("c", x, y).writeTo(html);
    return html.toString();
  }

  @Test
  void axesSpanTheirValuesAndHaveAFewTicks() {
    Random random = Seed.random(ChartTest.class);
    for (int trial = 0; trial < 2000; trial++) {
      double scale = Math.pow(10, random.nextInt(600) - 300);
      double offset = random.nextBoolean() ? 0 : random.nextGaussian() * scale * 1000;
      double[] values =
          random.doubles(1 + random.nextInt(5)).map(v -> v * scale + offset).toArray();
      Axis axis = Axis.around(List.of(values), random.nextBoolean());
      assertThat(axis.high()).as("trial %d", trial).isGreaterThan(axis.low());
      for (double value : values) {
        assertThat(axis.position(value)).as("trial %d: %s", trial, axis).isBetween(-1e-9, 1 + 1e-9);
      }
      assertThat(axis.ticks()).as("trial %d: %s", trial, axis).hasSizeBetween(2, 21);
      assertThat(axis.ticks())
          .allMatch(tick -> axis.position(tick) > -1e-6 && axis.position(tick) < 1 + 1e-6);
    }
  }

  @Test
  void axesOfExtremeValuesStayFinite() {
    for (double[] values :
        List.of(
            new double[] {},
            new double[] {Double.NaN, Double.POSITIVE_INFINITY},
            new double[] {0},
            new double[] {-1e308, 1e308},
            new double[] {Double.MIN_VALUE},
            new double[] {Double.MIN_VALUE, Double.MAX_VALUE},
            new double[] {Double.MAX_VALUE},
            new double[] {5, 5})) {
      for (boolean fromZero : new boolean[] {true, false}) {
        Axis axis = Axis.around(List.of(values), fromZero);
        assertThat(axis.high()).as("%s", axis).isGreaterThan(axis.low());
        assertThat(Double.isFinite(axis.low()) && Double.isFinite(axis.high()))
            .as("%s", axis)
            .isTrue();
        assertThat(axis.ticks()).as("%s", axis).hasSizeBetween(1, 21).allMatch(Double::isFinite);
      }
    }
  }

  @Test
  void wideRangesOfPositiveValuesAreLogarithmic() {
    Axis axis = Axis.around(List.of(new double[] {0.02, 9}), false);
    assertThat(axis.logarithmic()).isTrue();
    assertThat(axis.ticks()).hasSize(4);
    assertThat(axis.position(0.1)).isCloseTo(1 / 3.0, within(1e-9));
    assertThat(axis.position(0)).isNaN();
    assertThat(Axis.around(List.of(new double[] {0.02, 9}), true).logarithmic()).isFalse();
    assertThat(Axis.around(List.of(new double[] {-1, 9}), false).logarithmic()).isFalse();
  }

  @Test
  void curvesPassThroughTheirPointsAndBreakAtGaps() {
    String svg = chart(new double[] {0, 1, 2, 3, 4}, new double[] {0, 4, Double.NaN, 2, 4});
    var path = Pattern.compile("<path d=\"(M[^\"]*)\"").matcher(svg);
    assertThat(path.find()).isTrue();
    // From 84 to 614 across, from 274 up to 12: the axes are 0 to 4.
    assertThat(path.group(1)).isEqualTo("M84.0 274.0L216.5 12.0M481.5 143.0L614.0 12.0");
    assertThat(chart(new double[] {1}, new double[] {1})).contains("h0.1");
  }

  @Test
  void chartsWithoutValuesSaySo() {
    for (double[] y : List.of(new double[] {}, new double[] {Double.NaN, Double.NaN})) {
      String svg = chart(IntStream.range(0, y.length).asDoubleStream().toArray(), y);
      assertThat(svg).contains("no values").doesNotContain("NaN", "Infinity", "curve s0");
    }
  }

  @Test
  void longSeriesBecomeMeansOfParts() {
    double[] values = IntStream.range(0, 30_000).asDoubleStream().toArray();
    double[] means = Smoothing.means(values);
    assertThat(means).hasSize(Smoothing.POINTS);
    assertThat(means[0]).isCloseTo(49.5, within(1e-9));
    assertThat(means[299]).isCloseTo(29_949.5, within(1e-9));
    values[7] = Double.NaN;
    assertThat(Smoothing.means(values)[0]).isCloseTo((4950 - 7) / 99.0, within(1e-9));
    assertThat(Smoothing.means(new double[] {3, Double.NaN})).containsExactly(3, Double.NaN);
  }

  @Test
  void figuresAreShort() {
    assertThat(Figures.brief(0.25)).isEqualTo("0.25");
    assertThat(Figures.brief(1200)).isEqualTo("1200");
    assertThat(Figures.brief(1e-4)).isEqualTo("1e-4");
    assertThat(Figures.brief(1.5e-7)).isEqualTo("1.5e-7");
    assertThat(Figures.brief(2e20)).isEqualTo("2e20");
    assertThat(Figures.brief(-0.5)).isEqualTo("-0.5");
    assertThat(Figures.fixed(0.12345, 3)).isEqualTo("0.123");
    assertThat(Figures.fixed(Double.NaN, 3)).isEqualTo("n/a");
    assertThat(Figures.fixed(1e300, 3)).isEqualTo("1e300");
    assertThat(Figures.percent(0.475)).isEqualTo("48 %");
  }
}
