package dev.bevel.javacpp;

import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CROSS_CORRELATION;
import static org.bytedeco.cuda.global.cudnn.CUDNN_DATA_FLOAT;
import static org.bytedeco.cuda.global.cudnn.CUDNN_FMA_MATH;
import static org.bytedeco.cuda.global.cudnn.CUDNN_STATUS_SUCCESS;
import static org.bytedeco.cuda.global.cudnn.CUDNN_TENSOR_NCHW;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.Device;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatInputs;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.PoolingMethod;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.Workspace;
import java.lang.foreign.Arena;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.cuda.cudnn.cudnnConvolutionStruct;
import org.bytedeco.cuda.cudnn.cudnnFilterStruct;
import org.bytedeco.cuda.cudnn.cudnnTensorStruct;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.cudnn;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * Pools a bird's-eye-view map with Bevel and convolves it with cuDNN through Bytedeco's preset, on
 * one stream: nothing waits between the two, and the map never leaves the device.
 */
@SuppressWarnings("deprecation") // cuDNN 9 keeps, and prefers its graphs to, these functions
final class CudnnExample {
  private static final int KERNEL = 3;

  private CudnnExample() {}

  /**
   * The convolved map on the host.
   *
   * @param geometry one batch element, matrices in float64 arrays, one cell in z
   * @param depth logits float32 [1, N, D, H, W] on the host
   * @param context float32 [1, N, C, H, W] on the host
   * @param weights float32 [K, C, 3, 3] on the host, convolved with padding 1
   * @param arena owns the result, float32 [1, K, rows, columns]
   */
  static TensorView run(
      LiftSplatGeometry geometry,
      TensorView depth,
      TensorView context,
      TensorView weights,
      Arena arena) {
    int channels = (int) context.size(2);
    int outputs = (int) weights.size(0);
    try (CUstream_st stream = new CUstream_st()) {
      CudaInterop.check("cudaStreamCreate", cudart.cudaStreamCreate(stream));
      try (Arena host = Arena.ofConfined();
          LiftSplatPlan onHost = LiftSplatPlan.build(geometry);
          DeviceMemory cells = upload(cellsOf(geometry, onHost, host), stream);
          DeviceMemory deviceDepth = upload(depth, stream);
          DeviceMemory deviceContext = upload(context, stream);
          DeviceMemory deviceWeights = upload(weights, stream);
          DeviceMemory map =
              DeviceMemory.allocate(
                  0, DType.FLOAT32, onHost.outShape(channels, Layout.CHANNELS_FIRST));
          DeviceMemory convolved =
              DeviceMemory.allocate(
                  0,
                  DType.FLOAT32,
                  1,
                  outputs,
                  geometry.grid().rows(),
                  geometry.grid().columns())) {
        pool(geometry, cells.view(), deviceDepth.view(), deviceContext.view(), map.view(), stream);
        convolve(map, deviceWeights, convolved, stream);
        TensorView result = TensorView.allocate(arena, DType.FLOAT32, convolved.view().shape());
        CudaInterop.copy(result, convolved.view(), stream);
        CudaInterop.synchronize(stream);
        return result;
      } finally {
        CudaInterop.check("cudaStreamDestroy", cudart.cudaStreamDestroy(stream));
      }
    }
  }

  private static TensorView cellsOf(LiftSplatGeometry geometry, LiftSplatPlan plan, Arena arena) {
    TensorView cells = TensorView.allocate(arena, DType.INT32, plan.depthShape());
    LiftSplat.cells(geometry, cells);
    return cells;
  }

  private static DeviceMemory upload(TensorView host, CUstream_st stream) {
    DeviceMemory memory = DeviceMemory.allocate(0, host.dtype(), host.shape());
    CudaInterop.copy(memory.view(), host, stream);
    return memory;
  }

  private static void pool(
      LiftSplatGeometry geometry,
      TensorView cells,
      TensorView depth,
      TensorView context,
      TensorView map,
      CUstream_st stream) {
    LiftSplatGeometry onDevice =
        LiftSplatGeometry.builder()
            .cameras(geometry.cameras())
            .depth(geometry.depthBins(), geometry.depthStart(), geometry.depthStep())
            .featureSize(geometry.height(), geometry.width())
            .grid(geometry.grid())
            .cells(cells)
            .build();
    long handle = CudaInterop.handle(stream);
    LiftSplatPlan.Size size = LiftSplatPlan.size(onDevice, PoolingMethod.AUTO, 0, Device.Type.CUDA);
    try (DeviceMemory planMemory = DeviceMemory.allocate(0, DType.INT32, size.planElements());
        DeviceMemory planWorkspace = DeviceMemory.allocate(0, DType.UINT8, size.workspaceBytes());
        LiftSplatPlan plan =
            LiftSplatPlan.buildOn(
                planMemory.view(), planWorkspace.view(), onDevice, PoolingMethod.AUTO, 0, handle)) {
      LiftSplatInputs inputs = new LiftSplatInputs(plan, depth, context);
      CallSettings settings = CallSettings.DEFAULT.withStream(handle);
      try (DeviceMemory workspace =
          DeviceMemory.allocate(0, DType.UINT8, LiftSplat.workspaceBytes(inputs, map, settings))) {
        LiftSplat.forward(inputs, map, settings.withWorkspace(Workspace.of(workspace.view())));
      }
    }
  }

  private static void convolve(
      DeviceMemory map, DeviceMemory weights, DeviceMemory out, CUstream_st stream) {
    int rows = (int) out.view().size(2);
    int columns = (int) out.view().size(3);
    int channels = (int) weights.view().size(1);
    int outputs = (int) weights.view().size(0);
    try (cudnnContext context = new cudnnContext();
        cudnnTensorStruct input = new cudnnTensorStruct();
        cudnnTensorStruct output = new cudnnTensorStruct();
        cudnnFilterStruct filter = new cudnnFilterStruct();
        cudnnConvolutionStruct convolution = new cudnnConvolutionStruct();
        SizeTPointer bytes = new SizeTPointer(1);
        FloatPointer one = new FloatPointer(1f);
        FloatPointer zero = new FloatPointer(0f)) {
      check("cudnnCreate", cudnn.cudnnCreate(context));
      check("cudnnSetStream", cudnn.cudnnSetStream(context, stream));
      check("input", cudnn.cudnnCreateTensorDescriptor(input));
      check("output", cudnn.cudnnCreateTensorDescriptor(output));
      check("filter", cudnn.cudnnCreateFilterDescriptor(filter));
      check("convolution", cudnn.cudnnCreateConvolutionDescriptor(convolution));
      check(
          "input",
          cudnn.cudnnSetTensor4dDescriptor(
              input, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, channels, rows, columns));
      check(
          "output",
          cudnn.cudnnSetTensor4dDescriptor(
              output, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, outputs, rows, columns));
      check(
          "filter",
          cudnn.cudnnSetFilter4dDescriptor(
              filter, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, outputs, channels, KERNEL, KERNEL));
      check(
          "convolution",
          cudnn.cudnnSetConvolution2dDescriptor(
              convolution, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
      check("math type", cudnn.cudnnSetConvolutionMathType(convolution, CUDNN_FMA_MATH));
      int algorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
      check(
          "workspace size",
          cudnn.cudnnGetConvolutionForwardWorkspaceSize(
              context, input, filter, convolution, output, algorithm, bytes));
      try (DeviceMemory workspace = DeviceMemory.allocate(0, DType.UINT8, bytes.get())) {
        check(
            "cudnnConvolutionForward",
            cudnn.cudnnConvolutionForward(
                context,
                one,
                input,
                map.pointer(),
                filter,
                weights.pointer(),
                convolution,
                algorithm,
                workspace.pointer(),
                bytes.get(),
                zero,
                output,
                out.pointer()));
      } finally {
        check("convolution", cudnn.cudnnDestroyConvolutionDescriptor(convolution));
        check("filter", cudnn.cudnnDestroyFilterDescriptor(filter));
        check("output", cudnn.cudnnDestroyTensorDescriptor(output));
        check("input", cudnn.cudnnDestroyTensorDescriptor(input));
        check("cudnnDestroy", cudnn.cudnnDestroy(context));
      }
    }
  }

  private static void check(String call, int status) {
    if (status != CUDNN_STATUS_SUCCESS) {
      throw new IllegalStateException(
          "cuDNN, " + call + ": " + cudnn.cudnnGetErrorString(status).getString());
    }
  }
}
