// The study as text and as JSON.
#include <nlohmann/json.hpp>

#include "study.h"

namespace erg::tools {

namespace {

using Json = nlohmann::ordered_json;

// ---- Text

/// The columns of one way through a node, and its cells.
std::vector<Column> cost_columns(const std::string& way) {
  return {{way + "_kb", "kB", "%.1f", 1e-3},
          {way + "_mflop", "MFLOP", "%.2f", 1e-6},
          {way + "_us", way, "%.1f us", 1e6},
          {way + "_share", "ceiling", "%.0f %%", 100}};
}
std::vector<Cell> cost_cells(const std::vector<Launched>& launches) {
  if (launches.empty()) return {{}, {}, {}, {}};
  const Cost cost = cost_of(launches);
  return {cost.bytes, cost.flops > 0 ? Cell(cost.flops) : Cell(), cost.seconds,
          cost.least() > 0 ? Cell(cost.share()) : Cell()};
}

void append(std::vector<Cell>& row, const std::vector<Cell>& cells) {
  row.insert(row.end(), cells.begin(), cells.end());
}

std::string inputs_text(const TapeNode& node) {
  std::string text;
  for (const Operand& x : node.inputs) text += (text.empty() ? "" : ", ") + text_of(x);
  return text;
}

std::string remark_on(const RecordedTape& tape, const TapeNode& node) {
  std::string text;
  if (node.recorded_by >= 0) text = "in the VJP of #" + std::to_string(node.recorded_by);
  if (node.computed_with >= 0) text = "computed with #" + std::to_string(node.computed_with);
  const std::string vjp = recorded_vjp(tape, node.output.node);
  if (!vjp.empty()) text += (text.empty() ? "" : ", ") + ("VJP recorded: " + vjp);
  return text;
}

std::string nodes_text(const RecordedTape& tape) {
  Report table;
  table.columns = {{"node", "node"},
                   {"op", "operation"},
                   {"inputs", "inputs"},
                   {"output", "output"},
                   {"keeps", "keeps kB", "%.1f", 1e-3}};
  for (const char* way : {"forward", "VJP"})
    for (const Column& column : cost_columns(way)) table.columns.push_back(column);
  table.columns.push_back({"remark", ""});
  for (const TapeNode& node : tape.nodes) {
    if (node.op == "leaf") continue;
    std::vector<Cell> row = {"#" + std::to_string(node.output.node), node.op, inputs_text(node),
                             to_string(node.output.shape), Cell()};
    if (const int64_t kept = kept_bytes(node); kept > 0) row.back() = double(kept);
    append(row, cost_cells(node.forward));
    append(row, cost_cells(node.backward));
    row.emplace_back(remark_on(tape, node));
    table.rows.push_back(row);
  }
  return table_body(table);
}

std::string tape_title(const StepProfile& step, size_t i) {
  const RecordedTape& tape = step.tapes[i];
  const int64_t leaves = std::ranges::count(tape.nodes, "leaf", &TapeNode::op);
  char kept[32];
  std::snprintf(kept, sizeof kept, "%.1f", 1e-3 * double(tape.kept_bytes));
  return "tape " + std::to_string(i + 1) + (tape.depth > 0 ? ", inside another" : "") + ", watches " + tape.watches +
         ": " + std::to_string(leaves) + " leaves, " + std::to_string(int64_t(tape.nodes.size()) - leaves) +
         " operations, " + kept + " kB kept; forward " + milliseconds(forward_of(tape).seconds) + ", VJPs " +
         milliseconds(backward_of(tape).seconds);
}

std::string outside_text(const StepProfile& step) {
  Report table;
  table.columns = {{"name", "operation or kernel"}, {"output", "output"}, {"count", "count"}};
  for (const Column& column : cost_columns("forward")) table.columns.push_back(column);
  for (const Unrecorded& row : step.outside) {
    const bool is_op = !row.launches.front().op.empty();
    std::vector<Cell> cells = {row.name, is_op ? to_string(row.output.shape) : "", int64_t(row.count)};
    append(cells, cost_cells(row.launches));
    table.rows.push_back(cells);
  }
  return table_body(table);
}

// ---- JSON

Json json_of(const Shape& shape) { return std::vector<int64_t>(shape.begin(), shape.end()); }

Json json_of(const Operand& operand) {
  return {{"shape", json_of(operand.shape)},
          {"node", operand.node >= 0 ? Json(operand.node) : Json(nullptr)},
          {"name", operand.name.empty() ? Json(nullptr) : Json(operand.name)}};
}

Json json_of(const Launched&);
Json json_of(const TapeNode&);
Json json_of(const RecordedTape&);
Json json_of(const Unrecorded&);

template <class T>
Json json_list(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(json_of(item));
  return list;
}

Json json_of(const Launched& l) {
  return {{"kernel", l.kernel},
          {"op", l.op.empty() ? Json(nullptr) : Json(l.op)},
          {"result", l.op.empty() ? Json(nullptr) : json_of(l.result)},
          {"seconds", l.seconds},
          {"flops", l.flops},
          {"bytes", l.bytes}};
}

Json work_of(const std::vector<Launched>& launches) {
  const Cost cost = cost_of(launches);
  return {{"seconds", cost.seconds},
          {"flops", cost.flops},
          {"bytes", cost.bytes},
          {"least_seconds", cost.least()},
          {"ceiling", cost.ceiling().empty() ? Json(nullptr) : Json(cost.ceiling())},
          {"kernels", json_list(launches)}};
}

Json json_of(const TapeNode& node) {
  return {{"node", node.output.node},
          {"op", node.op},
          {"computed_with", node.computed_with >= 0 ? Json(node.computed_with) : Json(nullptr)},
          {"recorded_by", node.recorded_by >= 0 ? Json(node.recorded_by) : Json(nullptr)},
          {"inputs", json_list(node.inputs)},
          {"output", json_of(node.output)},
          {"keeps", json_list(node.keeps)},
          {"keeps_bytes", kept_bytes(node)},
          {"forward", work_of(node.forward)},
          {"backward", work_of(node.backward)}};
}

Json json_of(const RecordedTape& tape) {
  return {{"watches", tape.watches},
          {"depth", tape.depth},
          {"kept_bytes", tape.kept_bytes},
          {"nodes", json_list(tape.nodes)}};
}

Json json_of(const Unrecorded& row) {
  return {{"name", row.name}, {"output", json_of(row.output)}, {"count", row.count}, {"work", work_of(row.launches)}};
}

}  // namespace

std::string tape_text(const TapeStudy& study) {
  const Report summary = summary_of(study);
  const StepProfile& step = study.step;
  std::string text = table_head(summary) + title_of(study) + "\n\n";
  for (size_t i = 0; i < step.tapes.size(); ++i) {
    const size_t like = shown_as(step, i);
    text += tape_title(step, i) + (like < i ? "; as tape " + std::to_string(like + 1) + "\n\n" : "\n");
    if (like == i) text += nodes_text(step.tapes[i]) + "\n";
  }
  text += "on no tape\n" + outside_text(step) + "\n";
  text += "by operation\n" + table_body(summary) + "\n";
  text += "rows " + milliseconds(cost_of(step).seconds) + " + unaccounted (the host's own work, and the watching) " +
          milliseconds(study.unaccounted_seconds()) + " = step " + milliseconds(step.seconds) +
          "; unwatched, at best, " + milliseconds(study.unwatched_seconds) + "\n";
  for (const std::string& remark : summary.remarks) text += remark + "\n";
  return text;
}

std::string tape_json(const TapeStudy& study) {
  const Settings& s = study.settings;
  const Cost rows = cost_of(study.step);
  Json json = Json::parse(to_json(summary_of(study)));
  json["step"] = {{"system", s.system},
                  {"data", s.data},
                  {"preset", s.preset},
                  {"batch", s.batch},
                  {"repeats", study.repeats},
                  {"seconds", study.step.seconds},
                  {"unwatched_seconds", study.unwatched_seconds},
                  {"rows_seconds", rows.seconds},
                  {"unaccounted_seconds", study.unaccounted_seconds()},
                  {"flops", rows.flops},
                  {"bytes", rows.bytes}};
  json["tapes"] = json_list(study.step.tapes);
  json["outside"] = json_list(study.step.outside);
  return json.dump(2) + "\n";
}

}  // namespace erg::tools
