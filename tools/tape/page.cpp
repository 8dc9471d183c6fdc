// The study as a page: each tape as a table, the way forward on the left and the way back on the right.
#include "../report/page.h"

#include <algorithm>
#include <cstdio>

#include "study.h"

namespace erg::tools {

namespace {

using page::escaped;

constexpr const char* style = R"(
body { max-width: 1500px; }
table.tape { width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
table.tape td, table.tape th { padding: 2px 10px 2px 0; vertical-align: top; }
table.tape tr:hover { background: color-mix(in srgb, var(--faint) 50%, transparent); }
.number { text-align: right !important; white-space: nowrap; }
.node, .shape, .small { color: var(--soft); } .shape { white-space: nowrap; }
.back { border-left: 2px solid var(--faint); padding-left: 10px !important; }
.time { position: relative; min-width: 110px; text-align: right !important; white-space: nowrap; }
.time i { position: absolute; left: 0; top: 3px; height: 1.2em; border-radius: 2px; }
.forward i, i.forward { background: var(--c0); } .vjp i, i.vjp { background: var(--c1); }
.outside i, i.outside { background: var(--c2); } i.host { background: var(--soft); }
tr.second td:first-child { border-left: 4px solid var(--c4); } tr.hot td.op { font-weight: 600; }
.share { display: flex; height: 22px; border-radius: 3px; overflow: hidden; } .share i { display: block; }
.key i { display: inline-block; width: 1em; height: .8em; margin: 0 .4em 0 1.2em; border-radius: 2px; }
p { max-width: 75em; } details { margin: .4em 0; }
)";

template <class... Value>
std::string format(const char* text, Value... values) {
  char line[256];
  std::snprintf(line, sizeof line, text, values...);
  return line;
}

std::string kilobytes(double bytes) { return bytes > 0 ? format("%.1f", 1e-3 * bytes) : ""; }
std::string megaflops(double flops) { return flops > 0 ? format("%.2f", 1e-6 * flops) : ""; }

std::string microseconds(double seconds) { return format("%.1f", 1e6 * seconds); }

std::string cell(const std::string& classes, const std::string& content, const std::string& tooltip = "") {
  return "<td class=\"" + classes + "\"" + (tooltip.empty() ? "" : " title=\"" + escaped(tooltip) + "\"") + ">" +
         content + "</td>";
}

/// What launches were and took, a line each, for whoever points at them.
std::string tooltip_of(const std::vector<Launched>& launches) {
  std::string text;
  for (const Launched& l : launches)
    text += (text.empty() ? "" : "\n") + l.kernel + (l.op.empty() ? "" : ", " + l.op + " " + to_string(l.result)) +
            ": " + microseconds(l.seconds) + " us" +
            (l.least_seconds > 0 ? ", at least " + format("%.2g", 1e6 * l.least_seconds) + " by " + l.ceiling : "");
  return text;
}

/// A time, with a bar that is longer and darker the more of the longest time it is.
std::string time_cell(const Cost& cost, const char* way, double longest, const std::string& tooltip = "") {
  const double share = longest > 0 ? cost.seconds / longest : 0;
  return cell(
      std::string("time ") + way,
      format("<i style=\"width:%.1f%%;opacity:%.2f\"></i>", 55 * share, 0.3 + 0.4 * share) + microseconds(cost.seconds),
      tooltip);
}

/// Cells of bytes, FLOP, time with a bar, and share of the ceiling. `longest` fills the bar.
std::string cost_cells(const std::vector<Launched>& launches, const char* way, double longest) {
  const Cost cost = cost_of(launches);
  if (launches.empty()) return "<td></td><td></td><td></td><td></td>";
  return cell("number", kilobytes(cost.bytes)) + cell("number", megaflops(cost.flops)) +
         time_cell(cost, way, longest, tooltip_of(launches)) +
         cell("number", cost.least() > 0 ? format("%.0f %%", 100 * cost.share()) : "", cost.ceiling());
}

std::string operand(const Operand& x) {
  const std::string who = x.name.empty() ? x.node >= 0 ? format("#%d", x.node) : "" : x.name;
  return escaped(who) + " <span class=shape>" + to_string(x.shape) + "</span>";
}

/// What a node keeps, a line each.
std::string keeps_text(const TapeNode& node) {
  std::string text = "keeps";
  for (const Operand& x : node.keeps) text += "\n" + text_of(x);
  return text;
}

std::string operands(const std::vector<Operand>& all) {
  std::string text;
  for (const Operand& x : all) text += (text.empty() ? "" : ", ") + operand(x);
  return text;
}

/// What the VJP was made of: the operations, or kernels, in order.
std::string vjp_text(const RecordedTape& tape, const TapeNode& node) {
  const std::string recorded = recorded_vjp(tape, node.output.node);
  std::string text = recorded.empty() ? "" : "<span class=small>recorded as " + recorded + "</span>";
  for (const Launched& l : node.backward) {
    text += (text.empty() ? "" : "<br>") + escaped(l.op.empty() ? l.kernel : l.op);
    if (!l.op.empty()) text += " <span class=shape>" + to_string(l.result) + "</span>";
  }
  return text;
}

std::string row(const RecordedTape& tape, const TapeNode& node, double longest) {
  const int64_t kept = kept_bytes(node);
  const bool hot = cost_of(node.forward).seconds + cost_of(node.backward).seconds > longest / 2;
  std::string classes = node.recorded_by >= 0 ? "second" : "";
  if (hot) classes += " hot";
  std::string of;
  if (node.recorded_by >= 0) of = format(" <span class=small>for #%d</span>", node.recorded_by);
  if (node.computed_with >= 0) of = format(" <span class=small>with #%d</span>", node.computed_with);
  return "<tr class=\"" + classes + "\">" + cell("node", format("#%d", node.output.node)) +
         cell("op", escaped(node.op) + of) + cell("", operands(node.inputs)) +
         cell("shape", to_string(node.output.shape)) +
         cell("number", kilobytes(double(kept)), node.keeps.empty() ? "" : keeps_text(node)) +
         cost_cells(node.forward, "forward", longest) + cell("back", vjp_text(tape, node)) +
         cost_cells(node.backward, "vjp", longest) + "</tr>\n";
}

struct Head {
  const char *word, *kind = "";
};

std::string heads(const std::vector<Head>& all) {
  std::string text = "<tr>";
  for (const Head& head : all) text += std::string("<th class=\"") + head.kind + "\">" + head.word + "</th>";
  return text + "</tr>\n";
}

std::string leaves_of(const RecordedTape& tape) {
  std::string text;
  for (const TapeNode& node : tape.nodes)
    if (node.op == "leaf")
      text += (text.empty() ? "" : ", ") + format("<span class=node>#%d</span> ", node.output.node) +
              operand({node.output.shape, -1, node.output.name});
  return text;
}

/// The longest time of a cell on any tape: bars of all tapes have one scale.
double longest_cell(const StepProfile& step) {
  double longest = 0;
  for (const RecordedTape& tape : step.tapes)
    for (const TapeNode& node : tape.nodes)
      longest = std::max({longest, cost_of(node.forward).seconds, cost_of(node.backward).seconds});
  return longest;
}

std::string tape_section(const StepProfile& step, size_t i) {
  const RecordedTape& tape = step.tapes[i];
  const size_t like = shown_as(step, i);
  std::string text = format("<h2 id=tape%zu>Tape %zu", i + 1, i + 1) + " watches " + escaped(tape.watches) +
                     (tape.depth > 0 ? ", inside another tape" : "") + "</h2>\n<p>Forward " +
                     milliseconds(forward_of(tape).seconds) + ", VJPs " + milliseconds(backward_of(tape).seconds) +
                     "; " + kilobytes(double(tape.kept_bytes)) + " kB of values kept for the sweep.";
  if (like < i) return text + format(" As <a href=\"#tape%zu\">tape %zu</a>.</p>\n", like + 1, like + 1);
  text += "</p>\n<details><summary>leaves</summary><p>" + leaves_of(tape) + "</p></details>\n";
  text += "<table class=tape>\n" + heads({{""},
                                          {"operation"},
                                          {"inputs"},
                                          {"output"},
                                          {"keeps kB", "number"},
                                          {"kB", "number"},
                                          {"MFLOP", "number"},
                                          {"us", "time"},
                                          {"ceiling", "number"},
                                          {"its VJP", "back"},
                                          {"kB", "number"},
                                          {"MFLOP", "number"},
                                          {"us", "time"},
                                          {"ceiling", "number"}});
  const double longest = longest_cell(step);
  for (const TapeNode& node : tape.nodes)
    if (node.op != "leaf") text += row(tape, node, longest);
  return text + "</table>\n";
}

std::string outside_section(const StepProfile& step) {
  double longest = 0;
  for (const Unrecorded& row : step.outside) longest = std::max(longest, cost_of(row.launches).seconds);
  std::string text =
      "<h2>On no tape</h2>\n<p>Operations that nobody differentiates, and kernels that are none: optimisers, "
      "noise.</p>\n"
      "<table class=tape>\n" +
      heads({{"operation or kernel"},
             {"output"},
             {"count", "number"},
             {"kB", "number"},
             {"MFLOP", "number"},
             {"us", "time"},
             {"ceiling", "number"}});
  for (const Unrecorded& row : step.outside)
    text += "<tr>" + cell("op", escaped(row.name)) +
            cell("shape", row.launches.front().op.empty() ? "" : to_string(row.output.shape)) +
            cell("number", std::to_string(row.count)) + cost_cells(row.launches, "outside", longest) + "</tr>\n";
  return text + "</table>\n";
}

std::string bar(const char* kind, double seconds, double whole) {
  return format("<i class=%s style=\"width:%.2f%%\" title=\"%s\"></i>", kind, 100 * seconds / whole,
                milliseconds(seconds).c_str());
}

std::string summary_section(const TapeStudy& study) {
  const StepProfile& step = study.step;
  Cost forward, backward, outside;
  for (const RecordedTape& tape : step.tapes) forward += forward_of(tape), backward += backward_of(tape);
  for (const Unrecorded& row : step.outside) outside += cost_of(row.launches);
  const double host = study.unaccounted_seconds();
  std::string text =
      "<div class=share>" + bar("forward", forward.seconds, step.seconds) + bar("vjp", backward.seconds, step.seconds) +
      bar("outside", outside.seconds, step.seconds) + bar("host", host, step.seconds) +
      "</div>\n<p class=key>A step of " + milliseconds(step.seconds) + " (" + milliseconds(study.unwatched_seconds) +
      " unwatched, at best):<i class=forward></i>forward " + milliseconds(forward.seconds) + "<i class=vjp></i>VJPs " +
      milliseconds(backward.seconds) + "<i class=outside></i>on no tape " + milliseconds(outside.seconds) +
      "<i class=host></i>unaccounted: the host's own work, and the watching, " + milliseconds(host) + "</p>\n";
  const std::vector<OpSum> sums = sums_by_op(step);
  text += "<table class=tape>\n" + heads({{"operation"},
                                          {"count", "number"},
                                          {"forward us", "time"},
                                          {"VJP us", "time"},
                                          {"on no tape us", "time"},
                                          {"% of step", "number"},
                                          {"MFLOP", "number"},
                                          {"kB", "number"},
                                          {"ceiling", "number"},
                                          {"bound by"}});
  const double longest = sums.empty() ? 0 : sums.front().seconds();
  const auto time = [&](const Cost& cost, const char* way) {
    return cost.seconds > 0 ? time_cell(cost, way, longest) : "<td></td>";
  };
  for (const OpSum& sum : sums) {
    Cost all = sum.forward;
    (all += sum.backward) += sum.outside;
    text += "<tr>" + cell("op", escaped(sum.name)) + cell("number", std::to_string(sum.count)) +
            time(sum.forward, "forward") + time(sum.backward, "vjp") + time(sum.outside, "outside") +
            cell("number", format("%.1f", 100 * sum.seconds() / step.seconds)) + cell("number", megaflops(all.flops)) +
            cell("number", kilobytes(all.bytes)) +
            cell("number", all.least() > 0 ? format("%.0f %%", 100 * all.share()) : "") + cell("", all.ceiling()) +
            "</tr>\n";
  }
  return text + "</table>\n";
}

constexpr const char* how_to_read = R"(<p>A tape is a list: each operation adds a row as it computes its output, so the
left half was computed from top to bottom. The reverse sweep then goes from bottom to top: at each row it takes the
gradient of the output, and the row's vector-Jacobian product (VJP, right half) makes of it the gradients of those inputs
that are on the tape. For that the row has kept some values; parameters among them are not counted, as they live anyway.
A row "for" another one, with a bar at its left, is a part of that one's VJP, recorded because it will be differentiated
again. A row "with" another one was computed by that one's kernel.</p>
<p>kB is what must be moved, every input read and every result written once. MFLOP is of products and convolutions.
Ceiling is the least time that the ceilings measured on this machine allow for the two, as a share of the time it took.
Point at a time to see its kernels, at a share to see what binds it.</p>
)";

}  // namespace

std::string tape_page(const TapeStudy& study) {
  const StepProfile& step = study.step;
  std::string body = "<h1>" + escaped(title_of(study)) + "</h1>\n<p class=small>";
  for (const char c : escaped(table_head(summary_of(study)))) body += c == '\n' ? "<br>" : std::string(1, c);
  for (const std::string& remark : study.remarks) body += escaped(remark) + "<br>";
  body += "</p>\n" + summary_section(study) + how_to_read;
  for (size_t i = 0; i < step.tapes.size(); ++i) body += tape_section(step, i);
  return page::document("Tapes of " + title_of(study), body + outside_section(step), style);
}

}  // namespace erg::tools
