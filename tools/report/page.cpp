#include "page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace erg::tools::page {

namespace {

template <class... Value>
std::string format(const char* text, Value... values) {
  char line[256];
  std::snprintf(line, sizeof line, text, values...);
  return line;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (i + j < bytes.size() ? uint8_t(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) out += i + j > bytes.size() ? '=' : digits[group >> (18 - 6 * j) & 63];
  }
  return out;
}

std::string picture(std::string_view png, const std::string& caption) {
  return "<figure><img alt=\"" + escaped(caption) + "\" src=\"data:image/png;base64," + base64(png) +
         "\"><figcaption>" + escaped(caption) + "</figcaption></figure>\n";
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<table>\n";
  for (const auto& row : rows) {
    const char* tag = &row == &rows.front() ? "th" : "td";
    out += "<tr>";
    for (const std::string& cell : row) out += format("<%s>", tag) + cell + format("</%s>", tag);
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

std::string swatch(int colour) { return format("<span class=\"swatch c%d\"></span>", colour % 8); }

// ---- Charts

namespace {

constexpr double width = 420, height = 200, left = 56, right = 22, top = 8, bottom = 24;

/// An interval of the numbers and the pixels that show it.
struct Axis {
  double low, high, first_pixel, last_pixel;

  double pixel(double value) const {
    const double share = (std::clamp(value, low, high) - low) / (high - low);
    return first_pixel + share * (last_pixel - first_pixel);
  }
  /// Three to six round numbers: 1, 2 or 5 times a power of ten apart.
  std::vector<double> ticks() const {
    const double rough = (high - low) / 4, power = std::pow(10, std::floor(std::log10(rough)));
    const double times = rough / power;  // from 1 to 10
    const double step = power * (times < 1.5 ? 1 : times < 2 ? 2 : times < 5 ? 5 : 10);
    std::vector<double> all;
    const double first = std::ceil(low / step);
    for (int i = 0; i < 8 && (first + i) * step <= high; ++i) all.push_back((first + i) * step + 0.0);  // never -0
    return all;
  }
};

Axis axis_of(std::vector<double> values, double outermost, double first_pixel, double last_pixel) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) values = {0, 1};
  std::ranges::sort(values);
  const auto at = [&](double share) { return values[size_t(std::lround(share * double(values.size() - 1)))]; };
  double low = at(outermost), high = at(1 - outermost);
  if (!(low < high)) low -= std::abs(low) / 2 + 0.5, high += std::abs(high) / 2 + 0.5;
  return {low, high, first_pixel, last_pixel};
}

std::string axes(const Axis& x, const Axis& y) {
  std::string out;
  for (const double t : y.ticks())
    out += format("<line class=grid x1=%.1f x2=%.1f y1=%.1f y2=%.1f />", x.first_pixel, x.last_pixel, y.pixel(t),
                  y.pixel(t)) +
           format("<text x=%.1f y=%.1f text-anchor=end>%.4g</text>", x.first_pixel - 4, y.pixel(t) + 4, t);
  for (const double t : x.ticks())
    out += format("<text x=%.1f y=%.1f text-anchor=middle>%.6g</text>", x.pixel(t), height - 8, t);
  return out;
}

std::string line(const Curve& curve, const Axis& x, const Axis& y) {
  std::string path;
  bool pen_down = false;
  for (const auto& [at, value] : curve.points) {
    if (std::isfinite(value)) path += format("%c%.1f %.1f", pen_down ? 'L' : 'M', x.pixel(at), y.pixel(value));
    pen_down = std::isfinite(value);
  }
  return format("<path class=c%d d=\"", curve.colour % 8) + path + "\"><title>" + escaped(curve.name) +
         "</title></path>";
}

}  // namespace

std::string chart(const std::string& title, const std::vector<Curve>& curves) {
  std::vector<double> xs, ys;
  for (const Curve& curve : curves)
    for (const auto& [at, value] : curve.points) xs.push_back(at), ys.push_back(value);
  const Axis x = axis_of(xs, 0, left, width - right), y = axis_of(ys, 0.01, height - bottom, top);
  std::string out = format("<figure><svg viewBox=\"0 0 %.0f %.0f\" role=img>", width, height) + axes(x, y);
  for (const Curve& curve : curves) out += line(curve, x, y);
  return out + "</svg><figcaption>" + escaped(title) + "</figcaption></figure>\n";
}

std::string document(const std::string& title, const std::string& body, const std::string& style) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
         escaped(title) + R"(</title>
<style>
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #ddd; --soft: #666;
  --c0: #1f6fb4; --c1: #d1601f; --c2: #2c8a4b; --c3: #b3313a; --c4: #7a56b3; --c5: #7d5a4a; --c6: #c04a97; --c7: #6b6b2a; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --faint: #383838; --soft: #999;
  --c0: #66aee8; --c1: #f0934e; --c2: #67c587; --c3: #ee7880; --c4: #b497e6; --c5: #c09a88; --c6: #e88bc8; --c7: #b8b866; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1000px;
  margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
section { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-end; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: 13px; text-align: center; }
svg { width: 470px; max-width: 100%; } svg text { font-size: 11px; fill: var(--soft); }
svg path { fill: none; stroke-width: 1.2; stroke-linejoin: round; } .grid { stroke: var(--faint); }
img { image-rendering: pixelated; width: 300px; max-width: 100%; border: 1px solid var(--faint); }
table { border-collapse: collapse; font-size: 14px; } td, th { text-align: left; padding: 2px 14px 2px 0; }
th { font-weight: 600; border-bottom: 1px solid var(--faint); } summary { cursor: pointer; }
.swatch { display: inline-block; width: 1.4em; height: 4px; margin-right: .5em; vertical-align: middle; }
path.c0 { stroke: var(--c0); } path.c1 { stroke: var(--c1); } path.c2 { stroke: var(--c2); } path.c3 { stroke: var(--c3); }
path.c4 { stroke: var(--c4); } path.c5 { stroke: var(--c5); } path.c6 { stroke: var(--c6); } path.c7 { stroke: var(--c7); }
.swatch.c0 { background: var(--c0); } .swatch.c1 { background: var(--c1); } .swatch.c2 { background: var(--c2); }
.swatch.c3 { background: var(--c3); } .swatch.c4 { background: var(--c4); } .swatch.c5 { background: var(--c5); }
.swatch.c6 { background: var(--c6); } .swatch.c7 { background: var(--c7); }
)" + style +
         "</style>\n" + body + "</html>\n";
}

}  // namespace erg::tools::page
