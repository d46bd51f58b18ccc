package dev.bevel.torch.nn;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.Device;
import dev.bevel.kernels.SharedResource;
import dev.bevel.torch.TensorHold;
import dev.bevel.torch.TensorViews;
import dev.bevel.torch.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A node of a network: named parameters, named buffers and named children.
 *
 * <p>The dotted path of a tensor ({@code layer1.0.conv1.weight}) is its name in the state
 * dictionary, and equals its name in the project the network comes from, so that published
 * checkpoints load. A module owns its tensors and its children; {@link #close} frees them all.
 *
 * <p>Closing has one rule: it marks the module and returns at once, calls that begin later throw
 * {@link IllegalStateException}, and the last running one frees the tensors. Otherwise modules are
 * not thread-safe: while one thread trains a module or changes it, no other may use it.
 */
public abstract class Module implements AutoCloseable {
  private static final Set<ScalarType> FLOATING =
      EnumSet.of(ScalarType.Float, ScalarType.Double, ScalarType.Half, ScalarType.BFloat16);

  private final Map<String, Tensor> parameters = new LinkedHashMap<>();
  private final Map<String, Tensor> buffers = new LinkedHashMap<>();
  private final Map<String, Module> children = new LinkedHashMap<>();
  private final List<AutoCloseable> owned = new ArrayList<>();
  private final SharedResource life = new SharedResource(name() + ": the module", this::free);
  private boolean training = true;
  private boolean frozen;

  /** A module in training mode, without members yet. */
  protected Module() {
    Torch.initialize();
  }

  /** Registers a trainable tensor and takes ownership of it. */
  protected final Tensor parameter(String name, Tensor tensor) {
    checkNew(name);
    given(name, tensor);
    Scopes.own(tensor).set_requires_grad(true);
    parameters.put(name, tensor);
    return tensor;
  }

  /** Registers a tensor that belongs to the state but is not trained, and takes ownership of it. */
  protected final Tensor buffer(String name, Tensor tensor) {
    checkNew(name);
    given(name, tensor);
    buffers.put(name, Scopes.own(tensor));
    return tensor;
  }

  /** Registers a child and takes ownership of it. */
  protected final <M extends Module> M child(String name, M module) {
    checkNew(name);
    children.put(name, Objects.requireNonNull(module, () -> name() + ": " + name + " is null"));
    return module;
  }

  /** Closes {@code resource} together with this module. */
  protected final <R extends AutoCloseable> R own(R resource) {
    owned.add(resource);
    return resource;
  }

  /**
   * Runs {@code body} as a call of this module, during which its tensors stay. Every public method
   * of a module that uses them does so in a call.
   *
   * @return what body returns
   * @throws IllegalStateException if the module is closed
   */
  public final <T extends @Nullable Object> T call(Supplier<T> body) {
    life.use();
    try {
      return body.get();
    } finally {
      life.release();
    }
  }

  /** Runs {@code body} as a {@link #call} inside {@link Scopes#tidy}. */
  protected final Tensor tidy(Supplier<Tensor> body) {
    return call(() -> Scopes.tidy(body));
  }

  /**
   * Checks a tensor that a caller passed.
   *
   * @param argument its name in messages
   * @return the tensor
   * @throws NullPointerException if it is null
   * @throws IllegalStateException if it is closed
   */
  protected final Tensor given(String argument, @Nullable Tensor tensor) {
    return TensorHold.require(name(), argument, tensor);
  }

  /** Checks the tensors of a list that a caller passed; see {@link #given}. */
  protected final void givenAll(String argument, @Nullable List<Tensor> tensors) {
    Objects.requireNonNull(tensors, () -> name() + ": " + argument + " is null");
    TensorHold.requireAll(name(), argument, tensors.toArray(new Tensor[0]));
  }

  /** Refuses to go on with a closed module. */
  protected final void requireOpen() {
    life.requireOpen();
  }

  private String name() {
    return getClass().getSimpleName();
  }

  private void checkNew(String name) {
    requireOpen();
    if (name.isEmpty() || name.contains(".")) {
      throw new IllegalArgumentException(
          "a name inside a module must be non-empty and without a dot, got '" + name + "'");
    }
    if (parameters.containsKey(name) || buffers.containsKey(name) || children.containsKey(name)) {
      throw new IllegalArgumentException(
          getClass().getSimpleName() + " has a member '" + name + "' already");
    }
  }

  /** The direct children by name, in order of registration. */
  public final Map<String, Module> children() {
    return Collections.unmodifiableMap(children);
  }

  /**
   * Trainable tensors by dotted name, in order of registration. They stay owned by their modules.
   */
  public final Map<String, Tensor> namedParameters() {
    return collect(module -> module.parameters, "");
  }

  /** Buffers by dotted name, in order of registration. They stay owned by their modules. */
  public final Map<String, Tensor> namedBuffers() {
    return collect(module -> module.buffers, "");
  }

  /**
   * Parameters and buffers by dotted name: what a checkpoint holds. They stay owned by their
   * modules.
   */
  public final Map<String, Tensor> stateDict() {
    return collect(
        module -> {
          Map<String, Tensor> all = new LinkedHashMap<>(module.parameters);
          all.putAll(module.buffers);
          return all;
        },
        "");
  }

  /**
   * One tensor of the state; it stays owned by its module.
   *
   * @throws IllegalArgumentException if there is none of this dotted name
   */
  public final Tensor tensor(String name) {
    Tensor tensor = stateDict().get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          getClass().getSimpleName() + " has no tensor '" + name + "'");
    }
    return tensor;
  }

  private Map<String, Tensor> collect(
      Function<Module, Map<String, Tensor>> selector, String prefix) {
    requireOpen();
    Map<String, Tensor> all = new LinkedHashMap<>();
    visit(
        prefix,
        (path, module) ->
            selector.apply(module).forEach((name, tensor) -> all.put(path + name, tensor)));
    return all;
  }

  private void visit(String prefix, BiConsumer<String, Module> visitor) {
    visitor.accept(prefix, this);
    children.forEach((name, child) -> child.visit(prefix + name + ".", visitor));
  }

  /**
   * Calls {@code visitor} with the dotted path ("" for this module) and the module, for this module
   * and all below it.
   */
  public final void forEachModule(BiConsumer<String, Module> visitor) {
    visit(
        "",
        (path, module) ->
            visitor.accept(path.isEmpty() ? "" : path.substring(0, path.length() - 1), module));
  }

  /**
   * Whether this module is in training mode, in which batch norms use and update the statistics of
   * the batch.
   */
  public final boolean isTraining() {
    return training;
  }

  /**
   * Switches this module and all below it to training mode or to evaluation mode; what is {@link
   * #freeze frozen} stays in evaluation mode.
   */
  public final void train(boolean on) {
    requireOpen();
    visit("", (path, module) -> module.training = on && !module.frozen);
  }

  /**
   * Takes this module and all below it out of training for good: their parameters get no gradients,
   * and they stay in evaluation mode.
   */
  public final void freeze() {
    requireOpen();
    visit(
        "",
        (path, module) -> {
          module.frozen = true;
          module.training = false;
          module.parameters.values().forEach(parameter -> parameter.set_requires_grad(false));
        });
  }

  /** Switches this module and all below it to evaluation mode. */
  public final void eval() {
    train(false);
  }

  /**
   * Converts every floating-point tensor of the state, and its gradient, to {@code dtype}, in
   * place: tensors handed out before stay valid. As for {@link #to(Device)}, an optimizer that has
   * begun keeps its state as it was.
   *
   * @param dtype Float, Double, Half or BFloat16
   * @throws IllegalArgumentException if it is another
   */
  public final void to(ScalarType dtype) {
    Objects.requireNonNull(dtype, () -> name() + ": dtype is null");
    if (!FLOATING.contains(dtype.intern())) {
      throw new IllegalArgumentException(
          name() + ".to: dtype must be one of " + FLOATING + ", got " + dtype);
    }
    replaceAll(t -> t.is_floating_point() && t.scalar_type().intern() != dtype ? t.to(dtype) : t);
  }

  /**
   * Moves every tensor of the state, and its gradient, to a device, in place: tensors handed out
   * before stay valid. An optimizer that has begun keeps its own state where it was: move first,
   * then make it.
   *
   * @throws IllegalStateException if LibTorch has no such device
   */
  public final void to(Device device) {
    move(device, null);
  }

  /**
   * Moves every tensor of the state to a device, as {@link #to(Device)}, and converts those of
   * floating-point numbers to a dtype.
   *
   * @param device where the module is to work
   * @param dtype FLOAT32, FLOAT64, FLOAT16 or BFLOAT16
   * @throws IllegalStateException if LibTorch has no such device
   * @throws IllegalArgumentException if the dtype has no floating-point numbers
   */
  public final void to(Device device, DType dtype) {
    Objects.requireNonNull(dtype, () -> name() + ": dtype is null");
    if (!dtype.isFloatingPoint()) {
      throw new IllegalArgumentException(
          name() + ".to: dtype must be one of floating-point numbers, got " + dtype);
    }
    move(device, TensorViews.scalarType(dtype));
  }

  private void move(Device device, @Nullable ScalarType dtype) {
    Objects.requireNonNull(device, () -> name() + ": device is null");
    Scopes.withoutGradient(
        () -> {
          org.bytedeco.pytorch.Device place = TensorViews.torchDevice(device);
          replaceAll(
              t -> {
                boolean real = dtype != null && t.is_floating_point();
                return t.to(place, real ? dtype : t.scalar_type());
              });
        });
  }

  /** Lays all tensors of rank 4 out channels-last, which the convolutions of the CPU prefer. */
  public final void toChannelsLast() {
    replaceAll(t -> t.dim() == 4 ? t.contiguous(MemoryFormat.ChannelsLast) : t);
  }

  private void replaceAll(Layer change) {
    change(
        () -> {
          for (Tensor tensor : stateDict().values()) {
            Tensor changed = change.forward(tensor);
            if (!changed.is_same(tensor)) {
              tensor.set_data(changed);
            }
            Tensor gradient = tensor.grad();
            if (gradient.defined()) {
              Tensor ofChanged = change.forward(gradient);
              if (!ofChanged.is_same(gradient)) {
                gradient.set_data(ofChanged);
              }
            }
          }
        });
  }

  private void change(Runnable body) {
    life.use();
    try {
      Scopes.withoutGradient(body);
    } finally {
      life.release();
    }
  }

  /**
   * Copies the tensors of {@code source} into the tensors of the same name, converting their dtype.
   *
   * <p>Tensors whose shapes differ are not copied. With {@code strict}, nothing is copied unless
   * all names and shapes agree.
   *
   * @return what did not fit
   * @throws IllegalArgumentException if {@code strict} and anything did not fit; the message lists
   *     it
   */
  public final LoadReport loadStateDict(Map<String, Tensor> source, boolean strict) {
    Objects.requireNonNull(source, () -> name() + ": source is null");
    source.forEach((name, tensor) -> given("source[" + name + "]", tensor));
    Map<String, Tensor> target = stateDict();
    LoadReport report = LoadReport.compare(shapes(target), shapes(source));
    if (strict) {
      report.requireComplete();
    }
    change(
        () ->
            target.forEach(
                (name, tensor) -> {
                  Tensor from = source.get(name);
                  if (from != null && Arrays.equals(from.shape(), tensor.shape())) {
                    tensor.copy_(from);
                  }
                }));
    return report;
  }

  private static Map<String, long[]> shapes(Map<String, Tensor> tensors) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    return shapes;
  }

  /** Clears the gradients of all parameters. */
  public final void zeroGrad() {
    change(() -> namedParameters().values().forEach(parameter -> parameter.mutable_grad().reset()));
  }

  /** Frees all tensors of this module and of all below it, when no call uses them. */
  @Override
  public void close() {
    life.close();
  }

  private void free() {
    children.values().forEach(Module::close);
    parameters.values().forEach(TensorHold::close);
    buffers.values().forEach(TensorHold::close);
    for (AutoCloseable resource : owned) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException(name() + ": " + e.getMessage(), e);
      }
    }
    children.clear();
    parameters.clear();
    buffers.clear();
    owned.clear();
  }
}
