package dev.bevel.nuscenes.validation;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.FieldRules;
import dev.bevel.nuscenes.JsonFaults;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.PathNames;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.Printable;
import dev.bevel.testing.Seed;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;

/**
 * The validator shares nothing that reads or computes with the reader, and yet computes the same;
 * what fields may hold and names may be is asked of one place.
 */
class IndependenceTest {
  private final Random random = Seed.random(IndependenceTest.class);

  @Test
  void theValidatorUsesNeitherReaderNorSimulator() {
    classes()
        .that()
        .resideInAPackage("dev.bevel.nuscenes.validation")
        .should()
        .onlyDependOnClassesThat(
            JavaClass.Predicates.resideInAnyPackage(
                    "dev.bevel.nuscenes.validation",
                    "java..",
                    "javax.imageio..",
                    "com.fasterxml.jackson.core..",
                    "org.jspecify..")
                .or(
                    DescribedPredicate.describe(
                        "rules, writing and words, not reading", IndependenceTest::isPlain)))
        .check(
            new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("dev.bevel.nuscenes.validation"));
  }

  private static boolean isPlain(JavaClass type) {
    return type.isEquivalentTo(AtomicFile.class)
        || type.isEquivalentTo(AtomicFile.Body.class)
        || type.isEquivalentTo(Counted.class)
        || type.isEquivalentTo(FieldRules.class)
        || type.isEquivalentTo(JsonFaults.class)
        || type.isEquivalentTo(NuScenesException.class)
        || type.isEquivalentTo(PathFaults.class)
        || type.isEquivalentTo(PathNames.class)
        || type.isEquivalentTo(Printable.class);
  }

  private Pose pose() {
    return new Pose(
        random.nextGaussian(),
        random.nextGaussian(),
        random.nextGaussian(),
        random.nextGaussian(),
        random.nextGaussian() * 1000,
        random.nextGaussian() * 1000,
        random.nextGaussian());
  }

  private static RigidTransform transform(Pose p) {
    return RigidTransform.of(
        new double[] {p.tx(), p.ty(), p.tz()}, new double[] {p.qw(), p.qx(), p.qy(), p.qz()});
  }

  @Test
  void transformsAgreeWithPoses() {
    for (int i = 0; i < 1000; i++) {
      Pose a = pose();
      Pose b = pose();
      RigidTransform ab = transform(a).after(transform(b).inverse());
      double[] p = {random.nextGaussian() * 50, random.nextGaussian() * 50, random.nextGaussian()};
      Vector3d expected = a.compose(b.inverse()).transform(p[0], p[1], p[2]);
      assertThat(ab.x(p[0], p[1], p[2])).isCloseTo(expected.x, within(1e-9));
      assertThat(ab.y(p[0], p[1], p[2])).isCloseTo(expected.y, within(1e-9));
      assertThat(ab.z(p[0], p[1], p[2])).isCloseTo(expected.z, within(1e-9));
    }
  }

  @Test
  void theTextIndexNumbersStringsAsAMapWould() {
    TextIndex index = new TextIndex();
    Map<String, Integer> map = new HashMap<>();
    for (int i = 0; i < 200_000; i++) {
      String text =
          random.nextBoolean()
              ? Integer.toHexString(random.nextInt(80_000))
              : "ü" + random.nextInt(1000) + "日本".repeat(random.nextInt(5));
      int number = map.computeIfAbsent(text, t -> map.size());
      assertThat(index.add(text)).isEqualTo(number);
    }
    assertThat(index.size()).isEqualTo(map.size());
    map.forEach(
        (text, number) -> {
          assertThat(index.find(text)).isEqualTo(number);
          assertThat(index.text(number)).isEqualTo(text);
        });
    assertThat(index.find("never added")).isEqualTo(-1);
    assertThat(index.find("")).isEqualTo(-1);
  }
}
