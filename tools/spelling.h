// What somebody who mistyped a word meant.
#pragma once

#include <string>
#include <vector>

namespace erg::tools {

/// The known word that is nearest to the typed one: at most a third of its letters are wrong, missing, too many or
/// swapped with a neighbour (Damerau-Levenshtein), or it begins with it. Empty where none is near.
std::string nearest(const std::string& typed, const std::vector<std::string>& known);

/// ", did you mean 'gan'?", or nothing where no known word is near.
std::string did_you_mean(const std::string& typed, const std::vector<std::string>& known);

/// "unknown system 'gam', did you mean 'gan'? There are gan, lsgan"
std::string unknown(const std::string& kind, const std::string& typed, const std::vector<std::string>& known);

}  // namespace erg::tools
