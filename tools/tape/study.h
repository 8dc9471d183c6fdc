// What `erg tape` found, as text to read, as JSON and as a page of HTML.
#pragma once

#include "../bench/report.h"
#include "../settings.h"
#include "profile.h"

namespace erg::tools {

struct TapeStudy {
  Settings settings;
  int64_t repeats;
  StepProfile step;
  double unwatched_seconds;  // of a step that nobody watched, the fastest
  Environment environment;
  std::vector<CeilingFigure> ceilings;
  std::vector<std::string> remarks;

  /// The host's own work, which no launch accounts for.
  double unaccounted_seconds() const { return step.seconds - cost_of(step).seconds; }
};

/// Measures a training step of the system that the settings name; see tape.cpp for what is measured how.
TapeStudy study_tape(const Settings& settings, int64_t repeats);

std::string tape_text(const TapeStudy& study);
std::string tape_json(const TapeStudy& study);
std::string tape_page(const TapeStudy& study);

// ---- What they share

/// The sums by operation, and what is left over, as a report.
Report summary_of(const TapeStudy& study);
/// "gan on 25gaussians, preset small, batch 256"
std::string title_of(const TapeStudy& study);
/// "#7 [64,128]", "critic.0.weight [2,128]", "[64,2]".
std::string text_of(const Operand& operand);
/// "#20 to #23": the nodes that this node's VJPs were recorded as; "" if they were not.
std::string recorded_vjp(const RecordedTape& tape, int node);
/// The tape before this one that is just like it, if it was shown; else the tape itself.
size_t shown_as(const StepProfile& step, size_t tape);
/// "12.3 ms" of 0.0123.
std::string milliseconds(double seconds);

}  // namespace erg::tools
