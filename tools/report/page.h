// The parts of a page: one HTML file that needs nothing beside it. Pictures are inside it, curves are SVG.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace erg::tools::page {

/// Text as it may stand in a page, in an attribute too.
std::string escaped(std::string_view text);

/// RFC 4648.
std::string base64(std::string_view bytes);

/// A picture with a line below; `png` is the content of its file.
std::string picture(std::string_view png, const std::string& caption);

/// A row for each list; the first is the heading.
std::string table(const std::vector<std::vector<std::string>>& rows);

struct Curve {
  std::string name;
  int colour;                                     // which of the page's: 0, 1, ...
  std::vector<std::pair<double, double>> points;  // x rising; a y that is not finite leaves a gap
};

/// Curves over one pair of axes. The y axis spans what all but the outermost hundredth of the points do; the rest is
/// drawn at its edge.
std::string chart(const std::string& title, const std::vector<Curve>& curves);

/// The mark of a colour, for a legend.
std::string swatch(int colour);

/// The whole file. `style` is CSS on top of what all pages have.
std::string document(const std::string& title, const std::string& body, const std::string& style = "");

}  // namespace erg::tools::page
