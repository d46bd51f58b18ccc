package dev.bevel.torch.autograd;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Workspace;
import dev.bevel.torch.CudaStreams;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Function} over one of Bevel's operators. What it takes is declared once, as {@link
 * Argument}s: the checks and the dtypes of a call follow from that, and its stream and scratch
 * memory from the device of its tensors.
 */
abstract class KernelFunction extends Function {
  private final List<Argument> arguments;
  private final Determinism determinism;

  /**
   * A function.
   *
   * @param determinism how gradients are added up
   * @param arguments in the order of forward's inputs; those that may be left out come last
   */
  KernelFunction(Determinism determinism, Argument... arguments) {
    this.determinism = Objects.requireNonNull(determinism, "determinism");
    this.arguments = List.of(arguments);
  }

  /** An argument in the shape that the operator takes, where callers may give another. */
  Tensor shaped(int argument, Tensor given) {
    return given;
  }

  /**
   * Checks what a caller gave, casts it, and applies the function.
   *
   * @param given one for each argument; null where an optional one is absent
   * @return the outputs, which belong to the caller's scope
   */
  final Tensor[] run(@Nullable Tensor... given) {
    TensorScope.require(name());
    for (int i = 0; i < given.length; i++) {
      arguments.get(i).requireGiven(name(), given[i]);
    }
    for (int i = 0; i < given.length; i++) {
      arguments.get(i).requireFitting(name(), given[i]);
    }
    try (TensorScope inner = TensorScope.open()) {
      Tensor[] outputs = apply(cast(given));
      for (Tensor output : outputs) {
        inner.keep(output);
      }
      return outputs;
    }
  }

  private @Nullable Tensor[] cast(@Nullable Tensor[] given) {
    ScalarType real = real(given);
    Tensor first = Objects.requireNonNull(given[0]);
    @Nullable Tensor[] cast = new @Nullable Tensor[given.length];
    for (int i = 0; i < given.length; i++) {
      Tensor tensor = given[i];
      if (tensor != null) {
        Argument argument = arguments.get(i);
        Tensor ready =
            switch (argument.role()) {
              case STORED -> real == ScalarType.Double ? tensor.to(real) : tensor;
              case REAL -> tensor.to(real);
              case FOLLOWING -> tensor.to(first.device(), real);
              case LIKE -> tensor.to(Objects.requireNonNull(cast[argument.like()]).scalar_type());
              case FLAGS -> flags(tensor);
            };
        cast[i] = shaped(i, ready);
      }
    }
    return cast;
  }

  /** 1 where a tensor is true or not 0. */
  private static Tensor flags(Tensor tensor) {
    Tensor truth =
        tensor.scalar_type().intern() == ScalarType.Byte ? tensor : tensor.ne(new Scalar(0.0));
    return truth.to(ScalarType.Byte);
  }

  /** Double if an argument that says so is, else Float. */
  final ScalarType real(@Nullable Tensor... given) {
    for (int i = 0; i < given.length; i++) {
      Tensor tensor = given[i];
      Argument.Role role = arguments.get(i).role();
      boolean decides = role == Argument.Role.STORED || role == Argument.Role.REAL;
      if (decides && tensor != null && KernelTensors.isDouble(tensor)) {
        return ScalarType.Double;
      }
    }
    return ScalarType.Float;
  }

  /**
   * The inputs of an application, null for the optional ones that were left out.
   *
   * @throws IllegalArgumentException if there are too many, one is missing, or a gradient is wanted
   *     where none flows
   */
  final @Nullable Tensor[] complete(Context context, @Nullable Tensor[] inputs) {
    @Nullable Tensor[] all = Arrays.copyOf(inputs, Math.max(inputs.length, arguments.size()));
    boolean missing = false;
    for (int i = 0; i < arguments.size(); i++) {
      missing |= all[i] == null && !arguments.get(i).optional();
    }
    if (missing || all.length > arguments.size()) {
      String given =
          Arrays.stream(inputs)
              .map(input -> input == null ? "null" : Arrays.toString(input.shape()))
              .collect(Collectors.joining(", "));
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: inputs must be %s, got %s",
              name(),
              arguments.stream().map(Argument::toString).collect(Collectors.joining(", ")),
              given.isEmpty() ? "none" : given));
    }
    for (int i = 0; i < inputs.length; i++) {
      if (!arguments.get(i).differentiable() && context.needsInputGrad(i)) {
        throw arguments.get(i).withoutGradientFault(name());
      }
    }
    return all;
  }

  /**
   * How a call works: on LibTorch's current stream for the device of a tensor, where that is CUDA
   * with scratch memory from LibTorch's allocator, which knows the stream. On the CPU the kernels
   * keep their own from call to call.
   */
  final CallSettings settings(Tensor like) {
    CallSettings settings =
        CallSettings.DEFAULT.withStream(CudaStreams.current(like)).withDeterminism(determinism);
    return like.is_cuda() ? settings.withWorkspace(workspace(like)) : settings;
  }

  /** Scratch memory on the device of a tensor, which ends with the innermost scope. */
  static Workspace workspace(Tensor like) {
    return Workspace.from(
        bytes -> TensorViews.of(KernelTensors.empty(new long[] {bytes}, like, ScalarType.Byte)));
  }
}
