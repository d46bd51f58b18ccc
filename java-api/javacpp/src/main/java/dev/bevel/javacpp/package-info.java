/**
 * Interop of Bevel with JavaCPP: pointers and tensor views ({@link dev.bevel.javacpp.Pointers}),
 * memory, streams and events of Bytedeco's CUDA presets ({@link dev.bevel.javacpp.CudaInterop}).
 * The C ABI itself stands in {@code dev.bevel.javacpp.abi}.
 */
@NullMarked
package dev.bevel.javacpp;

import org.jspecify.annotations.NullMarked;
