/**
 * Typed operators over Bevel's C ABI, the tensors they take ({@link dev.bevel.kernels.TensorView})
 * and the library itself ({@link dev.bevel.kernels.Bevel}).
 *
 * <p>All operators have one shape. What is read is an immutable value, which both passes share;
 * what is written are tensors of the caller; how the call works stands in {@link
 * dev.bevel.kernels.CallSettings}:
 *
 * <pre>{@code
 * MsdaInputs inputs = new MsdaInputs(value, levels, locations, weights);
 * TensorView out = Msda.allocateOut(inputs);                  // or one of your own of Msda.outShape(inputs)
 * Msda.forward(inputs, out);
 * Msda.backward(inputs, gradOut, MsdaGradients.none().withValue(gradValue),
 *     CallSettings.DEFAULT.withThreads(4));
 * }</pre>
 *
 * <p><b>Failures.</b> A call that fails has written nothing. It throws
 *
 * <ul>
 *   <li>{@link dev.bevel.kernels.BevelException} where what was given is wrong or cannot be done: a
 *       dtype, shape, device, number or combination of arguments ({@link
 *       dev.bevel.kernels.Status#INVALID_ARGUMENT}), something that this build or operator does not
 *       do, a missing or failing CUDA, no memory, no native library. The message names operator or
 *       class, argument, what was expected and what came; arguments by their Java names, a gradient
 *       as {@code gradValue}, a tensor that a {@code with} method takes by the method's name;
 *   <li>{@link java.lang.NullPointerException}, naming class and parameter, where null is not
 *       allowed;
 *   <li>{@link java.lang.IllegalStateException} where something was closed: a plan, a workspace,
 *       the arena or the owner of a tensor's memory;
 *   <li>{@link java.lang.WrongThreadException} where memory is of a confined arena of another
 *       thread;
 *   <li>{@link java.lang.IndexOutOfBoundsException} for a dimension that a tensor has not.
 * </ul>
 *
 * <p>It throws no {@link java.lang.IllegalArgumentException} and no checked exception; {@link
 * java.lang.AssertionError} is a defect in Bevel.
 */
@NullMarked
package dev.bevel.kernels;

import org.jspecify.annotations.NullMarked;
