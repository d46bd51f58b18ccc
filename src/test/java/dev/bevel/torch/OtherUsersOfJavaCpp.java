package dev.bevel.torch;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.train.LearningRate;
import dev.bevel.torch.train.Trainer;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Programs that use JavaCPP or Bevel in their own way; run by {@link OtherUsersOfJavaCppTest}. */
final class OtherUsersOfJavaCpp {
  private OtherUsersOfJavaCpp() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("cap")) {
      javaCppFirst();
    } else {
      twoClassLoaders();
    }
  }

  /** With JavaCPP's cap on, as a program has it that knows nothing of Bevel. */
  private static void javaCppFirst() throws IOException {
    // The folder that it would have in Bevel, so that nothing is unpacked for this test alone.
    System.setProperty(
        "org.bytedeco.javacpp.cachedir",
        System.getProperty("bevel.cache") + "/javacpp-" + Loader.getVersion());
    System.out.println("cap " + (Pointer.maxPhysicalBytes() > 0));
    try (TensorScope scope = TensorScope.open()) {
      TensorView view = TensorViews.of(torch.ones(2, 3));
      System.out.println(view);
    }
    try (Initializer init = Initializer.seeded(1);
        Linear layer = new Linear(2, 3, init);
        Trainer trainer =
            new Trainer(
                layer,
                new Trainer.Settings(
                    1e-3, 0, Trainer.Settings.NO_CLIP, new LearningRate.Constant(), null),
                1)) {
      System.out.println("trains " + trainer.step());
    } catch (IllegalStateException e) {
      System.out.println(e.getMessage());
    }
  }

  private static void twoClassLoaders() throws Exception {
    Bevel.load();
    try (TensorScope scope = TensorScope.open();
        Tensor ones = torch.ones(1)) {
      System.out.println("first " + ones.item_float());
    }
    URL[] classPath =
        Arrays.stream(System.getProperty("java.class.path").split(":"))
            .map(OtherUsersOfJavaCpp::url)
            .toArray(URL[]::new);
    try (URLClassLoader second =
        new URLClassLoader(classPath, ClassLoader.getPlatformClassLoader())) {
      Class<?> probe = second.loadClass(LoadingProbe.class.getName());
      var main = probe.getDeclaredMethod("main", String[].class);
      main.setAccessible(true);
      main.invoke(null, (Object) List.of("kernels", "torch").toArray(String[]::new));
    }
  }

  private static URL url(String entry) {
    try {
      return Path.of(entry).toUri().toURL();
    } catch (java.net.MalformedURLException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
