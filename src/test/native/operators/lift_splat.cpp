// The entry points of lift_splat: plans, points and cells, both passes. (What they make is compared by
// lift_splat's own tests: the params name a plan, from which no reference could tell where the points lie.)
#include <algorithm>
#include <stdexcept>

#include "bevel/lift_splat.h"
#include "parts.hpp"

namespace bevel::operators {
namespace {

const std::vector<Symbol> kSymbols = {{"B", 0, 2},  {"N", 0, 3},          {"D", 1, 6},         {"H", 1, 20},
                                      {"W", 1, 20}, {"C", 1, 40},         {"Z", 1, 2},         {"Y", 1, 6},
                                      {"X", 1, 6},  {"PLAN", 0, 0, true}, {"WORK", 0, 0, true}};

/// Params of the calls that have no struct of their own.
struct OfGeometry {
  bevel_lift_splat_geometry geometry;
  DLTensor* result;
};
struct OfInfo {
  uint64_t struct_size;
  const DLTensor* plan;
};

void write_geometry(Draw& d, bevel_lift_splat_geometry& g) {
  g.struct_size = sizeof g;
  g.batch = d["B"];
  g.cameras = d["N"];
  g.depth_bins = d["D"];
  g.height = d["H"];
  g.width = d["W"];
  g.image_height = 16;
  g.image_width = 24;
  g.depth_start = 1;
  g.depth_step = 0.5;
  g.grid = {{-2, -2, -2},
            {1, 1, 2},
            {static_cast<int32_t>(d["X"]), static_cast<int32_t>(d["Y"]), static_cast<int32_t>(d["Z"])},
            static_cast<int32_t>(d["floor"]),
            static_cast<int32_t>(d["row_x"]),
            0};
}

template <class P>
std::vector<TensorLine> geometry_tensors(double without_matrices) {
  const size_t g = AT(P, geometry);
  using G = bevel_lift_splat_geometry;
  std::vector<TensorLine> lines = {{.name = "intrinsics",
                                    .offset = g + AT(G, intrinsics),
                                    .role = Role::kRead,
                                    .type = Type::kPrecision,
                                    .shape = "B N 3 3",
                                    .left_out = without_matrices},
                                   {.name = "camera_to_bev",
                                    .offset = g + AT(G, camera_to_bev),
                                    .role = Role::kRead,
                                    .type = Type::kPrecision,
                                    .shape = "B N 4 4"},
                                   {.name = "image_augmentation",
                                    .offset = g + AT(G, image_augmentation),
                                    .role = Role::kRead,
                                    .type = Type::kPrecision,
                                    .shape = "B N 4 4",
                                    .left_out = 0.5,
                                    .indices = true},
                                   {.name = "bev_augmentation",
                                    .offset = g + AT(G, bev_augmentation),
                                    .role = Role::kRead,
                                    .type = Type::kPrecision,
                                    .shape = "B 4 4",
                                    .left_out = 0.5},
                                   {.name = "cells",
                                    .offset = g + AT(G, cells),
                                    .role = Role::kRead,
                                    .type = Type::kInt32,
                                    .shape = "B N D H W",
                                    .left_out = 0.5}};
  return lines;
}

void choose_geometry(Draw& d) {
  const bool matrices = d.tensor("intrinsics").given;
  d.tensor("cells").given = !matrices;
  d.tensor("camera_to_bev").given = matrices;
  for (const char* name : {"image_augmentation", "bev_augmentation"}) d.tensor(name).given &= matrices;
}

/// The augmentation of an image must leave depth alone.
void fill_geometry(Draw& d) {
  DrawnTensor& image = d.tensor("image_augmentation");
  for (int64_t i = 0; image.given && i < image.elements(); ++i) {
    const int64_t row = i % 16 / 4, column = i % 4;
    if (row < 2 && column != 2) continue;
    const double value = row == column ? 1 : 0;
    if (image.view.dtype.bits == 64) {
      image.data<double>()[i] = value;
    } else {
      image.data<float>()[i] = static_cast<float>(value);
    }
  }
  DrawnTensor& cells = d.tensor("cells");
  for (int64_t i = 0; cells.given && i < cells.elements(); ++i) {
    cells.data<int32_t>()[i] = static_cast<int32_t>(d.below(d["X"] * d["Y"] * d["Z"] + 2) - 1);
  }
}

template <class P>
std::vector<NumberLine> geometry_numbers() {
  using G = bevel_lift_splat_geometry;
  const size_t g = AT(P, geometry);
  std::vector<NumberLine> numbers = {{g + AT(G, struct_size), Number::kSize}};
  for (size_t at : {AT(G, batch), AT(G, cameras), AT(G, depth_bins), AT(G, height), AT(G, width)})
    numbers.push_back({g + at, Number::kInt64});
  for (size_t at : {AT(G, image_height), AT(G, depth_start), AT(G, depth_step), AT(G, grid),
                    AT(G, grid) + AT(bevel_grid, cell_size)})
    numbers.push_back({g + at, Number::kDouble});
  for (size_t i = 0; i < 6; ++i)
    numbers.push_back({g + AT(G, grid) + AT(bevel_grid, cells) + 4 * i, Number::kInt32});
  return numbers;
}

void derive_grid(Draw& d) {
  d["floor"] = d.below(2);
  d["row_x"] = d.below(2);
  d["method"] = d.below(3);
}

bevel_status points(const void* params, void*) {
  const auto* p = static_cast<const OfGeometry*>(params);
  return bevel_lift_splat_points(&p->geometry, p->result);
}
bevel_status cells(const void* params, void*) {
  const auto* p = static_cast<const OfGeometry*>(params);
  return bevel_lift_splat_cells(&p->geometry, p->result);
}
bevel_status read_info(const void* params, void* stream) {
  bevel_lift_splat_plan_info info = {sizeof info, -1, -1, -1, -1, -1, -1, -1, -1};
  const bevel_status status =
      bevel_lift_splat_plan_read_info(static_cast<const OfInfo*>(params)->plan, &info, stream);
  if (status != BEVEL_OK && info.runs != -1) throw std::runtime_error("a refused call wrote the info");
  if (status == BEVEL_OK && (info.points < 0 || info.runs < 0 || info.rows < 0))
    throw std::runtime_error("negative counts of a plan");
  return status;
}

Operator points_operator() {
  using P = OfGeometry;
  return {.name = "lift_splat_points",
          .struct_size = sizeof(P),
          .symbols = kSymbols,
          .tensors = joined(geometry_tensors<P>(0), {{.name = "points",
                                                      .offset = AT(P, result),
                                                      .role = Role::kWritten,
                                                      .type = Type::kExact,
                                                      .shape = "B N D H W 3"}}),
          .numbers = geometry_numbers<P>(),
          .derive = derive_grid,
          .choose = choose_geometry,
          .fill = fill_geometry,
          .write_numbers = [](Draw& d) { write_geometry(d, d.as<P>().geometry); },
          .run = points,
          .has_stream = false,
          .has_threads = false};
}

Operator cells_operator() {
  using P = OfGeometry;
  return {.name = "lift_splat_cells",
          .struct_size = sizeof(P),
          .symbols = kSymbols,
          .tensors = joined(geometry_tensors<P>(0.3), {{.name = "cells",
                                                        .offset = AT(P, result),
                                                        .role = Role::kWritten,
                                                        .type = Type::kInt32,
                                                        .shape = "B N D H W"}}),
          .numbers = geometry_numbers<P>(),
          .derive = derive_grid,
          .choose = choose_geometry,
          .fill = fill_geometry,
          .write_numbers = [](Draw& d) { write_geometry(d, d.as<P>().geometry); },
          .run = cells,
          .has_stream = false,
          .has_threads = false};
}

/// The workspace that plan_build needs; what it gives for the plan is asked for when the set is drawn.
bevel_status plan_workspace(const void* params, int64_t* bytes) {
  int64_t elements = -77;
  const auto* p = static_cast<const bevel_lift_splat_plan_params*>(params);
  const bevel_status status = bevel_lift_splat_plan_size(p, kDLCPU, &elements, bytes);
  if (status == BEVEL_OK ? elements < 0 : elements != -77)
    throw std::runtime_error("plan_size gave " + std::to_string(elements));
  return status;
}

/// Elements of a plan of the drawn sizes; 1 where there is none.
int64_t plan_elements(const Draw& d) {
  const auto symbol = [&](const char* name) { return d.symbols.at(name); };
  bevel_lift_splat_plan_params p = {};
  p.struct_size = sizeof p;
  write_geometry(const_cast<Draw&>(d), p.geometry);
  int64_t shape[] = {symbol("B"), symbol("N"), symbol("D"), symbol("H"), symbol("W")};
  char somewhere[4] = {};
  DLTensor all = {somewhere, {kDLCPU, 0}, 5, {kDLInt, 32, 1}, shape, nullptr, 0};
  alignas(4) static int32_t word;
  all.data = &word;
  p.geometry.cells = &all;
  int64_t elements = 1, bytes = 0;
  return bevel_lift_splat_plan_size(&p, kDLCPU, &elements, &bytes) == BEVEL_OK ? elements : 1;
}

Operator plan_operator() {
  using P = bevel_lift_splat_plan_params;
  std::vector<NumberLine> numbers = geometry_numbers<P>();
  numbers.push_back({AT(P, struct_size), Number::kSize});
  numbers.push_back({AT(P, method), Number::kInt32});
  numbers.push_back({AT(P, reserved), Number::kInt32});
  numbers.push_back({AT(P, max_points), Number::kInt64});
  return {.name = "lift_splat_plan",
          .struct_size = sizeof(P),
          .symbols = kSymbols,
          .tensors = with_workspace(joined(geometry_tensors<P>(0.5), {{.name = "plan",
                                                                       .offset = AT(P, plan),
                                                                       .role = Role::kWritten,
                                                                       .type = Type::kInt32,
                                                                       .shape = "PLAN",
                                                                       .decides = "PLAN"}}),
                                    AT(P, workspace)),
          .numbers = numbers,
          .derive =
              [](Draw& d) {
                derive_grid(d);
                d["PLAN"] = std::min<int64_t>(plan_elements(d), 200000);
              },
          .choose = choose_geometry,
          .fill = fill_geometry,
          .write_numbers =
              [](Draw& d) {
                write_geometry(d, d.as<P>().geometry);
                d.as<P>().method = static_cast<int32_t>(d["method"]);
                d.as<P>().max_points = d.chance(0.5) ? 0 : d.below(200);
              },
          .run = run<P, bevel_lift_splat_plan_build>,
          .workspace = plan_workspace,
          .zero_when_empty = false,
          .writes_all = false};
}

/// Builds the plan of a set, of cells that it draws.
void build_plan(Draw& d) {
  const int64_t points = d["B"] * d["N"] * d["D"] * d["H"] * d["W"];
  std::vector<int32_t> cells(static_cast<size_t>(points) + 1);
  // Runs of an image column are what a plan is about.
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = i >= static_cast<size_t>(d["W"]) && d.chance(0.7)
                   ? cells[i - static_cast<size_t>(d["W"])]
                   : static_cast<int32_t>(d.below(d["X"] * d["Y"] * d["Z"] + 2) - 1);
  }
  int64_t shape[] = {d["B"], d["N"], d["D"], d["H"], d["W"]};
  DLTensor view = {cells.data(), {kDLCPU, 0}, 5, {kDLInt, 32, 1}, shape, nullptr, 0};
  bevel_lift_splat_plan_params p = {};
  p.struct_size = sizeof p;
  write_geometry(d, p.geometry);
  p.geometry.cells = &view;
  p.method = static_cast<int32_t>(d["method"]);
  int64_t elements = 0, bytes = 0;
  if (bevel_lift_splat_plan_size(&p, kDLCPU, &elements, &bytes) != BEVEL_OK) return;  // hostile sizes
  GuardedMemory memory(bytes, 64, true);
  DLTensor workspace = {memory.data(), {kDLCPU, 0}, 1, {kDLUInt, 8, 1}, &bytes, nullptr, 0};
  p.workspace = &workspace;
  DLTensor plan = d.tensor("plan").view;
  plan.device = {kDLCPU, 0};
  p.plan = &plan;
  if (bevel_lift_splat_plan_build(&p, nullptr) != BEVEL_OK) throw std::runtime_error(bevel_last_error());
}

void derive_call(Draw& d) {
  derive_grid(d);
  d["ROWS"] = d["row_x"] ? d["X"] : d["Y"];
  d["COLUMNS"] = d["row_x"] ? d["Y"] : d["X"];
  d["PLAN"] = std::min<int64_t>(plan_elements(d), 200000);
  d["kind"] = d.below(2);
  d["out_last"] = d.below(2);
}

void choose_call(Draw& d, const char* out) {
  d.tensor("prior_weight").given = d.tensor("prior").given;
  // The map's layout is its own.
  DrawnTensor& map = d.tensor(out);
  map.shape = d["out_last"] ? std::vector<int64_t>{d["B"], d["Z"], d["ROWS"], d["COLUMNS"], d["C"]}
                            : std::vector<int64_t>{d["B"], d["Z"], d["C"], d["ROWS"], d["COLUMNS"]};
}

template <class P>
std::vector<TensorLine> call_inputs() {
  return {{.name = "plan",
           .offset = AT(P, plan),
           .role = Role::kRead,
           .type = Type::kInt32,
           .shape = "PLAN",
           .indices = true},
          {.name = "context",
           .offset = AT(P, context),
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N C H W",
           .shape_last = "B N H W C",
           .free = 2},
          {.name = "prior",
           .offset = AT(P, prior),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N D H W",
           .left_out = 0.6},
          {.name = "prior_weight",
           .offset = AT(P, prior_weight),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N H W"}};
}

template <class P>
std::vector<NumberLine> call_numbers() {
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize},
                                     {AT(P, max_points), Number::kInt64}};
  for (size_t at : {AT(P, depth_kind), AT(P, context_layout), AT(P, out_layout), AT(P, reserved)})
    numbers.push_back({at, Number::kInt32});
  return numbers;
}

template <class P>
void write_call(Draw& d) {
  P& p = d.as<P>();
  p.depth_kind = static_cast<int32_t>(d["kind"]);
  p.context_layout = static_cast<int32_t>(d["last"]);
  p.out_layout = static_cast<int32_t>(d["out_last"]);
}

Operator forward() {
  using P = bevel_lift_splat_forward_params;
  return {.name = "lift_splat_forward",
          .struct_size = sizeof(P),
          .symbols = kSymbols,
          .tensors = with_workspace(joined(call_inputs<P>(), {{.name = "depth",
                                                               .offset = AT(P, depth),
                                                               .role = Role::kRead,
                                                               .type = Type::kExact,
                                                               .shape = "B N D H W",
                                                               .free = 2},
                                                              {.name = "out",
                                                               .offset = AT(P, out),
                                                               .role = Role::kWritten,
                                                               .type = Type::kOther,
                                                               .shape = "B Z C Y X"},
                                                              {.name = "probabilities",
                                                               .offset = AT(P, probabilities),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B N D H W",
                                                               .left_out = 0.5}}),
                                    AT(P, workspace)),
          .numbers = call_numbers<P>(),
          .derive = derive_call,
          .choose =
              [](Draw& d) {
                choose_call(d, "out");
                if (d["kind"] == BEVEL_DEPTH_PROBABILITIES) d.tensor("probabilities").given = false;
              },
          .fill = build_plan,
          .write_numbers = write_call<P>,
          .run = run<P, bevel_lift_splat_forward>,
          .workspace = query<P, bevel_lift_splat_forward_workspace>};
}

Operator backward() {
  using P = bevel_lift_splat_backward_params;
  return {.name = "lift_splat_backward",
          .struct_size = sizeof(P),
          .symbols = kSymbols,
          .tensors = with_workspace(joined(call_inputs<P>(), {{.name = "grad_out",
                                                               .offset = AT(P, grad_out),
                                                               .role = Role::kRead,
                                                               .type = Type::kOther,
                                                               .shape = "B Z C Y X"},
                                                              {.name = "probabilities",
                                                               .offset = AT(P, probabilities),
                                                               .role = Role::kRead,
                                                               .type = Type::kExact,
                                                               .shape = "B N D H W"},
                                                              {.name = "grad_depth",
                                                               .offset = AT(P, grad_depth),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B N D H W",
                                                               .free = 2,
                                                               .left_out = 0.3},
                                                              {.name = "grad_context",
                                                               .offset = AT(P, grad_context),
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B N C H W",
                                                               .shape_last = "B N H W C",
                                                               .free = 2,
                                                               .left_out = 0.3}}),
                                    AT(P, workspace)),
          .numbers = call_numbers<P>(),
          .derive = derive_call,
          .choose =
              [](Draw& d) {
                choose_call(d, "grad_out");
                d.tensor("grad_depth").given |= !d.tensor("grad_context").given;
              },
          .fill = build_plan,
          .write_numbers = write_call<P>,
          .run = run<P, bevel_lift_splat_backward>,
          .workspace = query<P, bevel_lift_splat_backward_workspace>};
}

Operator info() {
  Operator op = forward();
  op.name = "lift_splat_plan_read_info";
  op.struct_size = sizeof(OfInfo);
  op.tensors = {{.name = "plan",
                 .offset = AT(OfInfo, plan),
                 .role = Role::kRead,
                 .type = Type::kInt32,
                 .shape = "PLAN",
                 .indices = true}};
  op.numbers = {};
  op.choose = [](Draw&) {};
  op.write_numbers = [](Draw&) {};
  op.run = read_info;
  op.workspace = nullptr;
  op.has_threads = false;
  return op;
}

const Registration kRegistered({plan_operator(), points_operator(), cells_operator(), info(), forward(),
                                backward()});

}  // namespace
}  // namespace bevel::operators
