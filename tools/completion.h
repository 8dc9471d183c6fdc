// Completion in shells. The shell asks the program itself, which looks into its command line: the two cannot disagree.
#pragma once

#include "command_line.h"

namespace erg::tools {

/// Whether a shell asks: `erg completion -- WORD...`, the words behind the program's name up to the cursor.
bool asks_for_completion(const Words& words);

/// Prints, a line each, what the last of these words can become: commands, options of this command and system, words an
/// option knows. Nothing where anything goes, such as a file. Returns the exit code.
int complete(const Words& words);

}  // namespace erg::tools
