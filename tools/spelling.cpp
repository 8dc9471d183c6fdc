#include "spelling.h"

#include <algorithm>

#include "error.h"

namespace erg::tools {

namespace {

/// How many letters to change, insert, leave out or swap with the next to come from one word to the other.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(const std::string& typed, const std::vector<std::string>& known) {
  std::string best;
  size_t least = std::max<size_t>(1, typed.size() / 3) + 1;
  for (const std::string& word : known) {
    const size_t d = typed.size() > 2 && word.starts_with(typed) ? 1 : distance(typed, word);
    if (d < least) {
      least = d;
      best = word;
    }
  }
  return best;
}

std::string did_you_mean(const std::string& typed, const std::vector<std::string>& known) {
  const std::string word = nearest(typed, known);
  return word.empty() ? "" : ", did you mean '" + word + "'?";
}

std::string unknown(const std::string& kind, const std::string& typed, const std::vector<std::string>& known) {
  const std::string meant = did_you_mean(typed, known);
  return "unknown " + kind + " '" + typed + "'" + (meant.empty() ? "; there are " : meant + " There are ") +
         join(known);
}

}  // namespace erg::tools
